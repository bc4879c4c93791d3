"""Ports for programs that are told theirs and do not choose it."""

import random
import socket
from contextlib import ExitStack


def free_ports(count):
    """Ports that nothing listens on now; held all at once, so that no two are the same."""
    with ExitStack() as held:
        return [held.enter_context(_listener()).getsockname()[1] for _ in range(count)]


def _listener():
    """On a port below those that the system gives to clients, so that none of them takes it before the program does."""
    while True:
        try:
            return socket.create_server(("127.0.0.1", random.randrange(15000, 32000)))
        except OSError:
            continue
