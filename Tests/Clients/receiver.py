"""Receivers of webhooks: a real HTTP server on loopback that keeps what it gets, and a bare socket that answers any bytes."""

import json
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PATIENCE_SECONDS = 120


@dataclass
class Hook:
    """One request as the receiver saw it."""

    method: str
    target: str
    headers: list
    body: bytes

    def __getitem__(self, name):
        found = [value for header, value in self.headers if header.lower() == name.lower()]
        assert len(found) == 1, f"{name}: {found}"
        return found[0]

    def has(self, name):
        return any(header.lower() == name.lower() for header, _ in self.headers)

    @property
    def url(self):
        return f"http://{self['Host']}{self.target}"

    @property
    def event(self):
        if self.method == "GET":
            query = parse_qs(urlsplit(self.target).query, strict_parsing=True)
            return {"eventType": query["eventType"][0], "timestamp": query["timestamp"][0], "data": json.loads(query["data"][0])}
        return json.loads(self.body)

    @property
    def kind(self):
        return self.event["eventType"]


class Receiver:
    """Answers as `answer(hook)` says, which is a status or a status with headers; keeps every request in order."""

    def __init__(self, answer=lambda hook: 200):
        self.hooks = []
        self.answer = answer
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _take(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                hook = Hook(self.command, self.path, list(self.headers.items()), body)
                answer = receiver.answer(hook)
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                with receiver._changed:
                    receiver.hooks.append(hook)
                    receiver._changed.notify_all()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = _take

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, path="/hook", host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"

    def wait(self, count):
        """The requests, once there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.hooks) >= count, PATIENCE_SECONDS), (
                f"{len(self.hooks)} of {count} webhooks came: {[hook.kind for hook in self.hooks]}")
            return list(self.hooks)

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class BareReceiver:
    """Answers each request with the same bytes, and closes the connection after so many of them."""

    def __init__(self, reply, requests_a_connection=1):
        self.requests = 0
        self.connections = 0
        self._reply, self._most = reply, requests_a_connection
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/hook"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with connection, connection.makefile("rb") as stream:
            for _ in range(self._most):
                length = None
                while line := stream.readline().strip():
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                if length is None:
                    return
                stream.read(length)
                self.requests += 1
                connection.sendall(self._reply)

    def stop(self):
        self._listener.close()
