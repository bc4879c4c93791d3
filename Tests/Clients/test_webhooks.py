"""Webhooks as their receivers see them: the official SDK and Twilio Agent Connect judge every signature."""

import concurrent.futures
import json
import re
import subprocess
import time
import uuid

import pytest
from twilio.request_validator import RequestValidator

from harness import BINARY, CONFIGURATIONS, CONVERSATIONS, DELIVERIES, LISTENERS, fresh_number, participant, participants_of, sms
from receiver import BareReceiver, Receiver

POST_HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Accept": "*/*",
    "User-Agent": "TwilioProxy/1.1",
}


@pytest.fixture(scope="module")
def hooks_server(tmp_path_factory):
    from harness import Server

    server = Server(tmp_path_factory.mktemp("hooks"), PARLEY_WEBHOOK_ALLOW_PRIVATE="true").start()
    yield server
    try:
        server.stop()
    finally:
        server.kill()


@pytest.fixture
def line(hooks_server):
    return hooks_server.wire


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


def is_signed(hook, token):
    """What a receiver asks the official SDK."""
    validator = RequestValidator(token)
    if hook.method == "GET":
        return validator.validate(hook.url, {}, hook["X-Twilio-Signature"])
    return validator.validate(hook.url, hook.body.decode(), hook["X-Twilio-Signature"])


def told(line, *callbacks, **more):
    """A conversation whose events are told to the callbacks."""
    configuration = line.make_configuration(statusCallbacks=list(callbacks))
    return line.make_conversation(configuration, **more)


def every_event(line, *callbacks):
    """Causes each event that the API has so far: one CREATED, two ADDED, two of UPDATED, one of the participant's."""
    made = told(line, *callbacks, name="first", participants=[participant("CUSTOMER", sms(fresh_number()), name="Ada")])
    conversation = made["id"]
    added = line.make_participant(conversation, sms(fresh_number()), kind="AI_AGENT", name="Tea")
    path = participants_of(conversation, added["id"])
    changed = {"type": "AI_AGENT", "name": "Täa ☕", "addresses": added["addresses"]}
    assert line.put(path, changed).status == 200
    assert line.patch(f"{CONVERSATIONS}/{conversation}", {"name": "second"}).status == 200
    assert line.put(f"{CONVERSATIONS}/{conversation}", {"status": "CLOSED"}).status == 200
    return conversation


KINDS = [
    "CONVERSATION_CREATED", "PARTICIPANT_ADDED", "PARTICIPANT_ADDED", "PARTICIPANT_UPDATED", "CONVERSATION_UPDATED",
    "CONVERSATION_UPDATED",
]


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_official_validator_accepts_every_event_and_no_other_token(hooks_server, line, receiver, method):
    """B-HOOK-11…15, B-CONV-8, B-CONV-27, B-PART-22"""
    conversation = every_event(line, {"url": receiver.url("/hook?tenant=7"), "method": method})
    hooks = receiver.wait(len(KINDS))
    assert [hook.kind for hook in hooks] == KINDS
    for hook in hooks:
        assert hook.method == method
        assert is_signed(hook, hooks_server.token)
        assert not is_signed(hook, "0123456789abcdef0123456789abcdef")
        assert hook.event["data"].get("conversationId", hook.event["data"]["id"]) == conversation
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z", hook.event["timestamp"])
    assert len({hook["I-Twilio-Idempotency-Token"] for hook in hooks}) == len(hooks)


def test_the_headers_are_those_of_the_hosted_api(line, receiver):
    """B-HOOK-11, B-HOOK-18, B-HDR-3"""
    configuration = line.make_configuration(statusCallbacks=[{"url": receiver.url()}])
    answer = line.post(CONVERSATIONS, {"configurationId": configuration})
    (hook,) = receiver.wait(1)
    for name, value in POST_HEADERS.items():
        assert hook[name] == value
    assert hook["Twilio-Request-Id"] == answer.headers["Twilio-Request-Id"]
    assert str(uuid.UUID(hook["I-Twilio-Idempotency-Token"])) == hook["I-Twilio-Idempotency-Token"]
    assert not hook.has("X-Twilio-Webhooks-Signature-Settings")
    assert int(hook["Content-Length"]) == len(hook.body)


def test_the_data_is_the_resource_in_the_form_of_lists(line, receiver):
    """B-HOOK-2, B-HOOK-3"""
    made = told(line, {"url": receiver.url()}, name="Ada", metadata={"a": "1"})
    (hook,) = receiver.wait(1)
    listed = next(one for one in line.get(f"{CONVERSATIONS}?pageSize=1000").json["conversations"] if one["id"] == made["id"])
    assert hook.event["data"] == listed
    assert set(listed) == {"id", "accountId", "configurationId", "status", "name", "createdAt", "updatedAt", "metadata"}


def test_a_body_that_was_altered_is_refused(hooks_server, line, receiver):
    told(line, {"url": receiver.url()})
    (hook,) = receiver.wait(1)
    hook.body = hook.body.replace(b"ACTIVE", b"CLOSED")
    assert not is_signed(hook, hooks_server.token)


def test_agent_connect_accepts_what_it_gets(hooks_server, line, receiver):
    """The check of TAC's server, on the request as its framework would see it."""
    pytest.importorskip("fastapi", reason="the server part of twilio-agent-connect is not installed")
    from fastapi import Request
    from tac.server.signature_validation import validate_twilio_webhook

    every_event(line, {"url": receiver.url()})
    for hook in receiver.wait(len(KINDS)):
        path, _, query = hook.target.partition("?")
        scope = {
            "type": "http", "method": "POST", "scheme": "http", "path": path, "query_string": query.encode(), "root_path": "",
            "server": ("127.0.0.1", receiver.port),
            "headers": [(name.lower().encode(), value.encode()) for name, value in hook.headers],
        }
        assert validate_twilio_webhook(Request(scope), hooks_server.token, hook.body.decode())
        assert not validate_twilio_webhook(Request(scope), "0" * 32, hook.body.decode())


def test_a_thousand_webhooks_are_all_accepted(hooks_server, line, receiver):
    """Every signature and every body; each event once, and in order within its conversation."""
    configuration = line.make_configuration(statusCallbacks=[{"url": receiver.url()}])

    def one(_):
        conversation = line.make_conversation(configuration, name="é0")["id"]
        for number in range(1, 20):
            assert line.patch(f"{CONVERSATIONS}/{conversation}", {"name": f"é{number}"}).status == 200
        return conversation

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        conversations = list(pool.map(one, range(50)))
    hooks = receiver.wait(1000)
    assert len(hooks) == 1000
    assert all(is_signed(hook, hooks_server.token) for hook in hooks)
    names = {conversation: [] for conversation in conversations}
    for hook in hooks:
        names[hook.event["data"]["id"]].append(hook.event["data"]["name"])
    assert all(found == [f"é{number}" for number in range(20)] for found in names.values())
    assert len({hook["I-Twilio-Idempotency-Token"] for hook in hooks}) == 1000


def test_it_is_signed_with_the_auth_token_also_when_a_key_calls(hooks_server, line, receiver):
    """B-AUTH-7"""
    key = hooks_server.new_key(line)
    told(key, {"url": receiver.url()})
    (hook,) = receiver.wait(1)
    assert is_signed(hook, hooks_server.token)
    assert not is_signed(hook, key.secret)


def test_user_info_is_a_login_and_not_signed_and_a_fragment_is_dropped(hooks_server, line, receiver):
    """B-HOOK-14, B-HOOK-19, B-HOOK-36"""
    told(line, {"url": f"http://ada:p%40ss@127.0.0.1:{receiver.port}/hook?a=1&b=%20x#rc=3"})
    (hook,) = receiver.wait(1)
    assert hook["Authorization"] == "Basic YWRhOnBAc3M="
    assert hook.target.startswith("/hook?a=1&b=%20x&bodySHA256=")
    assert is_signed(hook, hooks_server.token)


def test_a_failing_receiver_gets_the_same_event_again_before_the_next(hooks_server, line):
    """B-HOOK-12, B-HOOK-32, B-HOOK-34"""
    seen = set()

    def fail_once(hook):
        token = hook["I-Twilio-Idempotency-Token"]
        if token in seen or hook.kind != "CONVERSATION_CREATED":
            return 204
        seen.add(token)
        return 503, {"Retry-After": "1"}

    receiver = Receiver(fail_once)
    made = told(line, {"url": receiver.url()}, participants=[participant("CUSTOMER", sms(fresh_number()))])
    first, again, added = receiver.wait(3)
    assert [first.kind, again.kind, added.kind] == ["CONVERSATION_CREATED", "CONVERSATION_CREATED", "PARTICIPANT_ADDED"]
    assert first.body == again.body and first["I-Twilio-Idempotency-Token"] == again["I-Twilio-Idempotency-Token"]
    assert first["Twilio-Request-Id"] == again["Twilio-Request-Id"]
    listed = line.get(f"{DELIVERIES}?conversationId={made['id']}&eventType=CONVERSATION_CREATED").json["deliveries"]
    attempts = line.get(f"{DELIVERIES}/{listed[0]['id']}").json["attempts"]
    assert attempts[0]["status"] == 503 and attempts[0]["nextAttemptAt"] is not None
    receiver.stop()


def test_a_list_of_callbacks_in_patch_replaces_and_an_empty_one_stops(line, receiver):
    """B-CONV-24, B-HOOK-6"""
    made = told(line, {"url": receiver.url("/old")})
    path = f"{CONVERSATIONS}/{made['id']}"
    twice = [{"url": receiver.url("/new")}] * 2
    assert line.patch(path, {"configuration": {"statusCallbacks": twice}}).status == 200
    assert line.patch(path, {"name": "a"}).status == 200
    assert line.patch(path, {"configuration": {"statusCallbacks": []}}).status == 200
    assert line.patch(path, {"name": "b"}).status == 200
    assert line.patch(path, {"configuration": {"statusCallbacks": None}}).status == 200
    assert line.patch(path, {"name": "c"}).status == 200
    hooks = receiver.wait(4)
    told_to = [(hook.target.partition("?")[0], hook.event["data"]["name"]) for hook in hooks]
    assert sorted(told_to, key=str) == sorted([("/old", None), ("/new", "a"), ("/new", "a"), ("/old", "c")], key=str)


def test_a_listener_hears_what_no_callback_does(hooks_server, line, receiver):
    """B-HOOK-6"""
    other = hooks_server.new_account("listener")
    made = other.post(LISTENERS, {"url": receiver.url("/listen"), "expiresInSeconds": 600})
    assert made.status == 201, made.body
    conversation = told(other)["id"]
    (hook,) = receiver.wait(1)
    assert hook.event["data"]["id"] == conversation
    assert is_signed(hook, other.secret)
    assert other.delete(f"{LISTENERS}/{made.json['id']}").status == 204


def test_private_and_plain_urls_are_refused_unless_they_are_allowed(wire):
    """B-HOOK-20"""
    for url in ["http://example.com/", "https://127.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://0x7f.1/", "https://hook.internal/"]:
        body = {"displayName": "a", "description": "b", "conversationGroupingType": "GROUP_BY_PROFILE"}
        answer = wire.post(CONFIGURATIONS, {**body, "memoryStoreId": "mem_store_01kcqy77zxyyk596ngya1dq91k", "statusCallbacks": [{"url": url}]})
        assert answer.status == 400 and "statusCallbacks[0].url" in answer.problem_paths


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("query", ["?", "??", "?next=/a?", "?a=1&next=/b??c=?", "?a=1&", "?=", "?%3F"])
def test_the_official_validator_accepts_whatever_query_a_callback_has(hooks_server, line, receiver, method, query):
    """B-HOOK-13, B-HOOK-14: a query exists once there is a ?"""
    told(line, {"url": receiver.url(f"/hook{query}"), "method": method})
    (hook,) = receiver.wait(1)
    assert hook.target.startswith(f"/hook{query}&")
    assert is_signed(hook, hooks_server.token)
    assert not is_signed(hook, "0123456789abcdef0123456789abcdef")


@pytest.mark.parametrize("query", ["?bodySHA256=1", "?a=1&bodySHA256=", "?bodySHA256", "?body%53HA256=1#x"])
def test_a_callback_that_names_the_bodys_hash_is_refused_wherever_it_is_written(line, query):
    """B-HOOK-14: no receiver could verify it"""
    callbacks = [{"url": f"https://example.com/{query}"}]
    configuration = {
        "displayName": "a", "description": "b", "conversationGroupingType": "GROUP_BY_PROFILE",
        "memoryStoreId": "mem_store_01kcqy77zxyyk596ngya1dq91k", "statusCallbacks": callbacks,
    }
    inline = {"conversationGroupingType": "GROUP_BY_PROFILE", "memoryStoreId": configuration["memoryStoreId"], "statusCallbacks": callbacks}
    made = told(line)
    path = "configuration.statusCallbacks[0].url"
    for answer, problem in [
        (line.post(CONFIGURATIONS, configuration), "statusCallbacks[0].url"),
        (line.post(CONVERSATIONS, {"configuration": inline}), path),
        (line.patch(f"{CONVERSATIONS}/{made['id']}", {"configuration": {"statusCallbacks": callbacks}}), path),
        (line.post(LISTENERS, {"url": callbacks[0]["url"]}), "url"),
    ]:
        assert answer.status == 400 and problem in answer.problem_paths, answer.body


@pytest.mark.parametrize("url", [
    "http://169.254.169.254/latest/meta-data", "https://168.63.129.16/", "http://[fe80::1]:8080/", "http://[fd00:ec2::254]/",
    "http://[::ffff:169.254.169.254]/", "http://2852039166/", "http://169.254.169.254./",
])
def test_metadata_addresses_are_refused_also_where_private_hosts_are_allowed(line, url):
    """B-HOOK-20"""
    answer = line.post(LISTENERS, {"url": url})
    assert answer.status == 400 and "url" in answer.problem_paths


def test_a_list_of_private_hosts_opens_those_alone(another_server, receiver):
    """B-HOOK-20, and of a private host's reply only status and length are shown"""
    server = another_server(PARLEY_WEBHOOK_ALLOW_PRIVATE=f"127.0.0.1:{receiver.port},10.0.0.0/8")
    line = server.wire
    for url in [f"http://127.0.0.1:{receiver.port + 1}/", f"http://localhost:{receiver.port}/", "https://192.168.0.1/", "http://example.com/"]:
        assert line.post(LISTENERS, {"url": url}).status == 400, url
    assert line.post(LISTENERS, {"url": "http://10.1.2.3/"}).status == 201
    made = told(line, {"url": receiver.url()})
    assert receiver.wait(1)[0].event["data"]["id"] == made["id"]


def test_of_a_private_hosts_reply_only_status_and_length_are_kept(line):
    receiver = BareReceiver(b"HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\nhidden-token")
    made = told(line, {"url": receiver.url})
    (delivery,) = settled(line, made["id"])
    shown = line.get(f"{DELIVERIES}/{delivery['id']}")
    (attempt,) = shown.json["attempts"]
    assert (attempt["status"], attempt["failure"], attempt["reason"]) == (404, None, None)
    assert "12 bytes" in attempt["reply"] and b"hidden" not in shown.body
    receiver.stop()


def settled(line, conversation, count=1):
    """The conversation's deliveries, once so many had an attempt."""
    for _ in range(1200):
        listed = line.get(f"{DELIVERIES}?conversationId={conversation}").json["deliveries"]
        if len([one for one in listed if one["attemptCount"] > 0]) >= count:
            return listed
        time.sleep(0.05)
    raise AssertionError(f"no attempt came: {listed}")


@pytest.mark.parametrize("reply", [
    b"HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 001 X\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 099 X\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 199 X\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 20 X\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/9.9 200 OK\r\n\r\n",
    b"\r\n\r\n",
    b"\x16\x03\x01\x00\x00",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
])
def test_no_reply_harms_the_server(line, reply):
    """B-HOOK-35: what is no answer is a failed attempt"""
    receiver = BareReceiver(reply)
    made = told(line, {"url": receiver.url})
    (delivery,) = settled(line, made["id"])
    is_success = reply.startswith(b"HTTP/1.1 200")
    assert (delivery["state"] == "DELIVERED") == is_success
    attempt = line.get(f"{DELIVERIES}/{delivery['id']}").json["attempts"][0]
    if attempt["status"] is None:
        assert attempt["failure"] == "invalid_reply" and 0 < len(attempt["reason"]) <= 200
    else:
        assert attempt["failure"] is None and attempt["reason"] is None
    assert line.get("/ready").status == 200
    pause = line.post("/parley/v1/Pauses", {"url": receiver.url})
    assert pause.status == 201
    receiver.stop()


def test_a_connection_that_was_kept_and_is_closed_costs_no_attempt(line):
    receiver = BareReceiver(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    made = told(line, {"url": receiver.url}, participants=[participant("CUSTOMER", sms(fresh_number())) for _ in range(8)])
    deliveries = settled(line, made["id"], 9)
    assert [one["attemptCount"] for one in deliveries] == [1] * 9
    assert receiver.requests == 9
    receiver.stop()


def test_listen_outlives_an_application_whose_answer_is_impossible(hooks_server, line):
    application = BareReceiver(b"HTTP/1.1 000 Nothing\r\nContent-Length: 0\r\n\r\n")
    listening = subprocess.Popen(
        [BINARY, "listen", "--json", "--forward-to", application.url], cwd=hooks_server.folder, env=hooks_server.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(1200):
            if line.get(LISTENERS).json["listeners"]:
                break
            time.sleep(0.05)
        for _ in range(2):
            line.make_conversation()
            event = json.loads(listening.stdout.readline())
            assert event["signatureValid"] and event["forwardStatus"] == 502
    finally:
        listening.terminate()
    assert listening.wait(timeout=60) == 0
    application.stop()
