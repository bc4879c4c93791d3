"""Participants through the official SDK: B-PART, B-ADDR, B-PROF-5, B-PAGE as its users meet them."""

from datetime import datetime

import pytest
from twilio.base.exceptions import TwilioException
from twilio.rest.conversations.v2.participant import ParticipantList

from harness import NO_PARTICIPANT, PROFILE, fresh_number, participant, refusal, sms

Draft = ParticipantList.CreateParticipantInConversationRequest
Replacement = ParticipantList.UpdateParticipantInConversationRequest

TYPES = ["HUMAN_AGENT", "CUSTOMER", "AI_AGENT", "AGENT", "UNKNOWN"]
ADDRESSES = [
    ("SMS", "+14155550117"),
    ("SMS", "12345"),
    ("SMS", "Harbor Tea"),
    ("VOICE", "+14155550117"),
    ("VOICE", "client:mira"),
    ("VOICE", "sip:mira@harbortea.example"),
    ("WHATSAPP", "whatsapp:+14155550117"),
    ("WHATSAPP", "WhatsApp:+14155550118"),
    ("WHATSAPP", "+14155550119"),
    ("RCS", "rcs:harbor_tea.agent-1"),
    ("RCS", "rcs:+14155550117"),
    ("RCS", "+14155550118"),
    ("CHAT", "guest-77"),
    ("VIDEO", "room guest"),
    ("EMAIL", "Mira@HarborTea.example"),
]
WRONG_ADDRESSES = [
    ("SMS", "+1 (555) 010-0001"),
    ("SMS", "+0123"),
    ("SMS", "+1234567890123456"),
    ("SMS", "12"),
    ("SMS", "123456789"),
    ("SMS", "TwelveLetters"),
    ("SMS", "tea-shop"),
    ("SMS", "whatsapp:+14155550117"),
    ("VOICE", "+1415x"),
    ("VOICE", "client:"),
    ("WHATSAPP", "mira"),
    ("WHATSAPP", "whatsapp:mira"),
    ("RCS", "harbor_tea"),
    ("RCS", "rcs:harbor tea"),
    ("EMAIL", "mira"),
    ("EMAIL", "@harbortea.example"),
    ("EMAIL", "mira@"),
    ("EMAIL", "a@b@c"),
    ("CHAT", ""),
    ("CHAT", "   "),
    ("CHAT", "x" * 255),
    ("CHAT", "tab\tinside"),
    ("API", "anything"),
    ("SYSTEM", "anything"),
    ("sms", "+14155550117"),
]


def people_in(client, conversation):
    return client.conversations.v2.participants(conversation)


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_created_and_fetched_as_it_was_given(client, conversation, kind):
    """B-PART-1, B-PART-2, B-PART-4, B-TIME-1, B-TIME-3"""
    number = fresh_number()
    made = people_in(client, conversation).create(Draft(participant(kind, sms(number), name="Mira")))
    assert made.id.startswith("conv_participant_")
    assert (made.conversation_id, made.account_id) == (conversation, client.account_sid)
    assert (made.type, made.name, made.profile_id) == (kind, "Mira", None)
    assert made.addresses == [sms(number)]
    assert isinstance(made.created_at, datetime) and made.created_at == made.updated_at
    fetched = people_in(client, conversation).get(made.id).fetch()
    assert vars_of(fetched) == vars_of(made)


def vars_of(instance):
    names = ("id", "conversation_id", "account_id", "name", "type", "profile_id", "addresses", "created_at", "updated_at")
    return {name: getattr(instance, name) for name in names}


def test_creation_answers_201_without_a_location(client, conversation):
    """B-PART-2, B-PART-4"""
    answer = people_in(client, conversation).create_with_http_info(Draft(participant("UNKNOWN", sms(fresh_number()))))
    assert answer.status_code == 201
    assert "location" not in {name.lower() for name in answer.headers}


@pytest.mark.parametrize("channel,address", ADDRESSES)
def test_an_address_comes_back_exactly_as_given(client, conversation, channel, address):
    """B-ADDR-1, B-ADDR-3, B-ADDR-6, 6.3"""
    made = people_in(client, conversation).create(Draft(participant("AI_AGENT", {"channel": channel, "address": address})))
    assert made.addresses == [{"channel": channel, "address": address}]


@pytest.mark.parametrize("channel,address", WRONG_ADDRESSES)
def test_an_address_that_is_not_of_its_channels_form_is_refused(client, conversation, channel, address):
    """B-ADDR-1, B-ADDR-2, B-ADDR-4: 400 that names the place"""
    wrong = {"channel": channel, "address": address}
    error = refusal(people_in(client, conversation).create, Draft(participant("AI_AGENT", wrong)))
    assert (error.status, error.code) == (400, 20001)
    assert error.details["problems"][0]["path"].startswith("addresses[0].")


def test_outer_spaces_of_an_address_are_trimmed(client, conversation):
    """B-ADDR-3"""
    made = people_in(client, conversation).create(Draft(participant("AGENT", {"channel": "CHAT", "address": "  guest 1 "})))
    assert made.addresses[0]["address"] == "guest 1"


def test_a_name_is_never_null(client, conversation):
    """B-PART-3: the first address, else the type; an empty name is a name"""
    people = people_in(client, conversation)
    number = fresh_number()
    assert people.create(Draft({"addresses": [sms(number)]})).name == number
    assert people.create(Draft(participant("HUMAN_AGENT"))).name == "HUMAN_AGENT"
    assert people.create(Draft({"addresses": []})).name == "UNKNOWN"
    assert people.create(Draft({"addresses": [], "name": ""})).name == ""
    assert people.create(Draft({"addresses": [], "name": "  Mira "})).name == "  Mira "


def test_the_type_is_unknown_unless_given(client, conversation):
    """B-PART-1"""
    assert people_in(client, conversation).create(Draft({"addresses": []})).type == "UNKNOWN"


def test_addresses_are_required(client, conversation):
    """B-PART-2, B-ERR-7"""
    error = refusal(people_in(client, conversation).create, Draft({"name": "Mira"}))
    assert error.status == 400
    assert [problem["path"] for problem in error.details["problems"]] == ["addresses"]


def test_a_given_profile_is_kept_on_any_type(client, conversation):
    """B-PROF-5"""
    for kind in TYPES:
        draft = Draft(participant(kind, sms(fresh_number()), profileId=PROFILE))
        assert people_in(client, conversation).create(draft).profile_id == PROFILE
    error = refusal(people_in(client, conversation).create, Draft(participant("CUSTOMER", profileId="mira")))
    assert (error.status, error.details["problems"][0]["path"]) == (400, "profileId")


def test_one_participant_may_have_one_address_with_several_channel_ids(client, conversation):
    """B-PART-6, B-ADDR-5"""
    number = fresh_number()
    links = [sms(number, channelId="CA1"), sms(number, channelId="CA2"), sms(number)]
    assert people_in(client, conversation).create(Draft(participant("CUSTOMER", *links))).addresses == links
    twice = participant("CUSTOMER", sms(fresh_number(), channelId="CA1"))
    twice["addresses"] *= 2
    assert refusal(people_in(client, conversation).create, Draft(twice)).status == 400


def test_an_address_of_another_participant_is_a_conflict_that_names_the_owner(client, wire, conversation):
    """B-PART-5: by normal form, whatever the spelling"""
    number = fresh_number()
    whatsapp = {"channel": "WHATSAPP", "address": f"whatsapp:{number}"}
    owner = people_in(client, conversation).create(Draft(participant("CUSTOMER", whatsapp)))
    bare = {"channel": "WHATSAPP", "address": number}
    error = refusal(people_in(client, conversation).create, Draft(participant("AGENT", bare)))
    assert (error.status, error.code) == (409, 20409)
    # Another channel is another address.
    assert people_in(client, conversation).create(Draft(participant("AGENT", sms(number)))).id != owner.id


def test_a_put_of_a_name_keeps_type_and_addresses(client, conversation):
    """B-PART-20, B-PART-21"""
    number = fresh_number()
    people = people_in(client, conversation)
    made = people.create(Draft(participant("CUSTOMER", sms(number), name="Mira", profileId=PROFILE)))
    renamed = people.get(made.id).update(Replacement({"name": "Mira K."}))
    assert (renamed.name, renamed.type, renamed.addresses) == ("Mira K.", "CUSTOMER", [sms(number)])
    # What a PUT leaves out of name and profileId is reset.
    assert renamed.profile_id is None
    assert people.get(made.id).update(Replacement({"type": "AGENT"})).name == number


def test_a_put_replaces_what_it_names(client, conversation):
    """B-PART-21, B-PART-23: any type from any type, addresses whole, an empty list clears them"""
    people = people_in(client, conversation)
    made = people.create(Draft(participant("UNKNOWN", sms(fresh_number()))))
    for kind in TYPES:
        number = fresh_number()
        put = people.get(made.id).update(Replacement(participant(kind, sms(number), name="N", profileId=PROFILE)))
        assert (put.id, put.type, put.addresses, put.profile_id) == (made.id, kind, [sms(number)], PROFILE)
    assert people.get(made.id).update(Replacement({"addresses": []})).addresses == []


def test_a_put_that_changes_nothing_moves_nothing(client, conversation):
    """B-PART-22, B-TIME-3"""
    people = people_in(client, conversation)
    made = people.create(Draft(participant("CUSTOMER", sms(fresh_number()), name="Mira")))
    same = people.get(made.id).update(Replacement({"name": "Mira", "addresses": made.addresses}))
    assert vars_of(same) == vars_of(made)


def test_participants_are_listed_oldest_first_over_three_pages(client, conversation):
    """B-PAGE-2, B-PAGE-5, B-PAGE-7"""
    people = people_in(client, conversation)
    made = [people.create(Draft(participant("AGENT", sms(fresh_number())))).id for _ in range(7)]
    assert [person.id for person in people.list(page_size=3)] == made
    assert [person.id for person in people.list(limit=5)] == made[:5]
    first = people.page(page_size=3)
    assert (first.key, first.page_size, first.previous_token) == ("participants", 3, None)
    second = first.next_page()
    third = second.next_page()
    assert [[person.id for person in page] for page in (second, third)] == [made[3:6], made[6:]]
    assert (third.page_size, third.next_token) == (1, None)
    assert [person.id for person in third.previous_page()] == made[3:6]


def test_the_spelling_of_the_http_info_methods_is_understood(client, conversation):
    """B-PAGE-8: PageSize, PageToken and Page"""
    people = people_in(client, conversation)
    made = [people.create(Draft(participant("AGENT"))).id for _ in range(3)]
    first = people.page_with_http_info(page_size=2, page_number=9).data
    assert [person.id for person in first] == made[:2]
    rest = people.page_with_http_info(page_size=2, page_token=first.next_token).data
    assert [person.id for person in rest] == made[2:]


def test_an_empty_list_is_a_list(client, conversation):
    """B-PAGE-3, B-PAGE-4, B-PAGE-9"""
    page = people_in(client, conversation).page()
    assert (list(page), page.page_size, page.next_token, page.previous_token) == ([], 0, None, None)


def test_a_page_size_over_the_limit_is_refused(client, conversation):
    """B-PAGE-1: the SDK sends its caller's limit as it is"""
    assert people_in(client, conversation).list(limit=1000) == []
    with pytest.raises(TwilioException) as caught:
        people_in(client, conversation).list(limit=1001)
    assert caught.value.args[1].status_code == 400


def test_a_participant_of_another_conversation_is_not_found(client, wire, configuration, conversation):
    """B-PART-9"""
    elsewhere = wire.make_conversation(configuration)["id"]
    made = people_in(client, conversation).create(Draft(participant("AGENT")))
    for conversation_id, participant_id in [(elsewhere, made.id), (conversation, NO_PARTICIPANT), (conversation, "mira")]:
        error = refusal(people_in(client, conversation_id).get(participant_id).fetch)
        assert (error.status, error.code) == (404, 20404)


def test_a_conversation_holds_a_hundred_participants(client, conversation):
    """B-PART-7: the next one is 400, of state, so without details"""
    people = people_in(client, conversation)
    for _ in range(100):
        people.create(Draft(participant("AGENT")))
    error = refusal(people.create, Draft(participant("AGENT")))
    assert (error.status, error.code, error.details) == (400, 20001, None)
    assert len(people.list(page_size=40)) == 100


def test_a_participant_has_fifty_addresses_at_most(client, conversation):
    """B-PART-7"""
    fifty = [{"channel": "CHAT", "address": f"guest-{number}"} for number in range(50)]
    assert len(people_in(client, conversation).create(Draft(participant("AGENT", *fifty))).addresses) == 50
    more = [*fifty, {"channel": "CHAT", "address": "guest-50"}]
    error = refusal(people_in(client, conversation).create, Draft(participant("AGENT", *more)))
    assert (error.status, error.details["problems"][0]["path"]) == (400, "addresses")


def test_a_closed_conversation_takes_no_participants_but_shows_them(client, wire, conversation):
    """B-CONV-28, B-PART-9, B-PART-22"""
    people = people_in(client, conversation)
    made = people.create(Draft(participant("AGENT", name="Mira")))
    wire.close(conversation)
    assert refusal(people.create, Draft(participant("AGENT"))).status == 400
    assert refusal(people.get(made.id).update, Replacement({"name": "Mira"})).status == 400
    assert people.get(made.id).fetch().name == "Mira"
    assert [person.id for person in people.list()] == [made.id]


def test_participants_reopen_nothing_and_do_not_touch_the_conversation(client, wire, conversation):
    """B-PART-10, B-TIME-3"""
    before = wire.put(f"/v2/Conversations/{conversation}", {"status": "INACTIVE"}).json
    people_in(client, conversation).create(Draft(participant("AGENT")))
    after = wire.get(f"/v2/Conversations/{conversation}").json
    assert (after["status"], after["updatedAt"]) == ("INACTIVE", before["updatedAt"])
