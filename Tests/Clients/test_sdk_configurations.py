"""Configurations and operations through the official SDK: B-CFG-1…7, 14, 15, B-OP, B-IDEM, B-RULE."""

import uuid
from datetime import datetime

import pytest
from twilio.rest.conversations.v2.configuration import ConfigurationList

from harness import BY_ADDRESSES, CONFIGURATIONS, NO_CONFIGURATION, NO_OPERATION, OPERATIONS, a_configuration, refusal

Draft = ConfigurationList.CreateConfigurationRequest

RULES = [{"from": "*", "to": "+14155550100"}, {"from": "*", "to": "*"}]
WHOLE = a_configuration(
    channelSettings={
        "SMS": {"statusTimeouts": {"inactive": 20, "closed": 90}, "captureRules": RULES},
        "VOICE": {"captureRules": [{"from": "*", "to": "+14155550100", "metadata": {"callType": "PSTN"}}]},
        "CHAT": {"statusTimeouts": {"closed": 5}},
    },
    statusCallbacks=[{"url": "https://hooks.harbortea.example/parley", "method": "GET"}],
    intelligenceConfigurationIds=["GA1", "intelligence_configuration_1"],
    memoryExtractionEnabled=True,
)


def store():
    """A memory store id that no other test uses."""
    return "mem_store_0" + uuid.uuid4().hex[:25]


def all_of(client):
    return client.conversations.v2.configurations


def test_creation_answers_202_with_the_operation_and_the_id(client, server):
    """B-OP-1, B-OP-2"""
    answer = all_of(client).create_with_http_info(create_configuration_request=Draft(WHOLE))
    headers = {name.lower(): value for name, value in answer.headers.items()}
    operation = headers["operation-id"]
    assert answer.status_code == 202
    assert operation.startswith("proc_job_")
    assert headers["location"] == answer.data.status_url == f"{server.url}{OPERATIONS}/{operation}"
    assert int(headers["retry-after"]) == 1
    assert answer.data.related["configurationId"].startswith("conv_configuration_")


def test_the_operation_is_completed_and_the_configuration_there(client):
    """B-OP-3, B-OP-5, B-ERR-4, B-CFG-7, B-TIME-1"""
    made = all_of(client).create_with_http_info(create_configuration_request=Draft(WHOLE))
    headers = {name.lower(): value for name, value in made.headers.items()}
    operation = client.conversations.v2.operations(headers["operation-id"]).fetch()
    assert (operation.status, operation.error, operation.related) == ("COMPLETED", None, made.data.related)
    assert isinstance(operation.created_at, datetime) and isinstance(operation.completed_at, datetime)
    assert operation.status_url == made.data.status_url
    fetched = all_of(client).get(made.data.related["configurationId"]).fetch()
    assert fetched.version == 1
    assert isinstance(fetched.created_at, datetime) and fetched.created_at == fetched.updated_at


def test_the_whole_body_comes_back(wire):
    """B-CFG-2, B-CFG-3"""
    made = wire.make_configuration(**WHOLE)
    shown = wire.get(f"{CONFIGURATIONS}/{made}").json
    assert {name: shown[name] for name in WHOLE if name != "channelSettings"} == {
        name: value for name, value in WHOLE.items() if name != "channelSettings"}
    settings = shown["channelSettings"]
    assert settings["CHAT"] == WHOLE["channelSettings"]["CHAT"]
    assert settings["SMS"]["statusTimeouts"] == {"inactive": 20, "closed": 90}
    assert [(rule["from"], rule["to"]) for rule in settings["SMS"]["captureRules"]] == [(rule["from"], rule["to"]) for rule in RULES]
    assert settings["VOICE"]["captureRules"][0]["metadata"] == {"callType": "PSTN"}


def test_what_is_left_out_has_its_default(wire):
    """B-CFG-15: lists empty, settings empty, no nulls, no bridge"""
    shown = wire.get(f"{CONFIGURATIONS}/{wire.make_configuration(description='')}").json
    assert shown["description"] == ""
    assert (shown["statusCallbacks"], shown["intelligenceConfigurationIds"], shown["channelSettings"]) == ([], [], {})
    assert shown["memoryExtractionEnabled"] is False
    assert "conversationsV1Bridge" not in shown
    assert None not in shown.values()


def test_nulls_inside_are_left_out(wire):
    """B-HTTP-4, B-CFG-3, B-CFG-15"""
    settings = {
        "VOICE": {"statusTimeouts": None, "captureRules": None}, "SMS": None, "CHAT": {"statusTimeouts": {"inactive": None, "closed": 5}}}
    shown = wire.get(f"{CONFIGURATIONS}/{wire.make_configuration(channelSettings=settings)}").json["channelSettings"]
    assert shown == {"VOICE": {}, "CHAT": {"statusTimeouts": {"closed": 5}}}


@pytest.mark.parametrize("field", ["displayName", "description", "conversationGroupingType", "memoryStoreId"])
def test_a_required_field_is_required(client, field):
    """B-CFG-1, B-HTTP-4: null is missing"""
    error = refusal(all_of(client).create, create_configuration_request=Draft(a_configuration(**{field: None})))
    assert (error.status, [problem["path"] for problem in error.details["problems"]]) == (400, [field])


WRONG = [
    ("displayName", ""), ("displayName", "x" * 33), ("displayName", "Té"), ("displayName", "a.b"),
    ("description", "x" * 513),
    ("conversationGroupingType", "GROUP_BY_MOON"),
    ("memoryStoreId", "mem_store_1"), ("memoryStoreId", "mem_shelf_01kcqy77zxyyk596ngya1dq91k"),
    ("memoryStoreId", "mem_store_8" + "0" * 25),
    ("channelSettings", {"PIGEON": {}}), ("channelSettings", {"SMS": {"statusTimeouts": {"inactive": 0}}}),
    ("channelSettings", {"SMS": {"statusTimeouts": {"closed": 1.5}}}),
    ("channelSettings", {"SMS": {"captureRules": [{"from": "*"}]}}),
    ("channelSettings", {"SMS": {"captureRules": [{"from": "+1555*", "to": "*"}]}}),
    ("channelSettings", {"SMS": {"captureRules": [{"from": "*", "to": "12"}]}}),
    ("channelSettings", {"SMS": {"captureRules": [{"from": "*", "to": "*"}] * 101}}),
    ("statusCallbacks", [{"url": "https://hooks.harbortea.example/"}] * 3),
    ("statusCallbacks", [{"url": "http://hooks.harbortea.example/"}]), ("statusCallbacks", [{"method": "POST"}]),
    ("statusCallbacks", [{"url": "https://hooks.harbortea.example/", "method": "PUT"}]),
    ("statusCallbacks", [{"url": "https://h.example/" + "x" * 2048}]),
    *[("statusCallbacks", [{"url": f"https://{host}/"}]) for host in [
        "localhost", "printer.local", "vault.internal", "127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "192.0.2.1", "2130706433", "0x7f.1", "[::1]", "[fe80::1]", "[fd00::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]",
        "[2002:a00:1::]", "téa.example"]],
    ("intelligenceConfigurationIds", ["GA1"] * 6), ("intelligenceConfigurationIds", [None]),
    ("memoryExtractionEnabled", "yes"),
    ("conversationsV1Bridge", {"serviceId": "IS1"}), ("conversationsV1Bridge", {}),
]


@pytest.mark.parametrize("field,value", WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_field_is_refused_and_named(wire, field, value):
    """B-CFG-1…4, B-RULE-1, B-HOOK-10, B-HOOK-20, B-ERR-7"""
    answer = wire.post(CONFIGURATIONS, a_configuration(**{field: value}))
    assert (answer.status, answer.json["code"]) == (400, 20001)
    assert answer.problem_paths[0].startswith(field)
    assert field in answer.json["message"]


def test_the_limits_themselves_are_allowed(wire):
    """B-CFG-1, B-CFG-4"""
    limits = {
        "displayName": "x" * 32, "description": "\N{TEACUP WITHOUT HANDLE}" * 512, "intelligenceConfigurationIds": ["GA1"] * 5,
        "statusCallbacks": [{"url": "https://hooks.harbortea.example/1"}, {"url": "https://hooks.harbortea.example/2"}],
        "channelSettings": {
            "SMS": {"captureRules": [{"from": "*", "to": f"+1415555{number:04d}"} for number in range(100)]}, "VIDEO": {}, "EMAIL": {}},
    }
    assert wire.post(CONFIGURATIONS, a_configuration(**limits)).status == 202


def test_a_bridge_belongs_to_one_configuration(wire):
    """B-CFG-6"""
    bridge = {"serviceId": "IS" + uuid.uuid4().hex}
    first = wire.make_configuration(conversationsV1Bridge=bridge)
    assert wire.get(f"{CONFIGURATIONS}/{first}").json["conversationsV1Bridge"] == bridge
    second = wire.post(CONFIGURATIONS, a_configuration(conversationsV1Bridge=bridge))
    assert (second.status, second.headers["X-Conflicting-Resource-Id"]) == (409, first)


def test_configurations_are_listed_newest_first_and_filtered_by_store(client, wire):
    """B-CFG-14, B-PAGE-7, B-HTTP-6"""
    shelf = store()
    made = [wire.make_configuration(memoryStoreId=shelf) for _ in range(5)][::-1]
    assert [item.id for item in all_of(client).list(memory_store_id=shelf, page_size=2)] == made
    assert all_of(client).list(memory_store_id=store()) == []
    answer = wire.get(CONFIGURATIONS, memoryStoreId="shelf")
    assert (answer.status, answer.problem_paths) == (400, ["memoryStoreId"])


def test_one_idempotency_key_makes_one_configuration(client, wire):
    """B-IDEM-1, B-IDEM-2, B-IDEM-3"""
    shelf = store()
    body = a_configuration(memoryStoreId=shelf)
    key = str(uuid.uuid4())
    first, second = (
        all_of(client).create_with_http_info(idempotency_key=key, create_configuration_request=Draft(body)) for _ in range(2))
    assert (second.status_code, second.data.related, second.data.status_url) == (202, first.data.related, first.data.status_url)
    for name in ("operation-id", "location"):
        assert {n.lower(): v for n, v in second.headers.items()}[name] == {n.lower(): v for n, v in first.headers.items()}[name]
    assert len(all_of(client).list(memory_store_id=shelf)) == 1
    other = refusal(all_of(client).create, idempotency_key=key, create_configuration_request=Draft({**body, "description": "other"}))
    assert (other.status, other.code) == (409, 20409)
    assert len(all_of(client).list(memory_store_id=shelf)) == 1
    malformed = refusal(all_of(client).create, idempotency_key="tea", create_configuration_request=Draft(body))
    assert (malformed.status, malformed.details["problems"][0]["path"].lower()) == (400, "idempotency-key")


def test_a_refused_answer_is_not_stored_under_its_key(wire):
    """B-IDEM-4: only 2xx answers are"""
    key = str(uuid.uuid4())
    header = {"Idempotency-Key": key}
    assert wire.send("POST", CONFIGURATIONS, {}, header).status == 400
    assert wire.send("POST", CONFIGURATIONS, a_configuration(), header).status == 202


def test_the_key_is_ignored_elsewhere(wire, configuration):
    """B-IDEM-1, B-CONV-12"""
    header = {"Idempotency-Key": "tea"}
    assert wire.send("POST", "/v2/Conversations", {"configurationId": configuration}, header).status == 201


def test_an_unknown_configuration_or_operation_is_not_found(client):
    """B-HTTP-6, B-OP-6"""
    for unknown in [NO_CONFIGURATION, "tea", "cfg_configuration_01kcm9s346q3d25vt4f5v37e3s"]:
        assert refusal(all_of(client).get(unknown).fetch).status == 404
    for unknown in [NO_OPERATION, "tea"]:
        assert refusal(client.conversations.v2.operations(unknown).fetch).status == 404


def test_display_names_need_not_be_unique(client, wire):
    """B-CFG-1, B-CFG-5"""
    first, second = wire.make_configuration(BY_ADDRESSES), wire.make_configuration(BY_ADDRESSES)
    assert first != second
