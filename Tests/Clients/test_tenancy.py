"""Accounts are wholly separate: B-AUTH-4. Whatever is another account's is as if it never existed."""

import pytest

from harness import (
    CONFIGURATIONS, CONVERSATIONS, DELIVERIES, LISTENERS, NO_CONFIGURATION, NO_CONVERSATION, NO_DELIVERY, NO_LISTENER, NO_OPERATION,
    NO_PARTICIPANT, NO_PAUSE, OPERATIONS, PAUSES, a_configuration, fresh_number, participant, participants_of, sms)


CALLBACK = "https://events.harbor.example/told"
# Ids that were never made, by the names that the routes below give them.
NOWHERE = {
    "configuration": NO_CONFIGURATION, "operation": NO_OPERATION, "conversation": NO_CONVERSATION, "participant": NO_PARTICIPANT,
    "delivery": NO_DELIVERY, "pause": NO_PAUSE, "listener": NO_LISTENER}


class Household:
    """An account with one of everything, and the login of its key."""

    def __init__(self, server, name):
        self.account = server.new_account(name)
        self.key = server.new_key(self.account)
        # The callback is paused, so that nothing leaves the machine.
        self.pause = self.account.post(PAUSES, {"url": CALLBACK}).json["id"]
        self.listener = self.account.post(LISTENERS, {"url": CALLBACK, "expiresInSeconds": 3600}).json["id"]
        accepted = self.account.post(CONFIGURATIONS, a_configuration(statusCallbacks=[{"url": CALLBACK}]))
        assert accepted.status == 202, accepted.body
        self.operation = accepted.headers["Operation-Id"]
        self.configuration = accepted.json["related"]["configurationId"]
        self.conversation = self.account.make_conversation(self.configuration)["id"]
        self.delivery = self.account.get(DELIVERIES, conversationId=self.conversation).json["deliveries"][0]["id"]
        self.participant = self.account.make_participant(self.conversation, sms(fresh_number(), channelId="CA4711"))["id"]


@pytest.fixture(scope="module")
def ours(server):
    return Household(server, "ours")


@pytest.fixture(scope="module")
def theirs(server):
    return Household(server, "theirs")


# Every route that takes an id and that the owner can take again and again, with a body that it would take.
ROUTES = [
    ("GET", "{configurations}/{configuration}", None),
    ("GET", "{operations}/{operation}", None),
    ("GET", "{conversations}/{conversation}", None),
    ("PUT", "{conversations}/{conversation}", {"status": "CLOSED"}),
    ("PATCH", "{conversations}/{conversation}", {"name": "taken"}),
    ("GET", "{conversations}/{conversation}/Participants", None),
    ("POST", "{conversations}/{conversation}/Participants", participant("AGENT")),
    ("GET", "{conversations}/{conversation}/Participants/{participant}", None),
    ("PUT", "{conversations}/{conversation}/Participants/{participant}", {"name": "taken"}),
    ("GET", "{deliveries}/{delivery}", None),
    ("GET", "{pauses}/{pause}", None),
    ("GET", "{listeners}/{listener}", None),
    ("PUT", "{listeners}/{listener}", {"expiresInSeconds": 3600}),
]


def path_to(route, **ids):
    return route.format(configurations=CONFIGURATIONS, operations=OPERATIONS, conversations=CONVERSATIONS, deliveries=DELIVERIES, pauses=PAUSES,
        listeners=LISTENERS, **ids)


def ids_of(household):
    return {name: getattr(household, name) for name in NOWHERE}


def without_ids(answer):
    return {name: value for name, value in answer.json.items() if name != "details"}


@pytest.mark.parametrize("login", ["account", "key"])
@pytest.mark.parametrize("method,route,body", ROUTES)
def test_another_accounts_ids_are_as_if_they_never_existed(ours, theirs, method, route, body, login):
    """B-AUTH-4, B-OP-6"""
    wire = getattr(ours, login)
    answer = wire.send(method, path_to(route, **ids_of(theirs)), body)
    never = wire.send(method, path_to(route, **NOWHERE), body)
    assert (answer.status, answer.json["code"]) == (404, 20404)
    assert (never.status, without_ids(never)) == (404, without_ids(answer))


@pytest.mark.parametrize("method,route,body", ROUTES)
def test_the_owner_and_its_key_reach_them(theirs, method, route, body):
    """B-AUTH-1: or the test above could not fail"""
    if (method, body) == ("PUT", {"status": "CLOSED"}):
        body = {"status": "ACTIVE"}
    for wire in (theirs.account, theirs.key):
        assert wire.send(method, path_to(route, **ids_of(theirs)), body).status in (200, 201)


@pytest.mark.parametrize("login", ["account", "key"])
def test_what_would_end_or_resend_another_accounts_things_reaches_nothing(ours, theirs, login):
    """B-AUTH-4: these the owner could do only once"""
    wire = getattr(ours, login)
    for answer in (
            wire.post(f"{DELIVERIES}/{theirs.delivery}/Resend"), wire.delete(f"{PAUSES}/{theirs.pause}"),
            wire.delete(f"{LISTENERS}/{theirs.listener}")):
        assert (answer.status, answer.json["code"]) == (404, 20404)
    for path in (f"{PAUSES}/{theirs.pause}", f"{LISTENERS}/{theirs.listener}"):
        assert theirs.account.get(path).status == 200
    shown = theirs.account.get(f"{DELIVERIES}/{theirs.delivery}").json
    assert (shown["state"], shown["paused"]) == ("PENDING", True)


def test_a_participant_is_not_reached_through_ones_own_conversation(ours, theirs):
    """B-AUTH-4, B-PART-9"""
    path = participants_of(ours.conversation, theirs.participant)
    assert ours.account.get(path).status == 404
    assert ours.account.put(path, {"name": "taken"}).status == 404


def test_another_accounts_configuration_makes_no_conversation(ours, theirs):
    """B-CONV-2"""
    answer = ours.account.post(CONVERSATIONS, {"configurationId": theirs.configuration})
    assert (answer.status, answer.json["code"]) == (404, 20404)


def test_lists_show_ones_own_alone(ours, theirs):
    """B-AUTH-4"""
    for path, key, field in [(CONVERSATIONS, "conversations", "conversation"), (CONFIGURATIONS, "configurations", "configuration"),
                             (DELIVERIES, "deliveries", "delivery"), (PAUSES, "pauses", "pause"), (LISTENERS, "listeners", "listener")]:
        listed = {item["id"] for item in ours.account.get(path).json[key]}
        assert getattr(ours, field) in listed and getattr(theirs, field) not in listed
    found = ours.account.get(CONVERSATIONS, channelId="CA4711").json["conversations"]
    assert [item["id"] for item in found] == [ours.conversation]


def test_grouping_does_not_meet_across_accounts(ours, theirs):
    """B-GROUP-3: inline conversations of two accounts with the same addresses"""
    people = [participant("CUSTOMER", sms(fresh_number())), participant("AI_AGENT", sms(fresh_number()))]
    for household in (ours, theirs):
        made = household.account.make_conversation(participants=people)
        household.account.close(made["id"])
        household.account.make_conversation(participants=people)


def test_a_page_token_is_of_no_use_to_another_account(ours, theirs):
    """B-PAGE-5"""
    ours.account.make_conversation()
    token = ours.account.get(CONVERSATIONS, pageSize=1).json["meta"]["nextToken"]
    assert ours.account.get(CONVERSATIONS, pageToken=token).status == 200
    answer = theirs.account.get(CONVERSATIONS, pageToken=token)
    assert (answer.status, answer.json["code"]) == (400, 20001)


def test_a_bridge_of_another_account_is_not_in_the_way(ours, theirs):
    """B-CFG-6: one configuration of the account"""
    bridge = {"serviceId": "IS" + "5" * 32}
    for household in (ours, theirs):
        household.account.make_configuration(conversationsV1Bridge=bridge)


def test_one_idempotency_key_may_be_used_by_two_accounts(ours, theirs):
    """B-IDEM-2"""
    header = {"Idempotency-Key": "5f0c9a52-7f43-4c1e-9a9e-2d1b8a6c4e10"}
    first, second = (
        household.account.send("POST", CONFIGURATIONS, a_configuration(description=name), header)
        for household, name in [(ours, "ours"), (theirs, "theirs")])
    assert (first.status, second.status) == (202, 202)
    assert first.json["related"] != second.json["related"]
