"""Measures Parley against its yardsticks, both in the same run and in turn, and says which goal is missed."""

import argparse
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

from harness import (
    BenchError, Parley, Plan, Process, Serials, Table, copy_database, interleave, load, machine, participant, say, stripped_size,
)
from postgres import GROUPS as POSTGRES_GROUPS, PostgresBench
from webhooks import GROUPS as WEBHOOK_GROUPS, WebhookBench

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHANNEL_ID = "CA0123456789abcdef0123456789abcdef"
FULL = 50
CROWD = 99
GROUPS = {
    "get": "GET one participant against bare Hummingbird",
    "list": "GET a list of 50 participants against bare Hummingbird",
    "post": "POST a participant against SQLite by its C library",
    "mixed": "80 % GET, 20 % POST against bare Hummingbird",
    "large": "1,000,000 participants in the file against 10,000",
    "filter": "conversations by status and by channelId against all of them",
    "crowded": "POST into a conversation of 99 participants against an empty one",
    "start": "start, idle memory and size of the binary against bare Hummingbird",
}
DATABASES = {"sqlite": GROUPS, "postgres": POSTGRES_GROUPS}


class Bench:
    def __init__(self, options):
        self.options = options
        self.rounds, self.seconds = options.rounds, options.seconds
        self.directory = pathlib.Path(options.directory).resolve()
        self.parley = pathlib.Path(options.binaries).resolve() / "parley"
        self.yardstick = self.parley.with_name("yardstick")
        self.table = Table()
        self.running = []
        self.serials = {}
        self.plans = {}
        self.random = random.Random(1)

    def wants(self, *groups):
        return any(group in self.options.only for group in groups)

    # -- what has to be there first

    def prepare(self):
        """Has the server make one of everything, then multiplies it inside the file while the server is down."""
        for binary in (self.parley, self.yardstick):
            if not binary.exists():
                raise BenchError(f"{binary} is not there: script/bench builds it")
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.small = self.server("small", "Parley with 10,000 participants")
        self.large = None
        self.small.start()
        self.make_patterns(self.small)
        self.small.stop()
        if self.wants("large", "filter"):
            copy_database(self.small.directory, self.directory / "large")
            self.large = self.server("large", f"Parley with {self.options.large:,} participants")

        # Ten participants to a conversation: enough for what the fastest yardstick may write in all its rounds.
        self.fresh = max(2_000, self.seconds * (self.rounds + 1) * 6_000)
        self.seed(self.small, 10_000, crowds=self.wants("crowded"))
        if self.wants("post"):
            copy_database(self.small.directory, self.directory / "sqlite")
        self.small.start()
        self.plan(self.small)
        if self.large:
            self.seed(self.large, self.options.large)
            self.large.start()
            self.plan(self.large)

    def server(self, name, title):
        server = Parley(title, self.parley, self.directory / name)
        self.running.append(server)
        self.serials[server] = Serials()
        return server

    def make_patterns(self, server):
        """One conversation of each kind, made over HTTP, so that the rows to copy are the server's own."""
        accepted = server.call("POST", "/v2/ControlPlane/Configurations", {
            "displayName": "Bench", "description": "Rows of the benchmark",
            "conversationGroupingType": "GROUP_BY_PARTICIPANT_ADDRESSES", "memoryStoreId": "mem_store_01kcqy77zxyyk596ngya1dq91k",
        })
        configuration = json.loads(accepted)["related"]["configurationId"]
        serial = iter(range(900_000_000_000, 999_999_999_999))

        def conversation(participants=()):
            body = {"configurationId": configuration, "name": "Late parcel", "participants": list(participants)}
            return json.loads(server.call("POST", "/v2/Conversations", body))["id"]

        self.patterns = {"empty": conversation(), "inactive": conversation()}
        server.call("PUT", f"/v2/Conversations/{self.patterns['inactive']}", {"status": "INACTIVE"})
        self.patterns["full"] = conversation(participant(next(serial)) for _ in range(FULL))
        self.patterns["channel"] = conversation(
            participant(next(serial), channel_id=CHANNEL_ID if index == 0 else None) for index in range(FULL))
        crowd = [participant(next(serial), "UNKNOWN", addresses=1) for _ in range(CROWD)]
        self.patterns["crowd"] = conversation(crowd[:50])
        for body in crowd[50:]:
            server.call("POST", f"/v2/Conversations/{self.patterns['crowd']}/Participants", body)

        one = conversation()
        path = f"/v2/Conversations/{one}/Participants"
        self.pattern_participant = json.loads(server.call("POST", path, participant(next(serial))))["id"]
        self.bodies = {"one": self.directory / "one.json", "list": self.directory / "list.json"}
        self.bodies["one"].write_bytes(server.call("GET", f"{path}/{self.pattern_participant}"))
        self.bodies["list"].write_bytes(server.call("GET", f"/v2/Conversations/{self.patterns['full']}/Participants"))
        say(f"answers: one participant {self.bodies['one'].stat().st_size:,} B, list of {FULL} {self.bodies['list'].stat().st_size:,} B")

    def seed(self, server, count, crowds=False):
        """As many conversations as participants: two of a hundred have 50 each, one of a hundred is INACTIVE, one has the channelId."""
        say(f"filling {server.database.name} of {server.name}")
        likes = [f"{self.patterns['channel']}:100:0", f"{self.patterns['full']}:100:50", f"{self.patterns['inactive']}:100:7"]
        start = self.fill(server, 0, count, [*likes, f"{self.patterns['empty']}:1:0"])
        if crowds:
            start = self.fill(server, start, max(10, self.rounds * 10) + 1, [f"{self.patterns['crowd']}:1:0"])
        self.fill(server, start, self.fresh, [f"{self.patterns['empty']}:1:0"])

    def fill(self, server, start, count, likes):
        command = [str(self.yardstick), "seed", "--file", str(server.database), "--conversations", str(count), "--start", str(start)]
        for like in likes:
            command += ["--like", like]
        result = self.output(command)
        return start + max(result["conversations"], result["participants"])

    def output(self, command):
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode != 0:
            raise BenchError(f"{' '.join(command[:2])} failed: {run.stderr.strip()}")
        return json.loads(run.stdout)

    def plan(self, server):
        """Picks what is asked for: anything in the file for reads, the newest conversations for writes."""
        with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as database:
            made = set(self.patterns.values())
            pairs, members = [], {}
            for conversation, person in database.execute("SELECT conversation_id, id FROM participant"):
                members[conversation] = members.get(conversation, 0) + 1
                pairs.append((conversation, person))
            empty = [row[0] for row in database.execute("SELECT id FROM conversation ORDER BY id") if row[0] not in members]
        database.close()
        pairs = self.random.sample(pairs, min(20_000, len(pairs)))
        full = [conversation for conversation, count in members.items() if count == FULL]
        self.random.shuffle(full)
        fresh = [conversation for conversation in empty if conversation not in made][-self.fresh:]
        if server is self.small:
            # The crowds are POSTed into one by one beside empty ones, which the load must not have touched.
            self.crowds = [conversation for conversation, count in members.items() if count == CROWD and conversation not in made]
            self.spare, fresh = fresh[:200], fresh[200:]
        body = json.dumps(participant("#"), separators=(",", ":"))
        authorization = server.authorization()
        paths = {
            "one": [f"/v2/Conversations/{conversation}/Participants/{person}" for conversation, person in pairs],
            "list": [f"/v2/Conversations/{conversation}/Participants" for conversation in full[:20_000]],
            "all": ["/v2/Conversations"],
            "status": ["/v2/Conversations?status=INACTIVE"],
            "channel": [f"/v2/Conversations?channelId={CHANNEL_ID}"],
        }
        for name, list_of_paths in paths.items():
            self.plans[server, name] = Plan(server.directory, name, authorization, body, list_of_paths, fresh)

    def hummingbird(self, name):
        command = [str(self.yardstick), "http", "--port", "{port}", "--body", str(self.bodies[name])]
        process = Process(f"bare Hummingbird ({name})", command, dict(os.environ), self.directory / f"hummingbird-{name}.log", "/v2/start")
        self.running.append(process)
        return process

    # -- the rows

    def run(self):
        self.prepare()
        for group, work in [
            # The start first, while the file is as it was filled; then what reads, then what adds to it.
            ("start", self.start), ("get", self.get), ("list", self.list), ("filter", self.filters), ("large", self.against_size),
            ("post", self.post), ("mixed", self.mixed), ("crowded", self.crowded),
        ]:
            if self.wants(group):
                say(f"\n{GROUPS[group]}")
                work()

    def against_hummingbird(self, name, work, goals, cpu_goal, posts=0):
        yardstick = self.hummingbird(name)
        yardstick.start()
        plan = self.plans[self.small, name]
        # The bare server is asked for the same bytes and may be given any serial number: it writes nothing down.
        idle = Serials()
        for connections, goal in goals.items():
            ours, theirs = interleave(
                self.rounds,
                lambda: load(self.small, plan, connections, self.seconds, posts, self.serials[self.small] if posts else None),
                lambda: load(yardstick, plan, connections, self.seconds, posts, idle if posts else None))
            label = f"{work}, {connections} connection{'s' if connections > 1 else ''}"
            self.compare(label, ours, theirs, goal, cpu_goal)
            idle.next = 0
        yardstick.stop()

    def compare(self, label, ours, theirs, goal, cpu_goal=None):
        self.table.add(label, "/s", [run["rate"] for run in ours], [run["rate"] for run in theirs], goal)
        if cpu_goal is not None:
            self.table.add(f"{label}: CPU a request", "µs", [run["cpu"] for run in ours], [run["cpu"] for run in theirs], at_most=cpu_goal)

    def get(self):
        self.against_hummingbird("one", "GET one participant", {1: 0.55, 64: 0.60}, 1.8)

    def list(self):
        self.against_hummingbird("list", "GET list of 50", {1: 0.65, 64: 0.40}, 2.7)

    def mixed(self):
        self.against_hummingbird("one", "80 % GET, 20 % POST", {64: 0.38}, None, posts=1)

    def post(self):
        plan = self.plans[self.small, "one"]
        written = Serials()
        rows = set()

        def sqlite(group):
            result = self.output([
                str(self.yardstick), "sqlite", "--file", str(self.directory / "sqlite/parley.db"), "--like", self.pattern_participant,
                "--conversations", str(plan.conversations), "--start", str(written.next), "--seconds", str(self.seconds),
                "--group", str(group),
            ])
            written.next = result["next"]
            rows.add(result["rows"])
            return {"rate": result["participants"] / result["seconds"]}

        for connections, group, goal in ((1, 1, 0.30), (64, 64, 0.18)):
            ours, theirs = interleave(
                self.rounds,
                lambda: load(self.small, plan, connections, self.seconds, 5, self.serials[self.small]),
                lambda: sqlite(group))
            label = f"POST participant, {connections} connection{'s' if connections > 1 else ''}"
            self.compare(f"{label} (SQLite: {group} to a transaction)", ours, theirs, goal)
        say(f"SQLite inserted {', '.join(map(str, rows))} rows a participant and changed one")

    def against_size(self):
        for name, work, posts, goal in (
            ("one", "GET one participant", 0, 0.85), ("list", "GET list of 50", 0, 0.85), ("one", "POST participant", 5, 0.70),
        ):
            def side(server):
                serials = self.serials[server] if posts else None
                return load(server, self.plans[server, name], 64, self.seconds, posts, serials)

            ours, theirs = interleave(self.rounds, lambda: side(self.large), lambda: side(self.small))
            self.compare(f"{work}, {self.options.large:,} against 10,000", ours, theirs, goal)

    def filters(self):
        for name, work in (("status", "status=INACTIVE"), ("channel", "channelId=…")):
            ours, theirs = interleave(
                self.rounds,
                lambda: load(self.large, self.plans[self.large, name], 64, self.seconds),
                lambda: load(self.large, self.plans[self.large, "all"], 64, self.seconds))
            self.compare(f"conversations, {work}, 1 % of {self.options.large:,}", ours, theirs, 0.5)

    def crowded(self):
        """Each crowd has room for one more, so this is a request at a time and its latency."""
        connection = http.client.HTTPConnection("127.0.0.1", self.small.port, timeout=60)
        headers = {"Authorization": self.small.authorization(), "Content-Type": "application/json"}
        serial = iter(range(800_000_000_000, 900_000_000_000))

        def post(conversation):
            body = json.dumps(participant(next(serial), "UNKNOWN", addresses=1))
            began = time.perf_counter()
            connection.request("POST", f"/v2/Conversations/{conversation}/Participants", body, headers)
            answer = connection.getresponse()
            content = answer.read()
            seconds = time.perf_counter() - began
            if answer.status != 201:
                raise BenchError(f"POST into {conversation} was answered {answer.status}: {content.decode(errors='replace')}")
            return seconds * 1e3

        crowds, spare = iter(self.crowds), iter(self.spare)
        count = min(len(self.crowds) - 1, len(self.spare) - 1)
        ours, theirs = interleave(count, lambda: post(next(crowds)), lambda: post(next(spare)))
        connection.close()
        self.table.add(f"POST into {CROWD} UNKNOWN (4,851 keys) against empty", "ms", ours, theirs)

    def start(self):
        self.small.stop()
        yardstick = self.hummingbird("one")

        def sample(process):
            seconds = process.start()
            time.sleep(2)
            memory = process.memory()
            process.stop()
            return {"start": seconds * 1e3, "memory": memory}

        ours, theirs = interleave(max(3, self.rounds), lambda: sample(self.small), lambda: sample(yardstick))
        self.table.add("start to first answer", "ms", [run["start"] for run in ours], [run["start"] for run in theirs], at_most=2)
        self.table.add(
            "memory after 2 s idle", "MiB", [run["memory"] for run in ours], [run["memory"] for run in theirs], at_most=2.5)
        self.small.start()
        sizes = [stripped_size(binary, self.directory) for binary in (self.parley, self.yardstick)]
        self.table.add("stripped binary", "MiB", [sizes[0]], [sizes[1]], at_most=1.7)

    def stop(self):
        for process in self.running:
            process.stop()
        if not self.options.keep:
            shutil.rmtree(self.directory, ignore_errors=True)


class Arguments(argparse.ArgumentParser):
    def error(self, message):
        """Wrong usage ends every command of this project with 64."""
        self.exit(64, f"{self.prog}: {message}; see {self.prog} --help.\n")


def count(text):
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 on")
    return int(text)


def arguments():
    parser = Arguments(
        prog="script/bench", description=__doc__,
        epilog="Example: script/bench --quick --only get --only post. Nothing else should run meanwhile. A missed goal is no error: "
        "the exit status is 1 only if something could not be measured.")
    parser.add_argument("what", nargs="?", choices=["webhooks"],
                        help="measure webhooks, on SQLite, in place of the API alone")
    parser.add_argument("--quick", action="store_true",
                        help="rounds short enough to see that everything runs, with less data")
    parser.add_argument("--rounds", type=count, help="rounds of each side of a row (default 5; quick 2)")
    parser.add_argument("--seconds", type=count, help="length of a round (default 5; quick 1)")
    groups = " | ".join(
        f"{mode}: " + "; ".join(f"{name} ({text})" for name, text in groups.items())
        for mode, groups in (DATABASES | {"webhooks": WEBHOOK_GROUPS}).items())
    parser.add_argument("--only", action="append", metavar="NAME",
                        help=f"only these rows, may be repeated: {groups}".replace("%", "%%"))
    parser.add_argument("--database", choices=list(DATABASES), default="sqlite",
                        help="the database behind it; postgres is a cluster of its own, measured against pgbench (default sqlite)")
    parser.add_argument("--markdown", metavar="FILE", help="also write the result as Markdown")
    parser.add_argument("--directory", default=str(ROOT / ".build/bench"),
                        help="where the databases lie, emptied first (default .build/bench)")
    parser.add_argument("--binaries", default=str(ROOT / ".build/release"),
                        help="where the two binaries are (default .build/release)")
    parser.add_argument("--keep", action="store_true", help="leave the databases and logs there")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 5)
    options.large = 100_000 if options.quick else 1_000_000
    if options.what and options.database != "sqlite":
        parser.error("webhooks are measured on SQLite")
    known = WEBHOOK_GROUPS if options.what else DATABASES[options.database]
    for name in options.only or []:
        if name not in known:
            parser.error(f"argument --only: '{name}' is not one of {', '.join(known)}")
    options.only = options.only or list(known)
    return options


def main():
    options = arguments()
    if options.check:
        return
    lines = machine(ROOT)
    lines.append(f"rounds: {options.rounds} of {options.seconds} s a side, in turn, after one that does not count; median (quartiles)")
    if options.quick:
        lines.append("a quick run: too short for a verdict, and with less data")
    one, five, fifteen = os.getloadavg()
    lines.append(f"load average before: {one:.1f}, {five:.1f}, {fifteen:.1f} (1, 5, 15 minutes)")
    for line in lines:
        say(line)
    kind = WebhookBench if options.what else {"sqlite": Bench, "postgres": PostgresBench}[options.database]
    bench = kind(options)
    try:
        bench.run()
    finally:
        bench.stop()
    say("\n" + ("missed:\n" + "\n".join("  " + line for line in bench.table.missed) if bench.table.missed else "no goal is missed"))
    if options.markdown:
        pathlib.Path(options.markdown).write_text(bench.table.markdown(lines))


if __name__ == "__main__":
    # However it is stopped, it ends what it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except BenchError as error:
        sys.exit(f"script/bench: {error}")
    except KeyboardInterrupt:
        sys.exit("script/bench: stopped")
