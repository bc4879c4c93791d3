"""What clients do from start to end: F-2 without its action, F-4, and F-7 without its delete."""

import itertools
import json

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest.conversations.v2.conversation import ConversationList
from twilio.rest.conversations.v2.participant import ParticipantList

from harness import NO_CONVERSATION, fresh_number, participant, participants_of, sms

Conversation = ConversationList.CreateConversationWithConfigRequest
Patch = ConversationList.PatchConversationByIdRequest
Update = ConversationList.UpdateConversationByIdRequest
Participant = ParticipantList.CreateParticipantInConversationRequest

CALLBACK = {"url": "https://hooks.harbortea.example/parley", "method": "POST"}


@pytest.mark.parametrize("channel,prefix", [("SMS", ""), ("WHATSAPP", "whatsapp:"), ("RCS", "rcs:")])
def test_an_outbound_message_finds_its_conversation_and_both_ends(client, wire, configuration, channel, prefix):
    """F-2: create, or reuse what the 409 names; then both ends by type, channel and exact address; CLOSED on failure"""
    customer, agent = ({"channel": channel, "address": prefix + fresh_number()} for _ in range(2))
    body = {"configurationId": configuration, "participants": [participant("CUSTOMER", customer), participant("AI_AGENT", agent)]}
    made = client.conversations.v2.conversations.create(Conversation(body))

    again = wire.post("/v2/Conversations", body)
    assert (again.status, again.headers["X-Conflicting-Resource-Id"]) == (409, made.id)

    people = client.conversations.v2.participants(made.id).list()
    for kind, address in [("CUSTOMER", customer), ("AI_AGENT", agent)]:
        (found,) = [person for person in people if person.type == kind and address in person.addresses]
        assert found.name == address["address"]

    assert client.conversations.v2.conversations(made.id).update(Update({"status": "CLOSED"})).status == "CLOSED"
    assert wire.post("/v2/Conversations", body).status == 201


def test_an_inbound_customer_and_the_agent_are_promoted_in_place(client, wire, configuration):
    """F-3, its participant writes: UNKNOWN at one's own address becomes AI_AGENT, an unknown sender CUSTOMER"""
    customer, agent = sms(fresh_number()), sms(fresh_number())
    conversation = wire.make_conversation(configuration, participants=[participant("UNKNOWN", customer), participant("UNKNOWN", agent)])
    people = client.conversations.v2.participants(conversation["id"])
    change = ParticipantList.UpdateParticipantInConversationRequest
    for person, kind in zip(people.list(), ["CUSTOMER", "AI_AGENT"], strict=True):
        promoted = people(person.id).update(change({"type": kind, "addresses": person.addresses, "name": person.name}))
        assert (promoted.id, promoted.type, promoted.addresses, promoted.name) == (person.id, kind, person.addresses, person.name)


def test_a_handoff_pauses_silences_resumes_and_closes(client, wire):
    """F-4"""
    configuration = wire.make_configuration(statusCallbacks=[CALLBACK])
    made = client.conversations.v2.conversations.create(Conversation({"configurationId": configuration, "name": "Late parcel"}))
    assert made.configuration["statusCallbacks"] == [CALLBACK]
    context = client.conversations.v2.conversations(made.id)
    assert context.update(Update({"status": "INACTIVE"})).status == "INACTIVE"
    silenced = context.patch(Patch({"configuration": {"statusCallbacks": []}}))
    assert (silenced.status, silenced.configuration["statusCallbacks"]) == ("INACTIVE", [])
    assert context.update(Update({"status": "ACTIVE"})).status == "ACTIVE"
    closed = context.update(Update({"status": "CLOSED"}))
    assert (closed.status, closed.name, closed.configuration["statusCallbacks"]) == ("CLOSED", "Late parcel", [])


class Shop:
    """An account with three pages of conversations: some closed, some paused, some with a call."""

    def __init__(self, wire):
        self.wire = wire
        self.client = wire.sdk()
        self.conversations = self.client.conversations.v2.conversations
        self.status, self.calls = {}, {"CA1": [], "CA2": []}
        configuration = wire.make_configuration()
        for status, call in itertools.product(["ACTIVE", "INACTIVE", "CLOSED"], ["CA1", "CA2", None]):
            address = sms(fresh_number(), **({"channelId": call} if call else {}))
            made = wire.make_conversation(configuration, participants=[participant("CUSTOMER", address)])
            assert wire.put(f"/v2/Conversations/{made['id']}", {"status": status}).status == 200
            self.status[made["id"]] = status
            if call:
                self.calls[call].append(made["id"])

    def expected(self, *statuses, call=None):
        """Newest first, as the lists are."""
        return [one for one in reversed(self.status) if self.status[one] in statuses and (not call or one in self.calls[call])]

    def listed(self, **filters):
        return [item.id for item in self.conversations.list(**filters)]


@pytest.fixture(scope="module")
def shop(server):
    return Shop(server.new_account("shop"))


def test_a_list_pages_by_itself_over_three_pages(shop):
    """F-7, B-PAGE-5"""
    everything = shop.expected("ACTIVE", "INACTIVE", "CLOSED")
    assert len(everything) == 9
    for size in (3, 4, 9, 50):
        assert shop.listed(page_size=size) == everything
    assert shop.listed(limit=7, page_size=3) == everything[:7]
    assert list(item.id for item in itertools.islice(shop.conversations.stream(page_size=2), 5)) == everything[:5]


@pytest.mark.parametrize("statuses", [["ACTIVE"], ["INACTIVE"], ["CLOSED"], ["ACTIVE", "INACTIVE"], ["INACTIVE", "CLOSED", "ACTIVE"]])
def test_a_list_is_filtered_by_status_on_every_page(shop, statuses):
    """F-7, B-CONV-20"""
    assert shop.listed(status=statuses, page_size=1) == shop.expected(*statuses)


def test_a_list_is_filtered_by_channel_id_on_every_page(shop):
    """F-7, B-CONV-20"""
    assert shop.listed(channel_id="CA1", page_size=1) == shop.expected("ACTIVE", "INACTIVE", "CLOSED", call="CA1")
    assert shop.listed(channel_id="CA2", status=["ACTIVE"]) == shop.expected("ACTIVE", call="CA2")
    assert shop.listed(channel_id="CA3") == []
    assert shop.listed(channel_id="CA") == []


def test_statuses_may_come_with_commas(shop, wire):
    """B-CONV-20"""
    twice = shop.listed(status=["ACTIVE,CLOSED"])
    assert twice == shop.expected("ACTIVE", "CLOSED")


# The second page as official clients ask for it: Python and Node repeat the query, Go and Java leave the filters out, PHP keeps the last
# of a repeated one. Names as their sources send them.
SECOND_PAGES = {
    "python": "pageSize=2&status=ACTIVE&status=CLOSED&channelId=CA1&pageToken={token}",
    "node": "status=ACTIVE&status=CLOSED&channelId=CA1&pageSize=2&pageToken={token}",
    "go": "pageSize=2&pageToken={token}",
    "java": "pageToken={token}&pageSize=2",
    "php": "pageSize=2&status=CLOSED&channelId=CA1&pageToken={token}",
    "wrong": "status=OPEN&channelId=&status=%00&pageToken={token}",
}


@pytest.mark.parametrize("query", SECOND_PAGES.values(), ids=SECOND_PAGES)
def test_a_token_carries_its_filters(shop, query):
    """B-PAGE-5: filters beside a token are not looked at, whatever they say"""
    wire = shop.wire
    page = wire.send("GET", "/v2/Conversations?pageSize=1&status=ACTIVE&status=CLOSED&channelId=CA1").json
    seen = page["conversations"]
    while token := page["meta"].get("nextToken"):
        answer = wire.send("GET", "/v2/Conversations?" + query.format(token=token))
        assert answer.status == 200, answer.body
        page = answer.json
        seen += page["conversations"]
    assert [item["id"] for item in seen] == shop.expected("ACTIVE", "CLOSED", call="CA1")


def test_a_token_carries_its_filters_through_the_sdk(shop):
    """B-PAGE-5, B-PAGE-8"""
    token = shop.conversations.page(status=["ACTIVE", "CLOSED"], page_size=2).next_token
    rest = shop.expected("ACTIVE", "CLOSED")[2:]
    for filters in [{"status": ["CLOSED", "ACTIVE"]}, {"status": ["ACTIVE"]}, {}, {"status": ["INACTIVE"], "channel_id": "CA1"}]:
        assert [item.id for item in shop.conversations.page(page_token=token, page_size=50, **filters)] == rest


def test_a_token_has_one_spelling(shop):
    """B-PAGE-5"""
    token = shop.wire.get("/v2/Conversations", pageSize=1).json["meta"]["nextToken"]
    assert shop.wire.get("/v2/Conversations", pageToken=token).status == 200
    for other in [token + "=", token + "==", token + "\n", " " + token, token.replace("-", "+").replace("_", "/") + "="]:
        assert shop.wire.get("/v2/Conversations", pageToken=other).status == 400


def test_a_client_creates_fetches_changes_and_updates(client, configuration):
    """F-7"""
    everything = client.conversations.v2.conversations
    made = everything.create(Conversation({"configurationId": configuration, "name": "First"}))
    assert everything(made.id).fetch().name == "First"
    assert everything(made.id).patch(Patch({"name": "Second"})).name == "Second"
    updated = everything(made.id).update(Update({"status": "INACTIVE", "name": "Third"}))
    assert (updated.status, updated.name) == ("INACTIVE", "Third")
    refetched = updated.fetch()
    assert (refetched.status, refetched.name, refetched.created_at) == ("INACTIVE", "Third", made.created_at)


@pytest.mark.parametrize("status,code,fault", [
    (400, 20001, lambda v2, conversation, taken: v2.participants(conversation).create(Participant({"name": "no addresses"}))),
    (404, 20404, lambda v2, conversation, taken: v2.conversations(NO_CONVERSATION).fetch()),
    (409, 20409, lambda v2, conversation, taken: v2.participants(conversation).create(Participant(participant("AGENT", taken)))),
], ids=["400", "404", "409"])
def test_an_error_is_an_exception_that_ends_in_the_servers_words(client, wire, conversation, status, code, fault):
    """F-7, B-ERR-3: status, code and message"""
    taken = sms(fresh_number())
    wire.make_participant(conversation, taken)
    with pytest.raises(TwilioRestException) as caught:
        fault(client.conversations.v2, conversation, taken)
    error = caught.value
    assert (error.status, error.code) == (status, code)
    said = json.loads(client.http_client._test_only_last_response.text)
    assert error.msg.endswith(f": {said['message']}")
    assert str(error).startswith(f"HTTP {status} error: ")


def test_a_wrong_login_is_an_exception(server):
    """F-7, B-AUTH-2"""
    stranger = server.wire
    stranger.secret = "wrong"
    with pytest.raises(TwilioRestException) as caught:
        stranger.sdk().conversations.v2.conversations(NO_CONVERSATION).fetch()
    error = caught.value
    assert (error.status, error.code) == (401, 20003)
    assert error.msg.endswith(": Authenticate")


def test_a_key_logs_the_sdk_in(server, wire, conversation):
    """B-AUTH-1: key SID and secret, as applications do"""
    key = server.new_key(wire)
    assert key.sdk().conversations.v2.conversations(conversation).fetch().account_id == wire.sid


def test_acknowledged_writes_are_there_after_a_restart(another_server):
    """The same folder, started again: the account, its key and every answer are as before; tokens do not expire (B-PAGE-5)"""
    server = another_server()
    wire = server.wire
    key = server.new_key(wire)
    made = [wire.make_conversation(participants=[participant("AGENT", sms(fresh_number()))]) for _ in range(3)]
    token = wire.get("/v2/Conversations", pageSize=1).json["meta"]["nextToken"]
    server.stop()
    server.start()
    again, key.port = server.wire, server.wire.port
    assert (again.sid, again.secret) == (wire.sid, wire.secret)
    for conversation in made:
        assert again.get(f"/v2/Conversations/{conversation['id']}").json == conversation
    rest = key.get("/v2/Conversations", pageToken=token).json["conversations"]
    assert [item["id"] for item in rest] == [made[1]["id"], made[0]["id"]]
    assert again.get(participants_of(made[0]["id"])).json["participants"] == made[0]["participants"]
