"""script/cluster: three nodes over one database behind HAProxy, as somebody has them who tries them out."""

import os
import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from twilio.rest.conversations.v2.conversation import ConversationList

from harness import (
    ANSWER_SECONDS, BINARY, CONVERSATIONS, READY_PAUSE, READY_TRIES, REPOSITORY, Wire, an_inline_configuration, read_account_file)
from ports import free_ports

NODES = ["node1", "node2", "node3"]
# `up` and `down` give each part a minute.
COMMAND_SECONDS = 300


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS).close()
        return True
    except ConnectionRefusedError:
        return False


def is_gone(pid):
    """Whether a process has ended with all its threads: its sockets are closed then, even if nobody has asked for its status yet."""
    try:
        state, *numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return state in "ZX" and int(numbers[16]) <= 1
    except (FileNotFoundError, ProcessLookupError):
        return True


def await_that(condition, failure):
    for _ in range(READY_TRIES):
        if condition():
            return
        time.sleep(READY_PAUSE)
    raise AssertionError(failure)


@dataclass
class Part:
    """A line of `script/cluster status`."""

    pid: int | None
    port: int | None
    words: str


class Cluster:
    """`script/cluster` with a folder and ports of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.port, *self.node_ports = free_ports(1 + len(NODES))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("PARLEY_", "TWILIO_"))}
        self.environment |= {
            "PARLEY_BINARY": str(BINARY),
            "PARLEY_CLUSTER_FOLDER": str(folder),
            "PARLEY_CLUSTER_NODE_PORTS": ",".join(map(str, self.node_ports)),
            "PARLEY_DRAIN_SECONDS": "0",
            "PARLEY_PORT": str(self.port),
        }

    def run(self, command, *options, status=0):
        # A file, not a pipe: a part that kept hold of a pipe would keep us reading.
        output = self.folder.parent / f"{command}.out"
        with output.open("wb") as file:
            done = subprocess.run(
                [REPOSITORY / "script" / "cluster", command, *options], cwd=self.folder.parent, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE, text=True, timeout=COMMAND_SECONDS)
        said = output.read_text()
        assert done.returncode == status, f"script/cluster {command} ended with {done.returncode}\n{said}{done.stderr}{self.log_tails()}"
        return said

    def log_tails(self):
        return "".join(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}" for log in sorted(self.folder.glob("*.log")))

    def parts(self, status=0):
        found = {}
        for line in self.run("status", status=status).splitlines():
            name, pid, place, words = re.fullmatch(r"(\S+) +(\d+|-) +(127\.0\.0\.1:\S+|-)? +(\S.*)", line).groups()
            port = re.search(r":(\d+)", place or "")
            found[name] = Part(None if pid == "-" else int(pid), port and int(port[1]), words)
        assert list(found) == ["postgres", *NODES, "haproxy"]
        return found

    def wire(self, port=None):
        """A line to HAProxy, or to the node on this port."""
        account = read_account_file(self.folder / "account.env")
        return Wire(f"http://127.0.0.1:{port or self.port}", account["TWILIO_ACCOUNT_SID"], account["TWILIO_AUTH_TOKEN"])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster that is up at the beginning of each test of this file, and is gone after the last."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster") / "files")
    try:
        cluster.said = cluster.run("up")
        yield cluster
    finally:
        cluster.run("down", "--remove")
        assert not cluster.folder.exists()


def test_up_returns_when_all_is_ready_and_says_how_to_ask(cluster):
    assert all("not" not in part.words for part in cluster.parts().values())
    listens, example = cluster.said.splitlines()
    assert listens.startswith(f"Parley listens on http://127.0.0.1:{cluster.port} ")
    assert (cluster.folder / "account.env").stat().st_mode & 0o777 == 0o600
    asked = subprocess.run(
        ["sh", "-c", example], cwd=cluster.folder.parent, env={"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1"}, capture_output=True,
        text=True, timeout=ANSWER_SECONDS)
    assert asked.returncode == 0, asked.stderr
    assert '"conversations":[]' in asked.stdout


def test_what_one_node_has_made_every_node_has(cluster):
    """The base of a page's links is HAProxy's, whichever node has answered."""
    for port in cluster.node_ports:
        client = cluster.wire(port).sdk()
        made = client.conversations.v2.conversations.create(
            ConversationList.CreateConversationWithConfigRequest({"name": "Tea", "configuration": an_inline_configuration()}))
        for other in [*cluster.node_ports, cluster.port]:
            assert cluster.wire(other).sdk().conversations.v2.conversations.get(made.id).fetch().name == "Tea"
    links = cluster.wire().get(CONVERSATIONS, pageSize=1)
    assert links.status == 200
    assert len(cluster.wire().sdk().conversations.v2.conversations.list(page_size=1)) == len(NODES)


def test_a_node_that_is_killed_is_not_missed_and_up_brings_it_back(cluster):
    before = cluster.parts()
    os.kill(before["node2"].pid, signal.SIGKILL)
    # What was under way at the node is lost with it, and HAProxy must not send a write twice; all later requests are answered.
    await_that(lambda: is_gone(before["node2"].pid), "SIGKILL did not end the node")
    made = {cluster.wire().make_conversation()["id"] for _ in range(12)}
    listed = cluster.wire().sdk().conversations.v2.conversations.list(page_size=50)
    assert made <= {conversation.id for conversation in listed}

    await_that(lambda: cluster.parts(status=1)["node2"].words == "not running, for HAProxy DOWN", "HAProxy takes the node for ready")
    cluster.run("up")
    after = cluster.parts()
    assert after["node2"].pid != before["node2"].pid
    # Not by the words, which tell how far HAProxy's own checks are.
    others = [name for name in before if name != "node2"]
    assert [(after[name].pid, after[name].port) for name in others] == [(before[name].pid, before[name].port) for name in others]
    assert cluster.wire(cluster.node_ports[1]).get(CONVERSATIONS).status == 200


def test_down_leaves_nothing_running_and_up_finds_everything_again(cluster):
    made = cluster.wire().make_conversation()
    parts = cluster.parts()
    cluster.run("down")
    for part in parts.values():
        assert is_gone(part.pid), part
        assert not is_listening(part.port), part
    assert all(part.pid is None for part in cluster.parts(status=1).values())
    assert not list(cluster.folder.glob("*.pid"))
    cluster.run("down")

    cluster.run("up")
    assert cluster.wire().get(f"{CONVERSATIONS}/{made['id']}").json == made
