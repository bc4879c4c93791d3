"""Parley's own paths, as somebody uses them who looks after a callback: deliveries, pauses, listeners and signature checks."""

import time

import pytest

from harness import DELIVERIES, LISTENERS, NO_DELIVERY, NO_LISTENER, NO_PAUSE, PAUSES, READY_PAUSE, READY_TRIES, SIGNATURE_CHECKS, Server
from receiver import Receiver


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose callbacks may stay on this machine, and which gives up at the first failure."""
    server = Server(tmp_path_factory.mktemp("extensions"), PARLEY_WEBHOOK_ALLOW_PRIVATE="true", PARLEY_WEBHOOK_RETRIES="0").start()
    yield server
    try:
        server.stop()
    finally:
        server.kill()


def eventually(ask, wanted):
    """Asks again until the answer is what it should be."""
    for _ in range(READY_TRIES):
        answer = ask()
        if answer == wanted:
            return
        time.sleep(READY_PAUSE)
    assert answer == wanted


def deliveries(wire, **filters):
    answer = wire.get(DELIVERIES, **filters)
    assert answer.status == 200, answer.body
    return answer.json["deliveries"]


def states(wire, **filters):
    return [delivery["state"] for delivery in deliveries(wire, **filters)]


def told(wire, receiver):
    """A conversation whose events go to the receiver."""
    configuration = wire.make_configuration(statusCallbacks=[{"url": receiver.url()}])
    return wire.make_conversation(configuration)["id"]


def test_a_delivery_shows_what_was_sent_and_what_came_back(own_account, receiver):
    """B-LOG-1"""
    conversation = told(own_account, receiver)
    eventually(lambda: states(own_account), ["DELIVERED"])
    listed = deliveries(own_account, conversationId=conversation, url=receiver.url(), eventType="CONVERSATION_CREATED")[0]
    shown = own_account.get(f"{DELIVERIES}/{listed['id']}").json
    hook, = receiver.hooks
    assert {name: value for name, value in shown.items() if name not in ("event", "attempts")} == listed
    assert shown["event"]["data"]["id"] == conversation
    assert shown["event"] == hook.event
    assert (hook["I-Twilio-Idempotency-Token"], hook["Twilio-Request-Id"]) == (listed["idempotencyToken"], listed["requestId"])
    attempt, = shown["attempts"]
    assert (attempt["number"], attempt["status"], attempt["failure"], attempt["reply"]) == (1, 200, None, "")
    assert own_account.get(f"{DELIVERIES}/{NO_DELIVERY}").status == 404


def test_one_that_failed_is_sent_again_with_the_same_token(own_account, receiver):
    """B-LOG-3"""
    receiver.answer = lambda hook: 404
    told(own_account, receiver)
    eventually(lambda: states(own_account), ["FAILED"])
    receiver.answer = lambda hook: 204
    failed = deliveries(own_account, state="FAILED")[0]
    again = own_account.post(f"{DELIVERIES}/{failed['id']}/Resend")
    assert (again.status, again.json["state"], again.json["idempotencyToken"]) == (202, "PENDING", failed["idempotencyToken"])
    eventually(lambda: states(own_account), ["DELIVERED"])
    assert own_account.post(f"{DELIVERIES}/{failed['id']}/Resend").status == 400
    assert len({hook["I-Twilio-Idempotency-Token"] for hook in receiver.hooks}) == 1
    attempts = own_account.get(f"{DELIVERIES}/{failed['id']}").json["attempts"]
    assert [(attempt["number"], attempt["status"]) for attempt in attempts] == [(1, 404), (2, 204)]


def test_all_that_failed_are_sent_again_in_their_order(own_account, receiver):
    """B-LOG-3"""
    receiver.answer = lambda hook: 500
    conversation = told(own_account, receiver)
    for number in range(1, 4):
        own_account.patch(f"/v2/Conversations/{conversation}", {"name": f"name {number}"})
    eventually(lambda: states(own_account), ["FAILED"] * 4)
    del receiver.hooks[:]
    receiver.answer = lambda hook: 200
    later = own_account.post(f"{DELIVERIES}/Resend", {"url": receiver.url(), "createdAfter": "2100-01-01T00:00:00Z"})
    assert (later.status, later.json) == (202, {"resent": 0})
    answer = own_account.post(f"{DELIVERIES}/Resend", {"url": receiver.url(), "createdBefore": "2100-01-01T00:00:00Z"})
    assert (answer.status, answer.json) == (202, {"resent": 4})
    eventually(lambda: states(own_account), ["DELIVERED"] * 4)
    tokens = [delivery["idempotencyToken"] for delivery in deliveries(own_account)]
    assert [hook["I-Twilio-Idempotency-Token"] for hook in receiver.hooks] == tokens[::-1]


def test_a_paused_url_gets_nothing_until_it_is_resumed(own_account, receiver):
    made = own_account.post(PAUSES, {"url": receiver.url()})
    assert made.status == 201
    again = own_account.post(PAUSES, {"url": receiver.url()})
    assert (again.status, again.json) == (200, made.json)
    told(own_account, receiver)
    assert [(delivery["state"], delivery["paused"]) for delivery in deliveries(own_account)] == [("PENDING", True)]
    path = f"{PAUSES}/{made.json['id']}"
    assert (own_account.get(path).json, own_account.get(PAUSES).json["pauses"]) == (made.json, [made.json])
    resumed = own_account.delete(path)
    assert (resumed.status, resumed.body) == (204, b"")
    eventually(lambda: states(own_account), ["DELIVERED"])
    assert (own_account.delete(path).status, own_account.get(f"{PAUSES}/{NO_PAUSE}").status) == (404, 404)
    assert len(receiver.hooks) == 1


def test_a_listener_hears_of_every_conversation_until_it_is_deleted(own_account, receiver):
    made = own_account.post(LISTENERS, {"url": receiver.url(), "expiresInSeconds": 3600})
    assert made.status == 201
    own_account.make_conversation()
    eventually(lambda: states(own_account), ["DELIVERED"])
    path = f"{LISTENERS}/{made.json['id']}"
    renewed = own_account.put(path, {})
    assert (renewed.status, renewed.json["expiresAt"] < made.json["expiresAt"]) == (200, True)
    assert own_account.get(LISTENERS).json["listeners"] == [renewed.json] == [own_account.get(path).json]
    assert own_account.delete(path).status == 204
    own_account.make_conversation()
    assert len(deliveries(own_account)) == 1
    assert (own_account.put(path, {}).status, own_account.get(f"{LISTENERS}/{NO_LISTENER}").status) == (404, 404)


def test_what_is_wrong_is_said_with_its_place(own_account):
    """B-ERR-7"""
    assert own_account.post(LISTENERS, {"url": "ftp://127.0.0.1/", "expiresInSeconds": 9}).problem_paths == ["url", "expiresInSeconds"]
    assert own_account.post(PAUSES, {"url": "a\nb"}).problem_paths == ["url"]
    assert own_account.post(f"{DELIVERIES}/Resend", {"createdAfter": "soon"}).problem_paths == ["url", "createdAfter"]
    assert own_account.get(DELIVERIES, state="LOST", createdBefore="soon").problem_paths == ["state", "createdBefore"]


@pytest.mark.parametrize("path", [f"{PAUSES}/{NO_PAUSE}", f"{LISTENERS}/{NO_LISTENER}"])
def test_a_body_of_a_delete_is_ignored(own_account, path):
    """B-HTTP-1"""
    assert own_account.send("DELETE", path, b"not JSON", {"Content-Type": "text/plain"}).status == 404


def test_the_signature_of_what_came_is_right_and_of_what_a_proxy_made_of_it_is_not(own_account, receiver):
    told(own_account, receiver)
    eventually(lambda: states(own_account), ["DELIVERED"])
    hook, = receiver.hooks
    seen = {"url": hook.url, "headers": dict(hook.headers), "body": hook.body.decode()}
    checked = own_account.post(SIGNATURE_CHECKS, seen)
    assert (checked.status, checked.json) == (200, {"valid": True, "findings": []})
    for wrong, part in [
            ({"url": seen["url"].replace("http:", "https:")}, "scheme"), ({"url": seen["url"].replace("/hook", "/hook/")}, "path"),
            ({"body": "{}"}, "body"), ({"headers": {}}, "signature")]:
        verdict = own_account.post(SIGNATURE_CHECKS, {**seen, **wrong}).json
        assert not verdict["valid"] and part in [finding["part"] for finding in verdict["findings"]], verdict
