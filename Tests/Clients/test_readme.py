"""The README's first conversation, as it stands.

Its fenced blocks are run from top to bottom in one shell, beside a server whose files lie where `script/server` puts them.
"""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from harness import ANSWER_SECONDS, CONVERSATIONS, REPOSITORY

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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_receiver_of_webhooks_works_as_it_stands(another_server):
    """It prints the event that the section's own conversation causes, and refuses one that was altered."""
    blocks = blocks_under("Webhooks", (REPOSITORY / "README.md").read_text())
    (program,) = [text for language, text in blocks if language == "python"]
    (shell,) = [text for language, text in blocks if language == "sh"]
    assert "RequestValidator" in program and "3000" in program and "3000" in shell
    port = free_port()
    server = another_server(PARLEY_WEBHOOK_ALLOW_PRIVATE="true")
    login = {"TWILIO_ACCOUNT_SID": server.sid, "TWILIO_AUTH_TOKEN": server.token, "PARLEY_URL": server.url, "NO_PROXY": "127.0.0.1"}
    receiver = subprocess.Popen(
        [sys.executable, "-c", program.replace("3000", str(port))], env={**os.environ, **login}, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True)
    try:
        prepare = next(text for language, text in blocks_under(HEADING, (REPOSITORY / "README.md").read_text()) if "api()" in text)
        ran = subprocess.run(
            ["sh", "-ec", prepare + shell.replace("3000", str(port))], cwd=server.folder, env={**os.environ, **login},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ANSWER_SECONDS)
        assert ran.returncode == 0 and "more_info" not in ran.stdout, ran.stdout + ran.stderr
        event = json.loads(receiver.stdout.readline())
        assert (event["eventType"], event["data"]["name"]) == ("CONVERSATION_CREATED", "Hooked")
        forged = {"X-Twilio-Signature": "AAAA", "Content-Type": "application/json"}
        answer = requests.post(f"http://127.0.0.1:{port}/hook?bodySHA256=0", b"{}", headers=forged, timeout=ANSWER_SECONDS)
        assert answer.status_code == 403
        assert receiver.stdout.readline() == "a forgery\n"
    finally:
        receiver.kill()
        receiver.wait()
