"""Fixtures of the client tests: one server for the whole run, and logins to it."""

import itertools
import os

import pytest

# Only the loopback address is ever talked to: a proxy of the surroundings must not get in between.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"

from harness import Server, keep_log  # noqa: E402

_accounts = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory, request):
    """The server that all tests share, with rate limiting off. It must end cleanly when it is told to."""
    server = Server(tmp_path_factory.mktemp("parley")).start()
    yield server
    try:
        server.stop()
    finally:
        server.kill()
        if request.session.testsfailed:
            print(f"\nlog of the server: {keep_log(server, 'server')}")


@pytest.fixture
def another_server(tmp_path):
    """Starts servers with settings of their own, and stops them after the test."""
    started = []

    def start(**settings):
        server = Server(tmp_path / f"server{len(started)}", **settings)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        try:
            server.stop()
        finally:
            server.kill()


@pytest.fixture(scope="session")
def wire(server):
    """The first account's raw line."""
    return server.wire


@pytest.fixture(scope="session")
def client(wire):
    """The official client, logged in to the first account."""
    return wire.sdk()


@pytest.fixture
def own_account(server):
    """The raw line of an account that only this test uses, for what counts or lists everything."""
    return server.new_account(f"test {next(_accounts)}")


@pytest.fixture(scope="session")
def configuration(wire):
    """A configuration that groups by addresses, whatever the channel."""
    return wire.make_configuration()


@pytest.fixture
def conversation(wire, configuration):
    """An empty conversation's id."""
    return wire.make_conversation(configuration)["id"]
