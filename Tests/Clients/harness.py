"""The built server as a process, a raw line to it, and the words that the tests share.

`Server` owns one process and its folder; `Wire` sends exactly the bytes it is given, which no client library does.
"""

import base64
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("PARLEY_BINARY") or REPOSITORY / ".build" / "debug" / "parley").resolve()

MIB = 1024 * 1024
BODY_MAX = 16 * MIB
READY_TRIES = 600
READY_PAUSE = 0.05
ANSWER_SECONDS = 60

MEMORY_STORE = "mem_store_01kcqy77zxyyk596ngya1dq91k"
PROFILE = "mem_profile_01kc5gqapenecfseczp11hygcp"
BY_PROFILE = "GROUP_BY_PROFILE"
BY_ADDRESSES = "GROUP_BY_PARTICIPANT_ADDRESSES"
BY_ADDRESSES_AND_CHANNEL = "GROUP_BY_PARTICIPANT_ADDRESSES_AND_CHANNEL_TYPE"

CONVERSATIONS = "/v2/Conversations"
CONFIGURATIONS = "/v2/ControlPlane/Configurations"
OPERATIONS = "/v2/ControlPlane/Operations"
DELIVERIES = "/parley/v1/Deliveries"
PAUSES = "/parley/v1/Pauses"
LISTENERS = "/parley/v1/Listeners"
SIGNATURE_CHECKS = "/parley/v1/SignatureChecks"

# Well formed, and in no account.
NOBODY = "01kc3e28jt97kb6cq643dzvmxx"
NO_CONVERSATION = f"conv_conversation_{NOBODY}"
NO_PARTICIPANT = f"conv_participant_{NOBODY}"
NO_CONFIGURATION = f"conv_configuration_{NOBODY}"
NO_OPERATION = f"proc_job_{NOBODY}"
NO_DELIVERY = f"parley_delivery_{NOBODY}"
NO_PAUSE = f"parley_pause_{NOBODY}"
NO_LISTENER = f"parley_listener_{NOBODY}"

_numbers = itertools.count(1)


def fresh_number():
    """An E.164 number that no other test of this run uses."""
    return f"+1555{next(_numbers):07d}"


def sms(number, **more):
    return {"channel": "SMS", "address": number, **more}


def participant(kind, *addresses, **more):
    return {"type": kind, "addresses": list(addresses), **more}


def a_configuration(grouping=BY_ADDRESSES, **more):
    """The least body that makes a configuration, and what a test adds to it."""
    return {
        "displayName": "Harbor Tea",
        "description": "Orders and returns",
        "conversationGroupingType": grouping,
        "memoryStoreId": MEMORY_STORE,
        **more,
    }


def an_inline_configuration(grouping=BY_ADDRESSES, **more):
    return {"conversationGroupingType": grouping, "memoryStoreId": MEMORY_STORE, **more}


def refusal(action, *arguments, **named):
    """The SDK's exception for a call that the server must refuse."""
    with pytest.raises(TwilioRestException) as caught:
        action(*arguments, **named)
    return caught.value


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def problem_paths(self):
        """The JSON paths that a 400 complains of, in its own order."""
        return [problem["path"] for problem in self.json["details"]["problems"]]


def read_answer(connection, method="GET"):
    """Reads one answer from a raw socket."""
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return Answer(response.status, response.headers, response.read())


class Wire:
    """One login's raw line to the server. Each request has a connection of its own."""

    def __init__(self, url, sid, secret):
        self.url, self.sid, self.secret = url, sid, secret
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port

    @property
    def authorization(self):
        return "Basic " + base64.b64encode(f"{self.sid}:{self.secret}".encode()).decode()

    def send(self, method, path, body=None, headers=None, login=True):
        """Sends `body` as it is if it is bytes, as JSON if it is anything else; None means no body.

        A header given as None is left out.
        """
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        all_headers = {"Authorization": self.authorization} if login else {}
        if payload is not None:
            all_headers["Content-Type"] = "application/json"
        all_headers.update(headers or {})
        connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_SECONDS)
        try:
            present = {name: value for name, value in all_headers.items() if value is not None}
            connection.request(method, path, body=payload, headers=present)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path, **query):
        return self.send("GET", path + ("?" + urllib.parse.urlencode(query, doseq=True) if query else ""))

    def post(self, path, body=None, **headers):
        return self.send("POST", path, body, headers)

    def put(self, path, body=None):
        return self.send("PUT", path, body)

    def patch(self, path, body=None):
        return self.send("PATCH", path, body)

    def delete(self, path):
        return self.send("DELETE", path)

    def connect(self):
        """A bare connection, for what no HTTP library would send."""
        return socket.create_connection((self.host, self.port), timeout=ANSWER_SECONDS)

    def head(self, method, path, *headers):
        """The bytes of a request's head with the login in it."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", f"Authorization: {self.authorization}"]
        return ("\r\n".join([*lines, *headers]) + "\r\n\r\n").encode()

    # What the tests need before they can begin; each fails loudly if the server refuses.

    def make_configuration(self, grouping=BY_ADDRESSES, **more):
        answer = self.post(CONFIGURATIONS, a_configuration(grouping, **more))
        assert answer.status == 202, answer.body
        return answer.json["related"]["configurationId"]

    def make_conversation(self, configuration=None, **more):
        named = {"configurationId": configuration} if configuration else {"configuration": an_inline_configuration()}
        answer = self.post(CONVERSATIONS, {**named, **more})
        assert answer.status == 201, answer.body
        return answer.json

    def make_participant(self, conversation, *addresses, kind="CUSTOMER", **more):
        answer = self.post(participants_of(conversation), participant(kind, *addresses, **more))
        assert answer.status == 201, answer.body
        return answer.json

    def close(self, conversation):
        answer = self.put(f"{CONVERSATIONS}/{conversation}", {"status": "CLOSED"})
        assert answer.status == 200, answer.body

    def sdk(self):
        """The official client, unmodified but for the host it talks to."""
        client = Client(self.sid, self.secret)
        client.conversations.base_url = self.url
        return client


def participants_of(conversation, participant_id=None):
    path = f"{CONVERSATIONS}/{conversation}/Participants"
    return f"{path}/{participant_id}" if participant_id else path


class Server:
    """One server process on an embedded database in `folder/data`, as `parley serve` lays it out."""

    def __init__(self, folder, **settings):
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "server.log"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("PARLEY_", "TWILIO_"))}
        self.environment |= {
            "PARLEY_PORT": "0",
            "PARLEY_DATABASE_URL": f"sqlite:{self.data / 'parley.db'}",
            "PARLEY_SECRET_KEY_FILE": str(self.data / "secret.key"),
            **settings,
        }
        self.process = None

    def start(self):
        """Starts the process and comes back once it says that it is ready, or fails with its log."""
        assert BINARY.exists(), f"{BINARY} is not there: build it, or name another with PARLEY_BINARY"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve"], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            for _ in range(READY_TRIES):
                if self._is_ready():
                    return self
                assert self.process.poll() is None, f"the server ended by itself\n{self.log.read_text()}"
                time.sleep(READY_PAUSE)
            raise AssertionError(f"the server did not get ready\n{self.log.read_text()}")
        except BaseException:
            self.kill()
            raise

    def _is_ready(self):
        account = read_account_file(self.data / "account.env")
        url = account.get("PARLEY_URL")
        if not url:
            return False
        try:
            if requests.get(f"{url}/ready", timeout=ANSWER_SECONDS).status_code != 200:
                return False
        except requests.ConnectionError:
            return False
        self.url, self.sid, self.token = url, account["TWILIO_ACCOUNT_SID"], account["TWILIO_AUTH_TOKEN"]
        return True

    def stop(self):
        """Asks the process to end, and holds it to a clean end."""
        if self.process is None or self.process.poll() is not None:
            raise AssertionError(f"the server was gone before it was stopped\n{self.log_tail()}")
        os.kill(self.process.pid, signal.SIGTERM)
        try:
            status = self.process.wait(timeout=ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM did not end the server\n{self.log_tail()}") from None
        assert status == 0, f"exit status {status}\n{self.log_tail()}"

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def log_tail(self):
        return self.log.read_text(errors="replace")[-4000:]

    def command(self, *arguments):
        """Runs a `parley` command beside the running server and gives back what it printed as JSON."""
        done = subprocess.run(
            [BINARY, *arguments, "--json"], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=ANSWER_SECONDS)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def wire(self):
        return Wire(self.url, self.sid, self.token)

    def new_account(self, name):
        made = self.command("account", "create", "--name", name)
        return Wire(self.url, made["accountSid"], made["authToken"])

    def new_key(self, wire):
        made = self.command("key", "create", "--account", wire.sid)
        return Wire(self.url, made["keySid"], made["secret"])


def read_account_file(path):
    """The settings in account.env; empty while it is not there or not yet whole."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    found = {}
    for line in lines:
        match = re.fullmatch(r"(?:export )?([A-Z_]+)=[\"']?(.*?)[\"']?", line.strip())
        if match:
            found[match[1]] = match[2]
    return found if {"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "PARLEY_URL"} <= found.keys() else {}


def keep_log(server, name):
    """Copies a log to where the run's failures are looked for, and says where that is."""
    place = Path(os.environ.get("PARLEY_TEST_LOGS") or REPOSITORY / ".build" / "client-test-logs")
    place.mkdir(parents=True, exist_ok=True)
    return shutil.copy(server.log, place / f"{name}.log")
