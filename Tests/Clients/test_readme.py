"""The README's first conversation and webhooks, and the pages on webhooks and on clients, as they stand.

Fenced blocks are run from top to bottom in one shell, beside a server whose files lie where `script/server` puts them.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests
from twilio.request_validator import RequestValidator

from harness import ANSWER_SECONDS, CONVERSATIONS, DELIVERIES, PAUSES, READY_PAUSE, READY_TRIES, REPOSITORY, an_inline_configuration
from ports import free_ports
from receiver import Receiver

HEADING = "First conversation"
FENCE = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_under(heading, text):
    """The language and text of every `sh` and `python` block of a section, its subsections included."""
    start = re.search(rf"^(#+) {re.escape(heading)}\s*$", text, re.MULTILINE)
    assert start, f"README.md has no heading {heading!r}"
    rest = text[start.end():]
    without_code = re.sub(r"^```.*?^```$", lambda block: "x" * len(block[0]), rest, flags=re.MULTILINE | re.DOTALL)
    end = re.search(rf"^#{{1,{len(start[1])}}} ", without_code, re.MULTILINE)
    return FENCE.findall(rest[:end.start()] if end else rest)


@pytest.fixture(scope="module")
def blocks():
    return blocks_under(HEADING, (REPOSITORY / "README.md").read_text())


def test_the_section_shows_curl_and_the_sdk(blocks):
    assert {language for language, _ in blocks} == {"sh", "python"}
    assert any("curl" in text for language, text in blocks if language == "sh")
    assert any("twilio" in text for language, text in blocks if language == "python")


def test_the_first_conversation_works_as_it_stands(another_server, blocks):
    """Each python block is a program that the same shell starts, so it sees what the shell has exported and nothing more."""
    server = another_server()
    before = len(server.wire.get(CONVERSATIONS).json["conversations"])
    lines = ["set -e"]
    for number, (language, text) in enumerate(blocks):
        if language == "python":
            (server.folder / f"block{number}.py").write_text(text)
            text = f"python3 block{number}.py\n"
        lines += [f"echo '--- block {number}'", text]
    binaries = Path(sys.executable).parent
    environment = {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "HOME": str(server.folder), "NO_PROXY": "127.0.0.1"}
    ran = subprocess.run(
        ["sh", "-c", "\n".join(lines)], cwd=server.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=ANSWER_SECONDS)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    assert "more_info" not in said, f"the server refused something:\n{said}"
    assert "Traceback" not in said, said
    assert len(server.wire.get(CONVERSATIONS).json["conversations"]) > before


def login_of(server):
    """What `account.env` gives a shell."""
    return {"TWILIO_ACCOUNT_SID": server.sid, "TWILIO_AUTH_TOKEN": server.token, "PARLEY_URL": server.url, "NO_PROXY": "127.0.0.1"}


def run_lines(server, lines):
    """Runs lines of a shell that has the README's `api`; what they print, none of which is a refusal."""
    first = blocks_under(HEADING, (REPOSITORY / "README.md").read_text())
    prepare = next(text for _, text in first if "api()" in text)
    ran = subprocess.run(
        ["sh", "-ec", prepare + lines], cwd=server.folder, env={**os.environ, **login_of(server)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=ANSWER_SECONDS)
    assert ran.returncode == 0 and "more_info" not in ran.stdout, ran.stdout + ran.stderr
    return ran.stdout


def test_the_receiver_of_webhooks_works_as_it_stands(another_server):
    """It prints the event that the section's own conversation causes, and refuses what was altered or is not signed."""
    readme = (REPOSITORY / "README.md").read_text()
    blocks = blocks_under("Webhooks", readme)
    (program,) = [text for language, text in blocks if language == "python"]
    (shell,) = [text for language, text in blocks if language == "sh"]
    assert "RequestValidator" in program and "3000" in program and "3000" in shell
    (port,) = free_ports(1)
    server = another_server(PARLEY_WEBHOOK_ALLOW_PRIVATE="true")
    login = login_of(server)
    receiver = subprocess.Popen(
        [sys.executable, "-c", program.replace("3000", str(port))], env={**os.environ, **login}, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True)
    # Ends the reading of lines that never come.
    patience = threading.Timer(ANSWER_SECONDS, receiver.kill)
    patience.start()
    try:
        run_lines(server, shell.replace("3000", str(port)))
        body = receiver.stdout.readline().removesuffix("\n")
        event = json.loads(body)
        assert (event["eventType"], event["data"]["name"]) == ("CONVERSATION_CREATED", "Hooked")

        validator = RequestValidator(server.token)
        url = f"http://127.0.0.1:{port}/hook?bodySHA256={validator.compute_hash(body)}"
        signature = validator.compute_signature(url, {})
        cases = [
            ("the same again", body, signature, 204, body),
            ("a body that was altered", body.replace("Hooked", "Cooked"), signature, 403, None),
            ("another signature", body, "AAAA", 403, None)]
        for case, sent, signed, status, printed in cases:
            answer = requests.post(url, sent.encode(), headers={"X-Twilio-Signature": signed}, timeout=ANSWER_SECONDS)
            assert answer.status_code == status, case
            assert receiver.stdout.readline() == f"{printed or 'a forgery'}\n", case
    finally:
        patience.cancel()
        receiver.kill()
        receiver.wait()


def test_the_lines_of_the_page_on_webhooks_work_as_they_stand(another_server):
    """With one delivery to look at and to send again, which its receiver did not want."""
    text = (REPOSITORY / "docs" / "webhooks.md").read_text()
    lines = "".join(block for language, block in FENCE.findall(text) if language == "sh")
    server = another_server(PARLEY_WEBHOOK_ALLOW_PRIVATE="true")
    receiver = Receiver(answer=lambda hook: 404)
    try:
        configuration = an_inline_configuration(statusCallbacks=[{"url": receiver.url()}])
        assert server.wire.post(CONVERSATIONS, {"name": "Refused", "configuration": configuration}).status == 201
        for _ in range(READY_TRIES):
            if server.wire.get(f"{DELIVERIES}?state=FAILED").json["deliveries"]:
                break
            time.sleep(READY_PAUSE)
        said = run_lines(server, lines.replace("http://127.0.0.1:3000/hook", receiver.url()))
        first, again = receiver.wait(2)[:2]
    finally:
        receiver.stop()
    assert first["I-Twilio-Idempotency-Token"] == again["I-Twilio-Idempotency-Token"]
    answers = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [check["valid"] for check in answers if "findings" in check] == [False]
    assert any(delivery.get("attempts") for delivery in answers)
    assert any("resent" in answer for answer in answers)
    assert server.wire.get(PAUSES).json["pauses"] == []


def test_the_python_lines_of_the_page_on_clients_work_as_they_stand(another_server):
    """One page for each client; only the Python client is run."""
    text = (REPOSITORY / "docs" / "clients.md").read_text()
    programs = [block for language, block in FENCE.findall(text) if language == "python"]
    assert programs
    server = another_server()
    for program in programs:
        ran = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, **login_of(server)}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=ANSWER_SECONDS)
        assert ran.returncode == 0, ran.stderr
        lines = ran.stdout.splitlines()
        assert [line.split(" ", 1)[1] for line in lines[:3]] == ["Three", "Two", "One"]
        assert lines[3] == "3" and "HTTP 400" in lines[4] and "pageSize" in lines[4], lines
