"""Measures what webhooks cost: deliveries against a bare loop over the same client, and the API beside them."""

import http.client
import itertools
import json
import os
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import time

from harness import BenchError, Parley, Process, Table, interleave, participant, say

GROUPS = {
    "deliver": "deliveries a second against a bare loop over AsyncHTTPClient",
    "arrival": "from the 201 to the webhook against two durable commits and 5 ms",
    "callback": "POST a participant with one callback against without",
    "dead": "deliveries a second while 10,000 conversations are due to a dead host against without",
    "slow": "the API while slow receivers keep 100,000 events waiting, against a server without them",
}
LANES = 100
SLOW_RECEIVERS, SLOW_LANES = 5, 50
SLOW_SECONDS = 15
# More than the server answers in a second by so many connections; too few end a run with an error, not with a wrong number.
MOST = {1: 4_000, 16: 12_000, 64: 14_000}


class Receiver(Process):
    """`yardstick receive`: counts what comes and says when it came, by the monotonic clock."""

    def __init__(self, name, yardstick, directory, delay=0):
        command = [str(yardstick), "receive", "--port", "{port}", "--delay-milliseconds", str(delay * 1000)]
        super().__init__(f"the {name} receiver", command, dict(os.environ), directory / f"{name}-receiver.log", "/stats")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"

    def ask(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def count(self):
        return json.loads(self.ask("GET", "/stats"))["count"]

    def forget(self):
        self.ask("DELETE", "/stats")

    def wait(self, wanted):
        """Until so many came since it last forgot; none may come twice, as nothing is killed here. Gives how many came a second."""
        seen, until = -1, time.monotonic() + 60
        while True:
            stats = json.loads(self.ask("GET", "/stats"))
            if stats["count"] >= wanted:
                break
            if stats["count"] > seen:
                seen, until = stats["count"], time.monotonic() + 60
            if time.monotonic() > until:
                raise BenchError(f"{wanted:,} webhooks were to come, and after {seen:,} none came for a minute")
            time.sleep(0.05)
        if stats["count"] > wanted:
            raise BenchError(f"{wanted:,} webhooks were to come, and {stats['count']:,} came")
        return (wanted - 1) / ((stats["last"] - stats["first"]) / 1e9) if wanted > 1 else 0


class DeadHost:
    """A port that takes no connection: its queue of them is full, and nobody empties it."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/hook"
        self.callers = []
        while len(self.callers) < 16:
            caller = socket.socket()
            caller.settimeout(0.2)
            self.callers.append(caller)
            try:
                caller.connect(self.listener.getsockname())
            except TimeoutError:
                return
        raise BenchError("the port of the dead host goes on taking connections")

    def stop(self):
        for held in (self.listener, *self.callers):
            held.close()


class Queue:
    """Changes of 100 conversations that wait while their receiver's URL is paused, and are sent when it is resumed."""

    def __init__(self, bench, server, receiver):
        self.bench, self.server, self.receiver = bench, server, receiver
        self.pause()
        self.conversations = bench.conversations(server, bench.configuration(server, receiver.url), LANES)
        self.waiting = LANES

    def pause(self):
        self.paused = json.loads(self.server.call("POST", "/parley/v1/Pauses", {"url": self.receiver.url}))["id"]

    def drain(self, times):
        """Gives how many came a second, and the processor time of each in µs."""
        if not self.paused:
            self.pause()
        self.bench.load(self.server, self.bench.names(self.conversations, times), 64)
        if self.receiver.count():
            raise BenchError("a webhook came though its URL is paused")
        wanted, self.waiting = self.waiting + LANES * times, 0
        before = self.server.cpu()
        self.server.call("DELETE", f"/parley/v1/Pauses/{self.paused}")
        self.paused = None
        rate = self.receiver.wait(wanted)
        cpu = self.server.cpu() - before
        self.last = self.receiver.ask("GET", "/last")
        self.receiver.forget()
        return {"rate": rate, "cpu": cpu / wanted * 1e6}


class WebhookBench:
    def __init__(self, options):
        self.options = options
        self.rounds, self.seconds = options.rounds, options.seconds
        self.directory = pathlib.Path(options.directory).resolve()
        self.parley = pathlib.Path(options.binaries).resolve() / "parley"
        self.yardstick = self.parley.with_name("yardstick")
        self.table = Table()
        self.running = []
        self.serials = itertools.count(500_000_000_000)

    # -- what has to be there first

    def prepare(self):
        for binary in (self.parley, self.yardstick):
            if not binary.exists():
                raise BenchError(f"{binary} is not there: script/bench builds it")
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)

    def server(self, name):
        server = Parley(f"Parley ({name})", self.parley, self.directory / name)
        server.environment["PARLEY_WEBHOOK_ALLOW_PRIVATE"] = "true"
        self.running.append(server)
        server.start()
        return server

    def receiver(self, name, delay=0):
        receiver = Receiver(name, self.yardstick, self.directory, delay)
        self.running.append(receiver)
        receiver.start()
        return receiver

    def output(self, command, *options):
        run = subprocess.run([str(self.yardstick), command, *map(str, options)], capture_output=True, text=True)
        if run.returncode != 0:
            raise BenchError(f"yardstick {command} failed: {run.stderr.strip()[-2000:]}")
        return json.loads(run.stdout)

    @staticmethod
    def configuration(server, *urls):
        accepted = server.call("POST", "/v2/ControlPlane/Configurations", {
            "displayName": "Bench", "description": "Conversations of the benchmark",
            "conversationGroupingType": "GROUP_BY_PARTICIPANT_ADDRESSES", "memoryStoreId": "mem_store_01kcqy77zxyyk596ngya1dq91k",
            "statusCallbacks": [{"url": url, "method": "POST"} for url in urls],
        })
        return json.loads(accepted)["related"]["configurationId"]

    def load(self, server, requests, connections=1, seconds=None, rate=None, wanted=None):
        """Sends (method, path, body) and gives what the loader prints; `wanted` adds "ids" or "stamps" of the answers."""
        file, lines = self.directory / "requests", self.directory / "answers"
        file.touch(mode=0o600)
        with open(file, "w") as output:
            output.write(server.authorization() + "\n")
            output.writelines(f"{method}\t{path}\t{body}\n" for method, path, body in requests)
        options = ["--port", server.port, "--requests", file, "--connections", connections]
        for name, value in (("seconds", seconds), ("rate", rate), (wanted, lines)):
            if name and value:
                options += [f"--{name}", value]
        try:
            result = self.output("load", *options)
        except BenchError as error:
            raise BenchError(f"{server.name}: {error}\n{server.tail()}") from None
        return result | ({wanted: lines.read_text().split()} if wanted else {})

    def conversations(self, server, configuration, count):
        body = json.dumps({"configurationId": configuration, "name": "Late parcel"}, separators=(",", ":"))
        # One connection where there are few, so that they are made in order.
        return self.load(server, [("POST", "/v2/Conversations", body)] * count, 1 if count < 1_000 else 16, wanted="ids")["ids"]

    def posts(self, conversations):
        """Ten participants to each, by 64 conversations in turn, so that a request seldom waits for another of its conversation."""
        body = json.dumps(participant("#"), separators=(",", ":"))
        for start in range(0, len(conversations), 64):
            for _ in range(10):
                for conversation in conversations[start:start + 64]:
                    yield "POST", f"/v2/Conversations/{conversation}/Participants", body.replace("#", str(next(self.serials)))

    def names(self, conversations, times):
        for _ in range(times):
            for conversation in conversations:
                yield "PATCH", f"/v2/Conversations/{conversation}", json.dumps({"name": f"Late parcel {next(self.serials)}"})

    def post(self, server, configuration, connections, receiver=None, rate=None):
        """Participants into fresh conversations; with a receiver, until all webhooks of it have come."""
        most = (rate or MOST[connections]) * self.seconds
        conversations = self.conversations(server, configuration, most // 10 + 64)
        if receiver:
            receiver.wait(len(conversations))
        result = self.load(server, self.posts(conversations), connections, self.seconds, rate)
        if receiver:
            receiver.wait(len(conversations) + result["requests"])
            receiver.forget()
        return result

    # -- the rows

    def run(self):
        self.prepare()
        for group in GROUPS:
            work = getattr(self, group)
            if group in self.options.only:
                say(f"\n{GROUPS[group]}")
                work()
                self.end()

    def deliver(self):
        server, receiver = self.server("deliver"), self.receiver("fast")
        queue, times, body = Queue(self, server, receiver), 20 * self.seconds, self.directory / "body.json"

        def ours():
            run = queue.drain(times)
            body.write_bytes(queue.last)
            return run

        def theirs(in_flight):
            before = children()
            self.output(
                "deliver", "--url", receiver.url, "--body", body, "--count", LANES * times, "--in-flight", in_flight)
            rate, cpu = receiver.wait(LANES * times), children() - before
            receiver.forget()
            return {"rate": rate, "cpu": cpu / (LANES * times) * 1e6}

        sides = interleave(self.rounds, ours, lambda: theirs(10), lambda: theirs(100))
        say(f"body of a webhook: {body.stat().st_size:,} B")
        rates, cpus = ([[run[key] for run in side] for side in sides] for key in ("rate", "cpu"))
        self.table.add(f"deliveries, {LANES} conversations (bare loop: 10 in flight)", "/s", rates[0], rates[1], 0.4)
        self.table.add(f"deliveries, {LANES} conversations (bare loop: 100 in flight)", "/s", rates[0], rates[2])
        self.table.add("a delivery: CPU (bare loop: 10 in flight)", "µs", cpus[0], cpus[1])

    def arrival(self):
        server, receiver = self.server("arrival"), self.receiver("fast")
        configuration = self.configuration(server, receiver.url)
        commits = []

        def ours():
            conversations = self.conversations(server, configuration, 2 * self.seconds + 64)
            receiver.wait(len(conversations))
            receiver.forget()
            time.sleep(1)
            # Seldom enough that each finds the server idle.
            load = self.load(server, self.posts(conversations), 1, self.seconds, 20, wanted="stamps")
            receiver.wait(load["requests"])
            arrived = json.loads(receiver.ask("GET", "/stamps"))
            receiver.forget()
            return statistics.median(came - int(answered) for came, answered in zip(arrived, load["stamps"])) / 1e6

        def theirs():
            commit = self.output("commit", "--file", self.directory / "commits.db")["median"] / 1e3
            commits.append(commit)
            return 2 * commit + 5

        delays, limits = interleave(self.rounds, ours, theirs)
        self.table.add("from the 201 to the webhook (two durable commits and 5 ms)", "ms", delays, limits, at_most=1)
        self.table.note(f"A durable commit of one row by SQLite's C library took {statistics.median(commits):.2f} ms.")

    def callback(self):
        server, receiver = self.server("callback"), self.receiver("fast")
        told, untold = self.configuration(server, receiver.url), self.configuration(server)
        for connections in (1, 16):
            ours, theirs = interleave(
                self.rounds,
                lambda: self.post(server, told, connections, receiver),
                lambda: self.post(server, untold, connections))
            label = f"POST participant, {connections} connection{'s' if connections > 1 else ''}, with one callback against without"
            if connections == 1:
                self.latencies(label, ours, theirs, 1.3)
            self.table.add(f"{label}: rate", "/s", *([run["requests"] / run["seconds"] for run in side] for side in (ours, theirs)))

    def latencies(self, label, ours, theirs, at_most):
        medians = ([run["median"] / 1e3 for run in side] for side in (ours, theirs))
        self.table.add(f"{label}: latency", "ms", *medians, at_most=at_most)

    def dead(self):
        due, times = (1_000 if self.options.quick else 10_000), 20 * self.seconds
        beside, alone, receiver = self.server("beside"), self.server("alone"), self.receiver("fast")
        host = DeadHost()
        self.running.append(host)
        queues = [Queue(self, server, receiver) for server in (beside, alone)]
        self.conversations(beside, self.configuration(beside, host.url), due)
        ours, theirs = interleave(self.rounds, *(lambda queue=queue: queue.drain(times)["rate"] for queue in queues))
        label = f"deliveries, {LANES} conversations, with {due:,} due to a dead host against without"
        self.table.add(label, "/s", ours, theirs, 1 / 1.2)

    def slow(self):
        waiting = 5_000 if self.options.quick else 100_000
        busy, calm = self.server("slow"), self.server("calm")
        receivers = [self.receiver(f"slow{number}", SLOW_SECONDS) for number in range(SLOW_RECEIVERS)]
        untold = {server: self.configuration(server) for server in (busy, calm)}
        people = {server: self.people(server, untold[server]) for server in (busy, calm)}
        lanes = []
        for receiver in receivers:
            lanes += self.conversations(busy, self.configuration(busy, receiver.url), SLOW_LANES // SLOW_RECEIVERS)
        say(f"making {waiting:,} events in {len(lanes)} lanes wait for {SLOW_RECEIVERS} receivers that take {SLOW_SECONDS} s")
        began = time.monotonic()
        self.load(busy, self.names(lanes, waiting // len(lanes)), 64)
        say(f"that took {time.monotonic() - began:.0f} s")
        if not all(receiver.count() for receiver in receivers):
            raise BenchError("a slow receiver heard nothing")
        # Both servers run all the time: what one does unasked would slow the other too, and hide.
        time.sleep(2)
        before, began = busy.cpu(), time.monotonic()
        time.sleep(5)
        idle = (busy.cpu() - before) / (time.monotonic() - began)
        self.table.note(f"With {waiting:,} events waiting and no request, the server used {idle:.3f} of a core.")

        works = {
            "GET": lambda server, connections, rate: self.load(server, people[server], connections, self.seconds, rate),
            "POST": lambda server, connections, rate: self.post(server, untold[server], connections, rate=rate),
        }
        for name, work in works.items():
            peak = max(run["requests"] / run["seconds"] for run in (work(calm, 64, None) for _ in range(2)))
            for connections, rate, text in ((1, None, "1 connection"), (64, int(peak / 2), f"half of {peak:,.0f} a second")):
                ours, theirs = interleave(
                    self.rounds, lambda: work(busy, connections, rate), lambda: work(calm, connections, rate))
                self.latencies(f"{name} participant, {text}, {waiting:,} events waiting against none", ours, theirs, 1.2)
        arrived = sum(receiver.count() for receiver in receivers)
        self.table.note(f"The slow receivers were sent {arrived:,} of these events meanwhile, {SLOW_LANES} at a time at most.")

    def people(self, server, configuration):
        """A GET for each of a thousand participants."""
        conversations = self.conversations(server, configuration, 128)[:100]
        posts = list(self.posts(conversations))
        made = self.load(server, posts, wanted="ids")["ids"]
        return [("GET", f"{path}/{person}", "") for (_, path, _), person in zip(posts, made)]

    def end(self):
        for process in self.running:
            process.stop()
        self.running = []

    def stop(self):
        self.end()
        if not self.options.keep:
            shutil.rmtree(self.directory, ignore_errors=True)


def children():
    """Seconds of processor time of the processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
