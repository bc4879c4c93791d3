"""Conversations through the official SDK: B-CONV, B-GROUP and the lists of B-PAGE.

What the SDK cannot send, it strips nulls for one, goes over the raw line.
"""

from datetime import datetime

import pytest
from twilio.base.exceptions import TwilioException
from twilio.rest.conversations.v2.conversation import ConversationList

from harness import (
    BY_ADDRESSES, BY_ADDRESSES_AND_CHANNEL, BY_PROFILE, CONVERSATIONS, MEMORY_STORE, NO_CONFIGURATION, NO_CONVERSATION, PROFILE,
    a_configuration, an_inline_configuration, fresh_number, participant, participants_of, refusal, sms)

Draft = ConversationList.CreateConversationWithConfigRequest
Patch = ConversationList.PatchConversationByIdRequest
Update = ConversationList.UpdateConversationByIdRequest

TIMEOUTS = {"SMS": {"statusTimeouts": {"inactive": 20, "closed": 90}}}
CALLBACK = {"url": "https://hooks.harbortea.example/parley", "method": "POST"}


def all_of(client):
    return client.conversations.v2.conversations


def test_a_conversation_is_created_active_and_fetched_the_same(client, configuration):
    """B-CONV-1, B-CONV-7, B-TIME-1, B-TIME-3, B-ID-4"""
    people = [participant("CUSTOMER", sms(fresh_number()), name="Mira"), participant("AI_AGENT", sms(fresh_number()))]
    made = all_of(client).create(
        Draft({"configurationId": configuration, "name": "Late parcel", "participants": people, "metadata": {"order.id": "HT-1"}}))
    assert made.id.startswith("conv_conversation_")
    assert (made.status, made.name, made.metadata) == ("ACTIVE", "Late parcel", {"order.id": "HT-1"})
    assert (made.configuration_id, made.account_id, made.action_id) == (configuration, client.account_sid, None)
    assert isinstance(made.created_at, datetime) and made.created_at == made.updated_at
    assert [(person["type"], person["addresses"]) for person in made.participants] == [
        (person["type"], person["addresses"]) for person in people]
    fetched = all_of(client).get(made.id).fetch()
    assert fetched.participants == made.participants
    assert fetched.configuration["conversationGroupingType"] == BY_ADDRESSES


def test_what_is_left_out_has_its_default(client, configuration):
    """B-CONV-9, B-CONV-10"""
    made = all_of(client).create(Draft({"configurationId": configuration}))
    assert (made.name, made.metadata, made.participants) == (None, {}, [])


def test_a_conversation_may_bring_its_own_configuration(client):
    """B-CONV-3"""
    made = all_of(client).create(Draft({"configuration": an_inline_configuration(channelSettings=TIMEOUTS)}))
    assert made.configuration_id is None
    assert made.configuration["memoryStoreId"] == MEMORY_STORE
    assert made.configuration["channelSettings"] == TIMEOUTS
    assert refusal(all_of(client).create, Draft({"name": "none"})).status == 400
    assert refusal(all_of(client).create, Draft({"configuration": {"memoryStoreId": MEMORY_STORE}})).status == 400


def test_an_unknown_configuration_is_not_found_and_a_malformed_one_refused(client):
    """B-CONV-2, B-HTTP-6"""
    assert refusal(all_of(client).create, Draft({"configurationId": NO_CONFIGURATION})).status == 404
    error = refusal(all_of(client).create, Draft({"configurationId": "tea"}))
    assert (error.status, error.details["problems"][0]["path"]) == (400, "configurationId")


def test_an_inline_configuration_wins_over_the_configuration_where_it_may(client, wire):
    """B-CONV-4, B-CONV-5"""
    named = wire.make_configuration(channelSettings={"SMS": {"statusTimeouts": {"closed": 5}}, "VOICE": {}}, statusCallbacks=[CALLBACK])
    over = {"statusCallbacks": [], "memoryExtractionEnabled": True, "channelSettings": TIMEOUTS, "intelligenceConfigurationIds": ["GA1"]}
    made = all_of(client).create(Draft({"configurationId": named, "configuration": over}))
    assert made.configuration["statusCallbacks"] == []
    assert made.configuration["memoryExtractionEnabled"] is True
    assert made.configuration["intelligenceConfigurationIds"] == ["GA1"]
    assert made.configuration["channelSettings"]["SMS"] == TIMEOUTS["SMS"]
    assert all_of(client).create(Draft({"configurationId": named})).configuration["statusCallbacks"] == [CALLBACK]
    for other in [{"conversationGroupingType": BY_PROFILE}, {"memoryStoreId": MEMORY_STORE[:-1] + "m"}]:
        assert refusal(all_of(client).create, Draft({"configurationId": named, "configuration": other})).status == 400
    same = {"conversationGroupingType": BY_ADDRESSES, "memoryStoreId": MEMORY_STORE}
    assert all_of(client).create(Draft({"configurationId": named, "configuration": same})).status == "ACTIVE"


def test_inline_participants_are_all_or_nothing(client, own_account):
    """B-CONV-6"""
    mine = own_account.sdk()
    configuration = own_account.make_configuration()
    good = participant("CUSTOMER", sms(fresh_number()))
    for bad in [participant("CUSTOMER", sms("12")), participant("BOSS"), good]:
        draft = Draft({"configurationId": configuration, "participants": [good, bad]})
        assert refusal(all_of(mine).create, draft).status == 400
    assert all_of(mine).list() == []
    fifty = [participant("AGENT") for _ in range(50)]
    assert len(all_of(mine).create(Draft({"configurationId": configuration, "participants": fifty})).participants) == 50
    assert refusal(all_of(mine).create, Draft({"configurationId": configuration, "participants": fifty + fifty[:1]})).status == 400


def test_metadata_has_its_limits(wire, configuration):
    """B-CONV-10"""
    fine = {f"{'k' * 127}{number}": "v" * 512 for number in range(8)}
    assert wire.make_conversation(configuration, metadata=fine)["metadata"] == fine
    wrong = [{str(number): "" for number in range(9)}, {"k" * 129: ""}, {"": ""}, {"a b": ""}, {"a": "v" * 513}, {"a": 1}, []]
    for metadata in wrong:
        answer = wire.post(CONVERSATIONS, {"configurationId": configuration, "metadata": metadata})
        assert (answer.status, answer.problem_paths[0].split(".")[0].split("[")[0]) == (400, "metadata"), metadata


def test_an_action_in_the_body_is_refused(wire, configuration):
    """B-CONV-11"""
    assert wire.post(CONVERSATIONS, {"configurationId": configuration, "action": {"type": "SEND_MESSAGE"}}).status == 400


def test_a_name_may_have_256_characters(client, configuration):
    """B-CONV-9, B-HTTP-8: code points, not bytes"""
    name = "\N{TEACUP WITHOUT HANDLE}" * 256
    assert all_of(client).create(Draft({"configurationId": configuration, "name": name})).name == name
    assert refusal(all_of(client).create, Draft({"configurationId": configuration, "name": name + "x"})).status == 400


# --- Grouping

def create_pair(wire, configuration, first, second):
    people = [participant("CUSTOMER", first), participant("AI_AGENT", second)]
    return wire.post(CONVERSATIONS, {"configurationId": configuration, "participants": people})


def on(channel, number, prefix=""):
    return {"channel": channel, "address": prefix + number}


@pytest.mark.parametrize("grouping,across_channels", [(BY_ADDRESSES, 409), (BY_ADDRESSES_AND_CHANNEL, 201)])
def test_the_same_pair_on_another_channel_meets_by_grouping_type(wire, grouping, across_channels):
    """B-GROUP-10 (a), (b), (c)"""
    customer, agent = fresh_number(), fresh_number()
    configuration = wire.make_configuration(grouping)
    assert create_pair(wire, configuration, sms(customer), sms(agent)).status == 201
    assert create_pair(wire, configuration, on("VOICE", customer), on("VOICE", agent)).status == across_channels
    prefixed = create_pair(wire, configuration, on("WHATSAPP", customer, "whatsapp:"), on("WHATSAPP", agent, "whatsapp:"))
    assert prefixed.status == across_channels
    assert create_pair(wire, configuration, sms(customer), sms(fresh_number())).status == 201


def test_a_conflict_names_the_open_conversation_until_it_is_closed(wire, configuration):
    """B-GROUP-1, B-GROUP-2, B-GROUP-4, B-GROUP-10 (d), (e), (f)"""
    customer, agent = sms(fresh_number()), sms(fresh_number())
    first = create_pair(wire, configuration, customer, agent).json["id"]

    def is_in_the_way(answer):
        assert (answer.status, answer.headers["X-Conflicting-Resource-Id"]) == (409, first)
        assert answer.json["message"] == f"Address mapping already exists on conversation {first}."

    is_in_the_way(create_pair(wire, configuration, customer, agent))
    is_in_the_way(create_pair(wire, configuration, agent, customer))
    assert wire.put(f"{CONVERSATIONS}/{first}", {"status": "INACTIVE"}).status == 200
    is_in_the_way(create_pair(wire, configuration, customer, agent))
    wire.close(first)
    assert create_pair(wire, configuration, customer, agent).status == 201


def test_one_profile_has_one_open_conversation(wire):
    """B-GROUP-5, B-GROUP-10 (c)"""
    configuration = wire.make_configuration(BY_PROFILE)

    def create():
        mira = participant("CUSTOMER", sms(fresh_number()), profileId=PROFILE)
        return wire.post(CONVERSATIONS, {"configurationId": configuration, "participants": [mira]})

    first = create()
    assert first.status == 201
    again = create()
    assert (again.status, again.headers["X-Conflicting-Resource-Id"]) == (409, first.json["id"])
    assert first.json["id"] in again.json["message"]


def test_configurations_never_meet(wire, configuration):
    """B-GROUP-3"""
    customer, agent = sms(fresh_number()), sms(fresh_number())
    assert create_pair(wire, configuration, customer, agent).status == 201
    assert create_pair(wire, wire.make_configuration(), customer, agent).status == 201


def test_a_lone_customer_meets_only_a_lone_customer(wire, configuration):
    """B-GROUP-5: no pair"""
    customer = sms(fresh_number())
    alone = {"configurationId": configuration, "participants": [participant("CUSTOMER", customer)]}
    assert wire.post(CONVERSATIONS, alone).status == 201
    assert wire.post(CONVERSATIONS, alone).status == 409
    assert create_pair(wire, configuration, customer, sms(fresh_number())).status == 201


def test_a_participant_write_meets_the_same_guard_and_changes_nothing(wire, configuration):
    """B-GROUP-7"""
    customer, agent = sms(fresh_number()), sms(fresh_number())
    holder = create_pair(wire, configuration, customer, agent).json["id"]
    other = wire.make_conversation(configuration)["id"]
    wire.make_participant(other, customer)
    added = wire.post(participants_of(other), participant("AI_AGENT", agent))
    assert (added.status, added.headers["X-Conflicting-Resource-Id"]) == (409, holder)
    assert holder in added.json["message"]
    late = wire.make_participant(other, kind="AI_AGENT")
    put = wire.put(participants_of(other, late["id"]), {"addresses": [agent]})
    assert (put.status, put.headers["X-Conflicting-Resource-Id"]) == (409, holder)
    assert wire.get(participants_of(other, late["id"])).json == late


# --- Update, patch, status

MOVES = [
    ("ACTIVE", "ACTIVE", 200), ("ACTIVE", "INACTIVE", 200), ("ACTIVE", "CLOSED", 200),
    ("INACTIVE", "ACTIVE", 200), ("INACTIVE", "INACTIVE", 200), ("INACTIVE", "CLOSED", 200),
    ("CLOSED", "ACTIVE", 400), ("CLOSED", "INACTIVE", 400), ("CLOSED", "CLOSED", 200),
]


@pytest.mark.parametrize("verb", ["update", "patch"])
@pytest.mark.parametrize("before,after,status", MOVES)
def test_the_status_moves_by_the_table(client, conversation, before, after, status, verb):
    """B-CONV-25, B-CONV-26"""
    context = all_of(client).get(conversation)
    context.update(Update({"status": before}))
    move = (lambda: context.update(Update({"status": after}))) if verb == "update" else (
        lambda: context.patch(Patch({"status": after})))
    if status == 200:
        assert move().status == after
    else:
        error = refusal(move)
        assert (error.status, error.code, error.details) == (400, 20001, None)
    assert context.fetch().status == (after if status == 200 else before)


def test_an_update_keeps_what_it_does_not_name(client, wire, configuration):
    """B-CONV-22"""
    made = wire.make_conversation(configuration, name="Late parcel", metadata={"a": "1"})
    context = all_of(client).get(made["id"])
    kept = context.update(Update({"status": "ACTIVE"}))
    assert (kept.name, kept.metadata) == ("Late parcel", {"a": "1"})
    replaced = context.update(Update({"status": "ACTIVE", "name": "Found", "metadata": {"b": "2"}}))
    assert (replaced.name, replaced.metadata) == ("Found", {"b": "2"})
    assert refusal(context.update, Update({"name": "no status"})).status == 400
    ignored = {"status": "ACTIVE", "configurationId": "x", "configuration": {"memoryStoreId": 1}, "participants": 7, "id": 3}
    assert wire.put(f"{CONVERSATIONS}/{made['id']}", ignored).status == 200


def test_a_patch_changes_only_what_it_names(client, wire, configuration):
    """B-CONV-23"""
    made = wire.make_conversation(configuration, name="Late parcel", metadata={"a": "1", "b": "2"})
    path = f"{CONVERSATIONS}/{made['id']}"
    assert wire.patch(path, {}).json == wire.get(path).json == made
    patched = all_of(client).get(made["id"]).patch(Patch({"metadata": {"c": "3"}}))
    assert (patched.name, patched.metadata) == ("Late parcel", {"a": "1", "b": "2", "c": "3"})
    cleared = wire.patch(path, {"name": None, "metadata": {"a": None}}).json
    assert (cleared["name"], cleared["metadata"]) == (None, {"b": "2", "c": "3"})
    nine = {f"k{number}": "" for number in range(7)}
    assert wire.patch(path, {"metadata": nine}).status == 400
    assert wire.patch(path, {"configuration": {"memoryExtractionEnabled": True}}).status == 400
    assert wire.patch(path, {"configuration": {"unknown": True}}).status == 200
    assert wire.patch(path).status == 400


def test_the_callbacks_of_a_conversation_change_by_patch(client, wire):
    """B-CONV-24, B-CFG-4, B-HOOK-10, B-HOOK-20"""
    named = wire.make_configuration(statusCallbacks=[CALLBACK])
    made = wire.make_conversation(named)
    path = f"{CONVERSATIONS}/{made['id']}"

    def callbacks(given):
        answer = wire.patch(path, {"configuration": {"statusCallbacks": given}})
        assert answer.status == 200, answer.body
        return answer.json["configuration"]["statusCallbacks"]

    twenty = [{"url": f"https://hooks.harbortea.example/{number}", "method": "GET"} for number in range(20)]
    assert callbacks(twenty) == twenty
    cleared = all_of(client).get(made["id"]).patch(Patch({"configuration": {"statusCallbacks": []}}))
    assert cleared.configuration["statusCallbacks"] == []
    assert callbacks(None) == [CALLBACK]
    refused = [
        twenty + twenty[:1], [{"url": "http://hooks.harbortea.example"}], [{"url": "https://127.0.0.1"}], [{**CALLBACK, "method": "PUT"}]]
    for wrong in refused:
        assert wire.patch(path, {"configuration": {"statusCallbacks": wrong}}).status == 400, wrong


def test_a_closed_conversation_is_final(client, wire, configuration):
    """B-CONV-28"""
    made = wire.make_conversation(configuration, name="Done")
    wire.close(made["id"])
    path = f"{CONVERSATIONS}/{made['id']}"
    for change in [{"name": "x"}, {"metadata": {"a": "1"}}, {"configuration": {"statusCallbacks": [CALLBACK]}}, {"status": "ACTIVE"}]:
        assert wire.patch(path, change).status == 400, change
    assert wire.put(path, {"status": "CLOSED", "name": "x"}).status == 400
    assert wire.put(path, {"status": "CLOSED", "name": "Done"}).status == 200
    assert wire.patch(path, {}).status == 200
    assert all_of(client).get(made["id"]).fetch().name == "Done"


# --- Lists

def test_conversations_are_listed_newest_first_with_their_own_fields_only(own_account):
    """B-PAGE-7, B-PAGE-10"""
    made = [own_account.make_conversation(participants=[participant("AGENT")])["id"] for _ in range(3)]
    listed = own_account.get(CONVERSATIONS).json["conversations"]
    assert [item["id"] for item in listed] == made[::-1]
    assert all("configuration" not in item and "participants" not in item for item in listed)


def test_a_page_neither_repeats_nor_skips_when_the_list_grows(own_account):
    """B-PAGE-6"""
    mine = own_account.sdk()
    made = [own_account.make_conversation()["id"] for _ in range(4)][::-1]
    first = all_of(mine).page(page_size=2)
    own_account.make_conversation()
    own_account.close(made[3])
    second = first.next_page()
    assert [item.id for item in second] == made[2:]
    assert [item.id for item in second.previous_page()] == made[:2]


def test_an_unknown_conversation_is_not_found(client):
    """B-HTTP-6"""
    for unknown in [NO_CONVERSATION, "tea", "conv_conversation_"]:
        error = refusal(all_of(client).get(unknown).fetch)
        assert (error.status, error.code) == (404, 20404)


def test_a_filter_that_is_no_status_is_refused(client, wire):
    """B-CONV-20"""
    with pytest.raises(TwilioException):
        all_of(client).list(status=["OPEN"])
    answer = wire.get(CONVERSATIONS, status="OPEN")
    assert (answer.status, answer.problem_paths) == (400, ["status"])


def test_a_later_change_of_nothing_leaves_a_configuration_pinned(client, wire):
    """B-CONV-5: the copy is what `configuration` shows"""
    body = a_configuration(channelSettings=TIMEOUTS)
    named = wire.make_configuration(channelSettings=TIMEOUTS)
    shown = all_of(client).create(Draft({"configurationId": named})).configuration
    for field in ("displayName", "description", "conversationGroupingType", "memoryStoreId", "channelSettings"):
        assert shown[field] == body[field]
