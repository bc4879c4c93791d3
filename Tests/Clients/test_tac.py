"""Twilio Agent Connect's own client classes, unmodified but for the host: F-1, F-2, F-4 and the writes of F-3."""

import asyncio

import pytest

pytest.importorskip("tac", reason="twilio-agent-connect is not installed")

from tac.context.conversation import ConversationClient  # noqa: E402
from tac.models.conversation import ParticipantAddress, ParticipantRequest  # noqa: E402

from harness import BY_ADDRESSES, MEMORY_STORE, fresh_number, participant  # noqa: E402

RULES = {"SMS": {"statusTimeouts": {"inactive": 20, "closed": 90}, "captureRules": [{"from": "*", "to": "+14155550100"}]}}
CALLBACK = {"url": "https://hooks.harbortea.example/parley"}


@pytest.fixture(scope="module")
def configuration_id(wire):
    return wire.make_configuration(channelSettings=RULES, statusCallbacks=[CALLBACK])


@pytest.fixture(scope="module")
def tac(server, wire, configuration_id):
    """Logged in with an API key, as its users are told to."""
    key = server.new_key(wire)
    client = ConversationClient(key.sid, key.secret, configuration_id)
    client.base_url = server.url
    return client


def address(value, channel="SMS"):
    return ParticipantAddress(channel=channel, address=value)


def people(customer, agent):
    return [ParticipantRequest(type="CUSTOMER", addresses=[customer]), ParticipantRequest(type="AI_AGENT", addresses=[agent])]


def test_the_configuration_is_read_at_start(tac, configuration_id):
    """F-1, B-CFG-15"""
    read = tac.get_configuration(configuration_id)
    assert (read.id, read.memory_store_id, read.conversation_grouping_type) == (configuration_id, MEMORY_STORE, BY_ADDRESSES)
    assert read.channel_settings["SMS"].status_timeouts.closed == 90
    assert read.status_callbacks[0].url == CALLBACK["url"]


@pytest.mark.parametrize("channel,prefix", [("SMS", ""), ("WHATSAPP", "whatsapp:"), ("RCS", "rcs:")])
def test_a_conversation_is_created_with_both_ends_and_reused_afterwards(tac, channel, prefix):
    """F-2, B-GROUP-1, B-ADDR-3, B-PART-3, B-PART-24: the addresses listed are those sent, character for character"""
    customer, agent = (address(prefix + fresh_number(), channel) for _ in range(2))
    made, reused = asyncio.run(tac.create_or_reuse_conversation(people(customer, agent)))
    assert not reused
    assert asyncio.run(tac.create_or_reuse_conversation(people(customer, agent))) == (made, True)
    listed = asyncio.run(tac.list_participants(made))
    assert [(person.type, person.addresses) for person in listed] == [("CUSTOMER", [customer]), ("AI_AGENT", [agent])]
    assert [person.name for person in listed] == [customer.address, agent.address]


def test_it_adds_itself_and_promotes_those_it_finds(tac, wire, configuration_id):
    """F-3"""
    conversation = wire.make_conversation(configuration_id)["id"]
    sender = address(fresh_number())
    found = asyncio.run(tac.add_participant(conversation, [sender]))
    assert found.type == "UNKNOWN"
    promoted = asyncio.run(tac.update_participant(conversation, found.id, "CUSTOMER", found.addresses, name=found.name))
    assert (promoted.id, promoted.type, promoted.addresses, promoted.name) == (found.id, "CUSTOMER", [sender], sender.address)
    added = asyncio.run(tac.add_participant(conversation, [address(fresh_number())], "AI_AGENT"))
    assert added.type == "AI_AGENT"


def test_a_handoff(tac, wire):
    """F-4"""
    made = asyncio.run(tac.create_conversation(participants=people(address(fresh_number()), address(fresh_number()))))
    assert asyncio.run(tac.update_conversation(made.id, "INACTIVE")).status == "INACTIVE"
    asyncio.run(tac.clear_status_callbacks(made.id))
    assert wire.get(f"/v2/Conversations/{made.id}").json["configuration"]["statusCallbacks"] == []
    assert asyncio.run(tac.update_conversation(made.id, "ACTIVE")).status == "ACTIVE"
    assert asyncio.run(tac.update_conversation(made.id, "CLOSED")).status == "CLOSED"


def test_a_call_is_found_by_its_sid(tac, wire, configuration_id):
    """F-6, B-CONV-21: exactly one ACTIVE conversation has the call"""
    call = "CA" + "4711" * 8
    ends = [
        participant(kind, {"channel": "VOICE", "address": fresh_number(), "channelId": call}) for kind in ("CUSTOMER", "AI_AGENT")]
    made = wire.make_conversation(configuration_id, participants=ends)["id"]
    found = asyncio.run(tac.list_conversations(status=["ACTIVE"], channel_id=call))
    assert [conversation.id for conversation in found] == [made]
