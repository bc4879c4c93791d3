"""Every refusal over the raw line: B-AUTH, B-ERR, B-HTTP, B-HDR, B-RATE."""

import json
import re

import pytest

from harness import (
    BODY_MAX, CONFIGURATIONS, CONVERSATIONS, MIB, NO_CONFIGURATION, NO_CONVERSATION, NO_OPERATION, NO_PARTICIPANT, OPERATIONS, Wire,
    a_configuration, fresh_number, participant, participants_of, read_answer, sms)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
RATE_TRIES = 200


def check_error(answer, status, code):
    """B-ERR-1, B-ERR-2, B-ERR-3: four fields, and nothing that the SDK would read as a problem document."""
    assert answer.status == status, answer.body
    body = answer.json
    assert set(body) >= {"code", "message", "more_info", "status"}
    assert (body["code"], body["status"]) == (code, status)
    assert body["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert isinstance(body["message"], str) and body["message"]
    assert not {"type", "title"} <= set(body)
    check_headers(answer)
    return body


def check_headers(answer):
    """B-HDR-1, B-HDR-2: other sites' pages are not invited"""
    assert not any(name.lower().startswith("access-control-") for name in answer.headers)
    assert re.fullmatch(r"RQ[0-9a-f]{32}", answer.headers["Twilio-Request-Id"])
    assert re.fullmatch(r"\d+\.\d{3}", answer.headers["Twilio-Request-Duration"])
    assert int(answer.headers["Twilio-Concurrent-Requests"]) >= 1
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    assert answer.headers["Date"]


# --- 401

@pytest.fixture(scope="module")
def strangers(server):
    """Logins that must all be told the same."""
    wire = server.wire
    return [
        Wire(wire.url, wire.sid, "wrong"),
        Wire(wire.url, wire.sid, ""),
        Wire(wire.url, "AC" + "0" * 32, wire.secret),
        Wire(wire.url, "SK" + "0" * 32, wire.secret),
        Wire(wire.url, "mira", "tea"),
    ]


def test_an_unknown_sid_and_a_wrong_secret_are_told_the_same(strangers):
    """B-AUTH-2"""
    answers = [stranger.get(CONVERSATIONS) for stranger in strangers]
    for answer in answers:
        body = check_error(answer, 401, 20003)
        assert body["message"] == "Authenticate"
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="Twilio API"'
        assert answer.headers["Twilio-Concurrent-Requests"] == "1"
    assert len({answer.body for answer in answers}) == 1


@pytest.mark.parametrize("value", [None, "", "Basic", "Basic !!!", "Basic bWlyYQ==", "Bearer abc", "Digest x", "Basic \x80"])
def test_a_missing_or_malformed_login_is_told_the_same(wire, strangers, value):
    """B-AUTH-2"""
    answer = wire.send("GET", CONVERSATIONS, headers={"Authorization": value})
    check_error(answer, 401, 20003)
    assert answer.body == strangers[0].get(CONVERSATIONS).body


@pytest.mark.parametrize("method,path,headers", [
    ("GET", f"{CONVERSATIONS}/tea", {}),
    ("GET", "/v2/Nowhere", {}),
    ("GET", "/v1/Stores", {}),
    ("DELETE", CONVERSATIONS, {}),
    ("POST", CONVERSATIONS, FORM),
    ("GET", f"{CONVERSATIONS}?pageSize=0", {}),
])
def test_the_login_comes_before_everything(wire, method, path, headers):
    """B-AUTH-1, B-AUTH-3, B-ERR-8"""
    body = b"{broken" if method == "POST" else None
    check_error(wire.send(method, path, body, headers, login=False), 401, 20003)


def test_an_api_key_is_a_login_of_its_account(server, wire, conversation):
    """B-AUTH-1, B-AUTH-4"""
    key = server.new_key(wire)
    assert key.sid.startswith("SK") and len(key.sid) == 34
    assert key.get(f"{CONVERSATIONS}/{conversation}").json["accountId"] == wire.sid
    assert Wire(wire.url, key.sid, wire.secret).get(CONVERSATIONS).status == 401


# --- 400

def test_all_problems_are_named_in_the_contracts_order(wire, conversation):
    """B-ERR-7: the first in the message, all in details"""
    body = {
        "addresses": [sms("12"), {"channel": "FAX", "address": "x"}, {"address": 1}],
        "profileId": "mira", "type": "BOSS", "name": 7,
    }
    answer = wire.post(participants_of(conversation), body)
    problem = check_error(answer, 400, 20001)
    paths = answer.problem_paths
    assert paths[:3] == ["name", "type", "profileId"]
    assert {"addresses[0].address", "addresses[1].channel", "addresses[2].channel", "addresses[2].address"} <= set(paths)
    assert paths == sorted(paths, key=lambda path: ["name", "type", "profileId", "addresses"].index(re.split(r"[.\[]", path)[0]))
    assert "name" in problem["message"]
    assert all(one["message"] for one in problem["details"]["problems"])


def test_a_nested_problem_has_its_whole_path(wire, configuration):
    """B-ERR-7"""
    people = [participant("CUSTOMER", sms(fresh_number()), {"channel": "FAX", "address": "1"})]
    answer = wire.post(CONVERSATIONS, {"configurationId": configuration, "participants": people})
    problem = check_error(answer, 400, 20001)
    assert answer.problem_paths == ["participants[0].addresses[1].channel"]
    assert "participants[0].addresses[1].channel" in problem["message"]


def test_at_most_a_hundred_problems_are_named(wire, configuration):
    """B-ERR-7"""
    people = [participant("BOSS", *[{"channel": "FAX"}] * 50) for _ in range(50)]
    answer = wire.post(CONVERSATIONS, {"configurationId": configuration, "participants": people})
    check_error(answer, 400, 20001)
    assert len(answer.problem_paths) == 100


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"7", b'"x"', b"\xff"])
def test_the_whole_body_has_the_empty_path(wire, conversation, body):
    """B-ERR-7, B-HTTP-9"""
    answer = wire.post(participants_of(conversation), body)
    check_error(answer, 400, 20001)
    assert answer.problem_paths == [""]


@pytest.mark.parametrize("path", [CONVERSATIONS, CONFIGURATIONS])
@pytest.mark.parametrize("size", ["0", "-1", "1001", "ten", "", "1.5", "99999999999999999999", "%20"])
def test_a_page_size_out_of_bounds_is_refused(wire, path, size):
    """B-PAGE-1, B-PAGE-8, B-ERR-7"""
    answer = wire.send("GET", f"{path}?pageSize={size}")
    check_error(answer, 400, 20001)
    assert answer.problem_paths == ["pageSize"]


def test_the_exact_query_name_wins_and_the_first_value_counts(own_account):
    """B-PAGE-8, B-HTTP-3"""
    made = [own_account.make_conversation()["id"] for _ in range(3)]
    for query in ["PageSize=3&pageSize=1", "pageSize=1&pageSize=3", "PAGESIZE=1&Page=7&unknown=x", "Status=ACTIVE&PageSize=1"]:
        assert own_account.send("GET", f"{CONVERSATIONS}?{query}").json["meta"]["pageSize"] == 1, query
    assert len(own_account.get(CONVERSATIONS).json["conversations"]) == len(made)


def test_an_empty_channel_id_is_refused(wire):
    """B-ADDR-5, B-CONV-35"""
    answer = wire.send("GET", f"{CONVERSATIONS}?channelId=")
    check_error(answer, 400, 20001)
    assert answer.problem_paths == ["channelId"]


@pytest.mark.parametrize("content_type", ["application/json", None, "text/plain"])
@pytest.mark.parametrize("method,tail", [("POST", "/Participants"), ("PUT", ""), ("PATCH", "")])
def test_an_empty_body_is_no_body(wire, conversation, method, tail, content_type):
    """B-HTTP-1: 400 whatever its content type"""
    answer = wire.send(method, f"{CONVERSATIONS}/{conversation}{tail}", headers={"Content-Type": content_type})
    check_error(answer, 400, 20001)


def test_a_closed_conversation_says_so_without_details(wire, conversation):
    """B-ERR-7, B-CONV-28"""
    wire.close(conversation)
    body = check_error(wire.post(participants_of(conversation), participant("AGENT")), 400, 20001)
    assert "details" not in body


# --- 404 and 405

@pytest.mark.parametrize("path", [
    f"{CONVERSATIONS}/{NO_CONVERSATION}", f"{CONVERSATIONS}/tea", participants_of(NO_CONVERSATION),
    f"{CONFIGURATIONS}/{NO_CONFIGURATION}", f"{OPERATIONS}/{NO_OPERATION}", "/v2/Nowhere", "/v2", "/v2/", "/v2/conversations",
    f"{CONVERSATIONS}/{NO_CONVERSATION}/Participants/{NO_PARTICIPANT}/More",
])
def test_what_is_not_there_is_not_found(wire, path):
    """B-ERR-5, B-HTTP-6"""
    check_error(wire.get(path), 404, 20404)


def test_the_outermost_missing_resource_comes_before_the_body(wire):
    """B-ERR-8"""
    check_error(wire.post(participants_of(NO_CONVERSATION), b"{broken"), 404, 20404)
    check_error(wire.get(participants_of(NO_CONVERSATION), pageSize=0), 400, 20001)
    check_error(wire.send("POST", participants_of(NO_CONVERSATION), b"a=1", FORM), 415, 20422)


@pytest.mark.parametrize("method,path,allowed", [
    ("DELETE", CONVERSATIONS, {"GET", "HEAD", "POST"}),
    ("PUT", CONVERSATIONS, {"GET", "HEAD", "POST"}),
    ("POST", "{conversation}", {"GET", "HEAD", "PUT", "PATCH"}),
    ("PATCH", "{conversation}/Participants", {"GET", "HEAD", "POST"}),
    ("DELETE", "{conversation}/Participants/{participant}", {"GET", "HEAD", "PUT"}),
    ("PATCH", "{conversation}/Participants/{participant}", {"GET", "HEAD", "PUT"}),
    ("DELETE", CONFIGURATIONS, {"GET", "HEAD", "POST"}),
    ("POST", f"{OPERATIONS}/{NO_OPERATION}", {"GET", "HEAD"}),
    ("PROPFIND", CONVERSATIONS, {"GET", "HEAD", "POST"}),
])
def test_a_known_path_with_another_method_lists_the_methods(wire, conversation, method, path, allowed):
    """B-ERR-5, B-HTTP-7, B-PART-8. Later features may allow more, so nothing is said against that."""
    path = path.format(conversation=f"{CONVERSATIONS}/{conversation}", participant=NO_PARTICIPANT)
    answer = wire.send(method, path)
    check_error(answer, 405, 20004)
    given = {name.strip() for name in answer.headers["Allow"].split(",")}
    assert allowed <= given
    assert method not in given


# --- 409

def test_an_owned_address_names_its_owner(wire, conversation):
    """B-PART-5, B-HDR-4: the owner of the first such address in the order of the request"""
    one, two = fresh_number(), fresh_number()
    wire.make_participant(conversation, sms(one))
    owner = wire.make_participant(conversation, sms(two))
    answer = wire.post(participants_of(conversation), participant("AGENT", sms(fresh_number()), sms(two), sms(one)))
    check_error(answer, 409, 20409)
    assert answer.headers["X-Conflicting-Resource-Id"] == owner["id"]
    other = wire.make_participant(conversation)
    put = wire.put(participants_of(conversation, other["id"]), {"addresses": [sms(two)]})
    check_error(put, 409, 20409)
    assert put.headers["X-Conflicting-Resource-Id"] == owner["id"]


def test_an_owned_address_is_said_before_a_grouping_conflict(wire, configuration):
    """B-PART-5, B-ERR-8"""
    customer, agent = sms(fresh_number()), sms(fresh_number())
    people = [participant("CUSTOMER", customer), participant("AI_AGENT", agent)]
    wire.make_conversation(configuration, participants=people)
    other = wire.make_conversation(configuration)["id"]
    owner = wire.make_participant(other, customer)
    answer = wire.post(participants_of(other), participant("AI_AGENT", agent, customer))
    check_error(answer, 409, 20409)
    assert answer.headers["X-Conflicting-Resource-Id"] == owner["id"]


def test_a_grouping_conflict_names_the_conversation(wire, configuration):
    """B-GROUP-1, B-GROUP-2, B-ERR-6"""
    body = {"configurationId": configuration, "participants": [participant("CUSTOMER", sms(fresh_number()))]}
    first = wire.post(CONVERSATIONS, body).json["id"]
    answer = wire.post(CONVERSATIONS, body)
    assert check_error(answer, 409, 20409)["message"] == f"Address mapping already exists on conversation {first}."
    assert answer.headers["X-Conflicting-Resource-Id"] == first


def test_what_the_body_says_wrong_comes_before_a_conflict_and_before_what_it_names(wire, configuration):
    """B-ERR-8"""
    check_error(wire.post(CONVERSATIONS, {"configurationId": NO_CONFIGURATION, "name": 1}), 400, 20001)
    taken = [participant("CUSTOMER", sms(fresh_number()))]
    wire.make_conversation(configuration, participants=taken)
    check_error(wire.post(CONVERSATIONS, {"configurationId": NO_CONFIGURATION, "participants": taken}), 404, 20404)
    check_error(wire.post(CONVERSATIONS, {"configurationId": configuration, "participants": taken, "name": []}), 400, 20001)


# --- 413 and 415

def test_a_body_over_the_limit_is_refused_before_it_is_sent(wire):
    """B-HTTP-5, B-HTTP-10: the head alone is answered"""
    with wire.connect() as connection:
        connection.sendall(wire.head("POST", CONVERSATIONS, "Content-Type: application/json", f"Content-Length: {BODY_MAX + 1}"))
        check_error(read_answer(connection, "POST"), 413, 20001)


def test_a_chunked_body_over_the_limit_is_refused(wire):
    """B-HTTP-5: counted as sent"""
    chunk = b"%x\r\n" % MIB + b" " * MIB + b"\r\n"
    with wire.connect() as connection:
        connection.sendall(wire.head("POST", CONVERSATIONS, "Content-Type: application/json", "Transfer-Encoding: chunked"))
        for _ in range(BODY_MAX // MIB):
            connection.sendall(chunk)
        connection.sendall(b"2\r\n  \r\n0\r\n\r\n")
        check_error(read_answer(connection, "POST"), 413, 20001)


@pytest.mark.parametrize("content_type", [
    "application/x-www-form-urlencoded", "text/plain", "application/xml", "multipart/form-data", None, "json"])
@pytest.mark.parametrize("method,tail", [("POST", "/Participants"), ("PUT", ""), ("PATCH", "")])
def test_a_body_that_is_not_json_is_refused(wire, conversation, method, tail, content_type):
    """B-HTTP-1"""
    answer = wire.send(method, f"{CONVERSATIONS}/{conversation}{tail}", b"status=CLOSED", {"Content-Type": content_type})
    check_error(answer, 415, 20422)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"])
def test_json_may_have_parameters(wire, conversation, content_type):
    """B-HTTP-1"""
    body = json.dumps(participant("AGENT")).encode()
    assert wire.send("POST", participants_of(conversation), body, {"Content-Type": content_type}).status == 201


def test_a_get_takes_any_content_type_and_ignores_a_body(wire, conversation):
    """B-HTTP-1, B-HTTP-2"""
    for body in (None, b"a=1"):
        answer = wire.send("GET", f"{CONVERSATIONS}/{conversation}", body, FORM)
        assert answer.status == 200
        check_headers(answer)


# --- 429

def test_over_the_rate_limit_is_429_and_monitoring_is_not_counted(another_server):
    """B-RATE-1, B-RATE-2"""
    wire = another_server(PARLEY_RATE_LIMIT="1").wire
    answers = []
    for _ in range(RATE_TRIES):
        answers.append(wire.get(CONVERSATIONS))
        if answers[-1].status != 200:
            break
    check_error(answers[-1], 429, 20429)
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert [wire.send("GET", "/health", login=False).status for _ in range(5)] == [200] * 5


# --- Headers, HEAD, slash, monitoring

def test_every_good_answer_has_the_headers_too(wire, conversation):
    """B-HDR-1; a request has an id of its own"""
    answers = [
        wire.get(CONVERSATIONS), wire.post(participants_of(conversation), participant("AGENT")),
        wire.post(CONFIGURATIONS, a_configuration())]
    for answer in answers:
        check_headers(answer)
    assert len({answer.headers["Twilio-Request-Id"] for answer in answers}) == len(answers)


@pytest.mark.parametrize("tail", ["", "/Participants", "/tea"])
def test_head_is_get_without_a_body(wire, conversation, tail):
    """B-HTTP-7"""
    path = f"{CONVERSATIONS}/{conversation}{tail}"
    head, got = wire.send("HEAD", path), wire.get(path)
    assert (head.status, head.body) == (got.status, b"")
    check_headers(head)
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert head.headers["Content-Length"] in (None, got.headers["Content-Length"])


def test_a_trailing_slash_is_not_significant(wire, conversation):
    """B-HTTP-7"""
    path = f"{CONVERSATIONS}/{conversation}"
    assert wire.get(f"{path}/").json == wire.get(path).json
    assert wire.send("GET", f"{CONVERSATIONS}/?pageSize=1").status == 200
    assert wire.post(f"{path}/Participants/", participant("AGENT")).status == 201


def test_unknown_fields_and_read_only_ones_are_ignored(wire, conversation):
    """B-HTTP-3"""
    body = {**participant("AGENT"), "id": "x", "createdAt": 7, "conversationId": None, "unknown": {"deep": [1]}}
    made = wire.post(participants_of(conversation), body)
    assert made.status == 201
    assert wire.put(participants_of(conversation, made.json["id"]), made.json).json == made.json


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/openapi.json"])
def test_monitoring_needs_no_login_and_says_no_secret(wire, path):
    """The paths that need no login"""
    answer = wire.send("GET", path, login=False)
    assert answer.status == 200
    assert wire.secret.encode() not in answer.body
    if path == "/metrics":
        assert wire.sid.encode() not in answer.body


def test_the_log_has_neither_secrets_nor_addresses(server, wire, conversation):
    """First start: the token itself is in no output"""
    address = "secret-guest-4711"
    wire.make_participant(conversation, {"channel": "CHAT", "address": address})
    wire.post(participants_of(conversation), participant("AGENT", {"channel": "FAX", "address": address}))
    log = server.log.read_text(errors="replace")
    assert wire.secret not in log
    assert wire.authorization.split()[1] not in log
    assert address not in log


def test_the_files_with_secrets_are_the_owners_alone(server):
    """First start: mode 0600"""
    for name in ("account.env", "secret.key"):
        assert (server.data / name).stat().st_mode & 0o777 == 0o600
