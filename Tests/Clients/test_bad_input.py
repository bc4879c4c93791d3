"""Input that no client should send: B-HTTP-5…10, B-PAGE-5. Never a 5xx but the 503 of the body budget, and never a hang.

Every test ends by asking the server for something ordinary.
"""

import concurrent.futures
import http.client
import json
import select
import socket

import pytest

from harness import (
    ANSWER_SECONDS, BODY_MAX, CONFIGURATIONS, CONVERSATIONS, MIB, a_configuration, fresh_number, participant, participants_of,
    read_answer, sms)

DEPTH_MAX = 64


@pytest.fixture(autouse=True)
def still_answers(wire):
    """The server serves the next caller as if nothing had been."""
    yield
    assert wire.get(CONVERSATIONS, pageSize=1).status == 200


def check_refused(answer, path=None):
    assert answer.status == 400, (answer.status, answer.body[:300])
    assert answer.json["code"] == 20001
    if path is not None:
        assert answer.problem_paths[0] == path
    return answer


def encode(value):
    return json.dumps(value, ensure_ascii=False).encode()


# --- JSON

WHOLE = rb'{"addresses": [{"channel": "CHAT", "address": "gu\u00e9st \ud83c\udf75"}], "name": "M\"ira", "ignored": [-1.5e+3, true, null]}'


@pytest.mark.parametrize("length", range(1, len(WHOLE)))
def test_a_truncated_body_is_refused_wherever_it_is_cut(wire, conversation, length):
    """B-HTTP-9"""
    check_refused(wire.post(participants_of(conversation), WHOLE[:length]), "")


@pytest.mark.parametrize("body", [
    b"{}x", b"{} {}", b"{'addresses': []}", b'{"addresses": [],}', b'{"addresses": [,]}', b'{addresses: []}', b'// note\n{"addresses": []}',
    b'{"addresses": [], "n": 01}', b'{"addresses": [], "n": +1}', b'{"addresses": [], "n": .5}', b'{"addresses": [], "n": 1.}',
    b'{"addresses": [], "n": NaN}', b'{"addresses": [], "n": Infinity}', b'{"addresses": [], "n": 0x10}', b'{"addresses": [], "n": 1e}',
    b'{"addresses": [], "n": tru}', b'{"addresses": [], "n": "\t"}', b'{"addresses": [], "n": "\x00"}', b'{"addresses": [], "n": "\\x41"}',
    b'{"addresses": [], "n": "\\u12"}', b'\xef\xbb\xbf{"addresses": []', b"\x00", b" ", b"\n\n",
])
def test_what_is_not_json_is_refused(wire, conversation, body):
    """B-HTTP-9: also in a member that is ignored"""
    check_refused(wire.post(participants_of(conversation), body), "")


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\xaf", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\x80"])
@pytest.mark.parametrize("member", [b"name", b"ignored"])
def test_invalid_utf_8_is_refused(wire, conversation, bad, member):
    """B-HTTP-9"""
    body = b'{"addresses": [], "%s": "a%sb"}' % (member, bad)
    assert check_refused(wire.post(participants_of(conversation), body)).status == 400


@pytest.mark.parametrize("escape", [r"\ud800", r"\udc00", r"\ud800x", r"\udc00\ud800", r"\ud83c\ud83c"])
@pytest.mark.parametrize("member", ["name", "ignored"])
def test_a_lone_surrogate_is_refused(wire, conversation, escape, member):
    """B-HTTP-9"""
    check_refused(wire.post(participants_of(conversation), f'{{"addresses": [], "{member}": "{escape}"}}'.encode()))


def test_a_surrogate_pair_is_a_character(wire, conversation):
    """B-HTTP-8, B-HTTP-9"""
    answer = wire.post(participants_of(conversation), rb'{"addresses": [], "name": "\ud83c\udf75"}')
    assert (answer.status, answer.json["name"]) == (201, "\N{TEACUP WITHOUT HANDLE}")


@pytest.mark.parametrize("body", [
    b'{"addresses": [], "addresses": []}',
    b'{"addresses": [], "name": "a", "name": "a"}',
    rb'{"addresses": [], "name": "a", "n\u0061me": "b"}',
    b'{"addresses": [{"channel": "SMS", "channel": "SMS", "address": "12345"}]}',
    b'{"addresses": [], "ignored": {"deep": [{"a": 1, "a": 1}]}}',
])
def test_the_same_member_twice_is_refused(wire, conversation, body):
    """B-HTTP-9: also escaped, also deep in what is ignored"""
    check_refused(wire.post(participants_of(conversation), body))


@pytest.mark.parametrize("opening,closing", [(b"[", b"]"), (b'{"a":', b"}")])
def test_a_body_nests_sixty_four_deep(wire, conversation, opening, closing):
    """B-HTTP-9: the body's own object is the first level"""
    def nested(depth):
        inner = depth - 1
        value = opening * inner + (b"1" if opening != b"[" else b"") + closing * inner
        return wire.post(participants_of(conversation), b'{"addresses": [], "ignored": %s}' % value)

    assert nested(DEPTH_MAX).status == 201
    check_refused(nested(DEPTH_MAX + 1))


@pytest.mark.parametrize("body", [b"[" * MIB, b'{"a":' * MIB, b"[" * MIB + b"]" * MIB])
def test_bottomless_nesting_is_refused(wire, conversation, body):
    """B-HTTP-9"""
    check_refused(wire.post(participants_of(conversation), body))


def test_control_characters_are_kept_in_names_and_metadata_values(wire, configuration):
    """B-HTTP-9"""
    name = "a\0b\x01\x1f\x7f\u0085\u2028"
    made = wire.make_conversation(configuration, name=name, metadata={"note": name}, participants=[participant("AGENT", name=name)])
    shown = wire.get(f"{CONVERSATIONS}/{made['id']}").json
    assert (shown["name"], shown["metadata"], shown["participants"][0]["name"]) == (name, {"note": name}, name)
    assert wire.get(participants_of(made["id"])).json["participants"][0]["name"] == name


@pytest.mark.parametrize("address,place", [
    ({"channel": "CHAT", "address": "gue\0st"}, "addresses[0].address"),
    ({"channel": "VOICE", "address": "client:\0"}, "addresses[0].address"),
    ({"channel": "EMAIL", "address": "a\n@b"}, "addresses[0].address"),
    ({"channel": "CHAT", "address": "\tguest"}, "addresses[0].address"),
    ({"channel": "CHAT", "address": "guest", "channelId": "C\0A"}, "addresses[0].channelId"),
    ({"channel": "CHAT", "address": "guest", "channelId": ""}, "addresses[0].channelId"),
    ({"channel": "CHAT", "address": "guest", "channelId": "x" * 257}, "addresses[0].channelId"),
    ({"channel": "SM\0S", "address": "+14155550117"}, "addresses[0].channel"),
])
def test_control_characters_are_refused_in_addresses_and_ids(wire, conversation, address, place):
    """B-HTTP-9, B-ADDR-3, B-ADDR-5"""
    check_refused(wire.post(participants_of(conversation), participant("AGENT", address)), place)


def test_control_characters_are_refused_in_keys_and_queries(wire, configuration):
    """B-HTTP-9"""
    check_refused(wire.post(CONVERSATIONS, {"configurationId": configuration, "metadata": {"a\0": "b"}}))
    check_refused(wire.post(CONVERSATIONS, {"configurationId": configuration[:-1] + "\0"}), "configurationId")
    check_refused(wire.send("GET", f"{CONVERSATIONS}?channelId=CA%00"), "channelId")


@pytest.mark.parametrize("number", [
    b"1e400", b"-1e400", b"9" * 400, b"9223372036854775808", b"18446744073709551616", b"1e-400", b"0." + b"9" * 1000,
], ids=lambda number: number[:20].decode())
def test_a_number_that_is_no_number_of_minutes_is_refused(wire, number):
    """B-LIFE-1: whole minutes of at least 1, and no number breaks anything"""
    body = encode(a_configuration(channelSettings={"SMS": {"statusTimeouts": {"closed": 4711}}})).replace(b"4711", number)
    check_refused(wire.post(CONFIGURATIONS, body), "channelSettings.SMS.statusTimeouts.closed")


@pytest.mark.parametrize("number", [b"1e400", b"-9" + b"9" * 4000, b"0." + b"0" * 4000 + b"1", b"-0", b"1E+2"])
def test_huge_numbers_in_what_is_ignored_are_ignored(wire, conversation, number):
    """B-HTTP-3"""
    assert wire.post(participants_of(conversation), b'{"addresses": [], "ignored": %s}' % number).status == 201


# --- Wrong types, at every field

WRONG_VALUES = [True, 0, 1.5, "\0", [], {}, [[]], [{}], {"a": {}}, ["x"], [None]]

PARTICIPANT = participant("AGENT", sms("+14155550117", channelId="CA1"), name="Mira", profileId="mem_profile_01kc5gqapenecfseczp11hygcp")
CONVERSATION = {
    "name": "Late parcel", "metadata": {"order": "1"}, "participants": [PARTICIPANT],
    "configuration": {
        "conversationGroupingType": "GROUP_BY_PROFILE", "memoryStoreId": "mem_store_01kcqy77zxyyk596ngya1dq91k",
        "channelSettings": {"SMS": {"statusTimeouts": {"inactive": 1, "closed": 2}}}, "memoryExtractionEnabled": True,
        "statusCallbacks": [{"url": "https://hooks.harbortea.example/", "method": "POST"}], "intelligenceConfigurationIds": ["GA1"],
        "traitExtractionStrategyIds": ["a"], "observationExtractionStrategyIds": ["a"], "workflows": [{"flowId": "FW" + "0" * 32}],
    },
}
CONFIGURATION = a_configuration(
    channelSettings={"SMS": {
        "statusTimeouts": {"inactive": 1, "closed": 2}, "captureRules": [{"from": "*", "to": "*", "metadata": {"a": "b"}}]}},
    statusCallbacks=[{"url": "https://hooks.harbortea.example/", "method": "POST"}], intelligenceConfigurationIds=["GA1"],
    memoryExtractionEnabled=True, conversationsV1Bridge={"serviceId": "IS" + "0" * 32})
BODIES = {
    "participant": (lambda conversation: ("POST", participants_of(conversation)), PARTICIPANT),
    "conversation": (lambda conversation: ("POST", CONVERSATIONS), CONVERSATION),
    "update": (lambda conversation: ("PUT", f"{CONVERSATIONS}/{conversation}"), {"status": "ACTIVE", "name": "x", "metadata": {"a": "b"}}),
    "patch": (lambda conversation: ("PATCH", f"{CONVERSATIONS}/{conversation}"), {
        "status": "ACTIVE", "name": "x", "metadata": {"a": "b"},
        "configuration": {"statusCallbacks": [{"url": "https://hooks.harbortea.example/", "method": "POST"}]}}),
    "configuration": (lambda conversation: ("POST", CONFIGURATIONS), CONFIGURATION),
}


def places_in(value, path=()):
    """The path of every member and element below `value`."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*path, name)
        yield from places_in(inner, (*path, name))


def with_value(body, path, value):
    copy = json.loads(json.dumps(body))
    holder = copy
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return copy


FIELDS = [(name, path) for name, (_, body) in BODIES.items() for path in places_in(body)]


@pytest.mark.parametrize("name,path", FIELDS, ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else value)
def test_a_wrong_type_is_refused_at_every_field(wire, conversation, name, path):
    """B-ERR-5, B-ERR-7: a value of another type is 400, and what fits by chance is no failure"""
    target, body = BODIES[name]
    method, url = target(conversation)
    right = body
    for step in path:
        right = right[step]
    for wrong in WRONG_VALUES:
        answer = wire.send(method, url, with_value(body, path, wrong))
        assert answer.status < 500, (wrong, answer.body)
        if kind_of(wrong) != kind_of(right):
            check_refused(answer)
            assert answer.problem_paths, wrong


def kind_of(value):
    return "number" if type(value) in (int, float) else type(value).__name__


# --- Big bodies

def padded(size):
    """A good body of exactly `size` bytes."""
    body = encode(participant("AGENT"))
    return body[:-1] + b" " * (size - len(body)) + b"}"


def test_a_body_of_the_limit_is_taken(wire, conversation):
    """B-HTTP-5: from below"""
    assert wire.post(participants_of(conversation), padded(BODY_MAX)).status == 201


def test_a_body_of_the_limit_is_read_whole(wire, conversation):
    """B-HTTP-5: 16 MiB of a name is a 400 about the name, one byte more is a 413"""
    name = b'{"addresses": [], "name": "%s"}'
    fill = BODY_MAX - len(name % b"")
    check_refused(wire.post(participants_of(conversation), name % (b"x" * fill)), "name")
    assert status_of_big(wire, participants_of(conversation), name % (b"x" * (fill + 1))) in (413, None)


def test_a_long_list_and_many_members_are_read_to_the_end(wire, conversation):
    """B-PART-7, B-ERR-7: millions of elements make one refusal"""
    answer = check_refused(wire.post(participants_of(conversation), b'{"addresses": [' + b"{}," * MIB + b"{}]}"))
    assert answer.problem_paths[0].startswith("addresses")
    members = b",".join(b'"k%d":0' % number for number in range(300_000))
    assert wire.post(participants_of(conversation), b'{"addresses": [], %s}' % members).status == 201


def status_of_big(wire, path, body):
    """The status of a big POST, or None if the connection was closed under it, as it may be after an early refusal."""
    try:
        return wire.post(path, body).status
    except (ConnectionError, http.client.HTTPException):
        return None


def test_many_big_bodies_at_once_meet_the_budget_or_an_answer(wire, conversation):
    """PARLEY_MAX_BODY_MEMORY: 320 MiB against 256 are 400 or 503, never a crash"""
    body = b'{"addresses": [], "name": "%s"}' % (b"x" * (BODY_MAX - 100))
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = set(pool.map(lambda _: status_of_big(wire, participants_of(conversation), body), range(20)))
    assert statuses <= {400, 503, None}
    assert 400 in statuses


def test_the_budget_of_bodies_is_kept_and_given_back(another_server):
    """PARLEY_MAX_BODY_MEMORY, B-ERR-5: beyond it 503 with Retry-After; what is let go of is free again"""
    wire = another_server(PARLEY_MAX_BODY_MEMORY="16").wire
    path = participants_of(wire.make_conversation()["id"])
    head = wire.head("POST", path, "Content-Type: application/json", f"Content-Length: {BODY_MAX}")
    with wire.connect() as first, wire.connect() as second:
        for connection in (first, second):
            try:
                connection.sendall(head + b" " * (BODY_MAX - 1))
            except ConnectionError:
                pass  # Refused early: the answer is there all the same.
        # Neither body is whole, so whoever is answered is the one that did not fit.
        readable, _, _ = select.select([first, second], [], [], ANSWER_SECONDS)
        (refused,) = readable
        answer = read_answer(refused, "POST")
        assert (answer.status, answer.json["code"]) == (503, 20503)
        assert int(answer.headers["Retry-After"]) >= 1
        (other,) = {first, second} - {refused}
        other.sendall(b" ")
        assert read_answer(other, "POST").status == 400
    assert wire.post(path, padded(BODY_MAX)).status == 201


# --- Slow and broken senders

def test_slow_senders_keep_nobody_waiting(wire, conversation):
    """B-HTTP-10: forty half requests are open while others are answered"""
    path = participants_of(conversation)
    head = wire.head("POST", path, "Content-Type: application/json", "Content-Length: 1000")
    halves = [head + b'{"addresses":', head, head[:40], b"", b"G"]
    slow = [wire.connect() for _ in range(40)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(halves[number % len(halves)])
        assert wire.post(path, participant("AGENT", sms(fresh_number()))).status == 201
        assert len(wire.get(path).json["participants"]) == 1
        slow[0].sendall(b" " * (1000 - len(b'{"addresses":') - len(b"[]}")) + b"[]}")
        assert read_answer(slow[0], "POST").status == 201
    finally:
        for connection in slow:
            connection.close()


def test_a_sender_that_leaves_in_the_middle_changes_nothing(wire, conversation):
    """B-HTTP-10"""
    path = participants_of(conversation)
    body = encode(participant("AGENT"))
    for _ in range(20):
        with wire.connect() as connection:
            connection.sendall(wire.head("POST", path, "Content-Type: application/json", f"Content-Length: {len(body) + 1}") + body)
    assert wire.get(path).json["participants"] == []


@pytest.mark.parametrize("raw", [
    b"\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"HELLO\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
], ids=lambda raw: repr(raw[:30]))
def test_a_head_that_is_no_http_is_refused_or_dropped(wire, raw):
    """B-HTTP-10: never a 5xx, and the connection ends when the sender ends it"""
    with wire.connect() as connection:
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            said = connection.recv(1000)
        except ConnectionError:
            said = b""
    assert said == b"" or said.startswith(b"HTTP/1.") and said.split()[1][:1] == b"4", said


def test_expect_100_continue_is_honoured(wire, conversation):
    """B-HTTP-10"""
    body = encode(participant("AGENT"))
    head = wire.head(
        "POST", participants_of(conversation), "Content-Type: application/json", f"Content-Length: {len(body)}", "Expect: 100-continue")
    with wire.connect() as connection:
        connection.sendall(head)
        said = b""
        while b"\r\n\r\n" not in said:
            said += connection.recv(1)
        assert said.startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert read_answer(connection, "POST").status == 201


# --- Paths, queries, tokens

@pytest.mark.parametrize("tail", [
    "/%", "/%2", "/%zz", "/%00", "/%ff", "/%c0%af", "/%2e%2e", "/..", "/../../etc/passwd", "/%2F", "//", "/;x=1", "/" + "a" * 5000, "/\xe9",
    "/conv_conversation_%30" + "1" * 25, "/{Sid}", "/*", "/%E2%80%8B", "/Participants", "/null",
])
def test_an_odd_path_is_not_found(wire, tail):
    """B-HTTP-6: 404, or 400 for what is not a path at all"""
    answer = wire.send("GET", CONVERSATIONS + tail) if tail.isascii() else raw_get(wire, CONVERSATIONS + tail)
    assert answer.status in ((404, 400, 200) if tail == "//" else (404, 400, 414)), answer.body


@pytest.mark.parametrize("query", [
    "%", "pageSize=%", "pageSize=%zz", "pageSize=%FF", "channelId=CA%FF", "status=%00", "status=%FF", "status=", "status=,", "=",
    "&&&=&", "pageSize", "pageToken",
    "pageSize=1&pageSize=x&pageSize=" + "9" * 5000, "channelId=" + "x" * 257, "a=" + "b" * 5000, "status=ACTIVE" + "&status=ACTIVE" * 500,
])
def test_an_odd_query_is_answered_or_refused(wire, query):
    """B-PAGE-8, B-HTTP-3"""
    assert wire.send("GET", f"{CONVERSATIONS}?{query}").status in (200, 400)


def raw_get(wire, target):
    with wire.connect() as connection:
        connection.sendall(wire.head("GET", "TARGET").replace(b"TARGET", target.encode("latin-1")))
        return read_answer(connection)


def test_an_altered_token_is_refused(own_account):
    """B-PAGE-5: every single character counts"""
    for _ in range(3):
        own_account.make_conversation()
    token = own_account.get(CONVERSATIONS, pageSize=1).json["meta"]["nextToken"]
    assert own_account.get(CONVERSATIONS, pageToken=token).status == 200
    for position in range(len(token)):
        other = "A" if token[position] != "A" else "B"
        check_refused(own_account.get(CONVERSATIONS, pageToken=token[:position] + other + token[position + 1:]), "pageToken")


@pytest.mark.parametrize("token", [
    "", "x", "null", "====", "AAAA", "a" * 5000, "\0", "\N{TEACUP WITHOUT HANDLE}", "../..", "eyJhZnRlciI6Mn0", "%",
], ids=lambda token: ascii(token[:20]))
@pytest.mark.parametrize("path", [CONVERSATIONS, CONFIGURATIONS])
def test_an_odd_token_is_refused(wire, path, token):
    """B-PAGE-5, B-PAGE-8"""
    check_refused(wire.get(path, pageToken=token), "pageToken")


def test_a_token_of_another_list_is_refused(own_account):
    """B-PAGE-5: bound to collection and parent"""
    conversations = [own_account.make_conversation(participants=[participant("AGENT"), participant("AGENT")])["id"] for _ in range(2)]
    token = own_account.get(participants_of(conversations[0]), pageSize=1).json["meta"]["nextToken"]
    assert own_account.get(participants_of(conversations[0]), pageToken=token).status == 200
    for path in (participants_of(conversations[1]), CONVERSATIONS, CONFIGURATIONS):
        check_refused(own_account.get(path, pageToken=token), "pageToken")


def test_null_means_absent_except_in_a_list(wire, conversation):
    """B-HTTP-4"""
    nulls = {"name": None, "type": None, "profileId": None, "addresses": [{**sms(fresh_number()), "channelId": None}]}
    assert wire.post(participants_of(conversation), nulls).status == 201
    check_refused(wire.post(participants_of(conversation), {"addresses": [None]}), "addresses[0]")
    check_refused(wire.post(participants_of(conversation), {"addresses": None}), "addresses")
    check_refused(wire.post(participants_of(conversation), {"addresses": [{"channel": None, "address": "x"}]}), "addresses[0].channel")
