"""Measures Parley on PostgreSQL against pgbench, which runs the statements that the server was seen to send."""

import base64
import json
import os
import pathlib
import random
import re
import resource
import secrets
import shutil
import subprocess
import time

from harness import TICKS, BenchError, Load, Parley, Plan, Serials, Table, basic, interleave, participant, say, spread

ROOT = pathlib.Path(__file__).resolve().parent.parent
GROUPS = {
    "get": "GET one participant against pgbench",
    "list": "GET a list of 50 participants against pgbench",
    "post": "POST a participant against pgbench",
    "nodes": "three nodes against one, 64 connections",
}
GOALS = {"get": 0.30, "list": 0.50, "post": 0.50}
POOL = 10
CONNECTIONS = {1: 1, 16: POOL, 64: POOL}
FULL = 50
TABLES = ["conversation", "participant", "owned_address", "channel_link", "grouping_key"]

# What the 26 characters of an id begin with here: January 2026, before everything that a running server makes. A conversation's number has
# ten digits; its participants' numbers are a hundred times that and their place, and are also in their addresses and names.
TIME = "01kdvxqm00e008"
SMALL_FIRST, FULL_FIRST, POSTS_FIRST, PGBENCH_FIRST = 1_000_000_000, 1_001_000_000, 1_002_000_000, 1_006_000_000


class Cluster:
    """A PostgreSQL cluster of the benchmark's own, by script/postgres, with the server's defaults: what is committed is on the disk."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.process = subprocess.Popen(
            [str(ROOT / "script/postgres"), "--durable", str(self.directory)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().split()
        if not line or line[0] != "ready":
            self.stop()
            raise BenchError("the PostgreSQL server did not start; script/postgres says above why")
        self.url = line[1]
        values = dict(part.split("=", 1) for part in line[2:])
        self.pid, self.programs = int(values["pid"]), pathlib.Path(values["bin"])
        self.port = self.url.rpartition(":")[2].partition("/")[0]
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None

    def run(self, program, *options, text=None):
        """Runs one of PostgreSQL's own programs on the database and gives what it prints."""
        command = [str(self.programs / program), "--host=127.0.0.1", f"--port={self.port}", "--username=parley", *options, "parley"]
        run = subprocess.run(command, capture_output=True, text=True, input=text, env=self.environment)
        if run.returncode != 0:
            raise BenchError(f"{program} failed:\n{run.stderr.strip()[-2000:]}")
        return run.stdout

    def ask(self, sql):
        return self.psql("--tuples-only", "--no-align", f"--command={sql}").strip()

    def feed(self, script):
        self.psql("--single-transaction", text=script)

    def psql(self, *options, text=None):
        return self.run("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *options, text=text)

    def cpu(self):
        """Seconds of processor time of all its processes; the first has the sum of those that have ended."""
        ticks = 0
        for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = entry.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(entry.parent.name) == self.pid:
                ticks += sum(map(int, fields[11:15]))
            elif int(fields[1]) == self.pid:
                ticks += sum(map(int, fields[11:13]))
        return ticks / TICKS

    def log(self):
        return (self.directory / "log").read_text(errors="replace")


def busy():
    """Seconds of processor time that all of the machine has used, or that the machine under it has taken away."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(field) for index, field in enumerate(fields[:8]) if index not in (3, 4)) / TICKS


# -- what the server was seen to send, as scripts of pgbench

def statements(log):
    """Text and parameters of each statement in the server's log, in the order of their arrival."""
    found = []
    for entry in re.split(r"^\d{4}-\d\d-\d\d [\d:.]+ \w+ \[\d+\] ", log, flags=re.MULTILINE)[1:]:
        entry = entry.rstrip("\n").replace("\n\t", "\n")
        if match := re.match(r"LOG:  execute [^:]+: (.*)", entry, re.DOTALL):
            found.append((match[1], []))
        elif match := re.match(r"DETAIL:  parameters: (.*)", entry, re.DOTALL):
            values = re.findall(r"\$\d+ = (?:'((?:[^']|'')*)'|NULL)(?:, |$)", match[1])
            found[-1][1].extend(value.replace("''", "'") for value in values)
            if found[-1][0].count("$") != len(values) or " = NULL" in match[1]:
                raise BenchError(f"the parameters of a statement were not understood: {entry}")
    # What a connection does on its own behalf belongs to no request.
    own = ("set_config(", "current_setting(", "clock_timestamp(")
    return [(text, values) for text, values in found if not any(word in text for word in own)]


class Script:
    """Statements for pgbench, in which ids, addresses and the position come from its variables; `marks` says which texts those replace."""

    def __init__(self, found, marks, begin, pipelined=False):
        self.defines = {}
        self.marks = marks
        self.pattern = re.compile("|".join(map(re.escape, marks)))
        lines = [*begin]
        if pipelined:
            lines.append(r"\startpipeline")
        for text, values in found:
            values = [self.expression(value) for value in values]
            if match := re.match(r"INSERT INTO participant \(([^)]*)\)", text):
                values[match[1].split(", ").index("position")] = ":position"
            # pgbench has a statement to a line, or until the semicolon.
            lines.append(re.sub(r"\$(\d+)", lambda number: values[int(number[1]) - 1], text) + ";")
        if pipelined:
            lines.append(r"\endpipeline")
        self.text = "\n".join(lines) + "\n"

    def expression(self, value):
        """The value as a parameter if it is the same each time, else put together of what changes and what does not."""
        if not self.pattern.search(value):
            name = next((name for name, known in self.defines.items() if known == value), f"same{len(self.defines)}")
            self.defines[name] = value
            return f":{name}"
        parts, start = [], 0
        for match in self.pattern.finditer(value):
            parts += [self.literal(value[start:match.start()]), self.marks[match[0]]]
            start = match.end()
        parts.append(self.literal(value[start:]))
        return " || ".join(part for part in parts if part)

    @staticmethod
    def literal(text):
        """A constant, in which pgbench finds no variable and psql no end."""
        return "E'" + re.sub(r"[^ -~]|[':\\]", lambda found: f"\\x{ord(found[0]):02x}", text) + "'" if text else ""


def in_id(variable, digits):
    """An id's 26 characters with the number of pgbench's variable in them."""
    return f"'{TIME}{'0' * (12 - digits)}' || :{variable}"


def conversation_name(number):
    return f"{TIME}{number:012}"


def many(count, name):
    return f"{count} {name}{'s' if count > 1 else ''}"


class Pattern:
    """Rows of one conversation that the server made, to be copied under other ids."""

    def __init__(self, cluster, conversation, people, serials):
        marks = [conversation[-26:], *(person[-26:] for person in people), *serials]
        split = re.compile("(" + "|".join(marks) + ")")
        self.marks, self.people = marks, len(people)
        self.rows = {}
        for table in TABLES:
            key = "id" if table == "conversation" else "conversation_id"
            rows = cluster.ask(f"COPY (SELECT * FROM {table} WHERE {key} = '{conversation}') TO STDOUT")
            self.rows[table] = [split.split(row) for row in rows.splitlines()]

    def copies(self, numbers):
        """A script for psql that makes a conversation of each number."""
        names = []
        for number in numbers:
            serials = [f"{number * 100 + place}" for place in range(self.people)]
            names.append(dict(zip(self.marks, [conversation_name(number), *(TIME + serial for serial in serials), *serials])))
        lines = []
        for table, rows in self.rows.items():
            if rows:
                lines.append(f"COPY {table} FROM STDIN;")
                lines += ["".join(name.get(part, part) for part in row) for name in names for row in rows]
                lines.append("\\.")
        return "\n".join(lines) + "\n"


class Fresh:
    """Conversations without participants under consecutive numbers, made shortly before they are needed."""

    def __init__(self, cluster, pattern, first):
        self.cluster, self.pattern = cluster, pattern
        self.first = self.next = first

    def make(self, until):
        if until > self.next:
            self.cluster.feed(self.pattern.copies(range(self.next, until)))
            self.next = until


class PostgresBench:
    def __init__(self, options):
        self.options = options
        self.rounds, self.seconds = options.rounds, options.seconds
        self.directory = pathlib.Path(options.directory).resolve()
        self.parley = pathlib.Path(options.binaries).resolve() / "parley"
        self.conversations = 1_000 if options.quick else 10_000
        self.lists = 100 if options.quick else 1_000
        self.table = Table()
        self.cluster = None
        self.authorization = None
        self.nodes = []
        self.random = random.Random(1)

    # -- what has to be there first

    def prepare(self):
        if not self.parley.exists():
            raise BenchError(f"{self.parley} is not there: script/bench builds it")
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.cluster = Cluster(self.directory / "postgres")
        say(f"PostgreSQL {self.cluster.ask('SHOW server_version')}, fsync {self.cluster.ask('SHOW fsync')}")
        self.key = self.directory / "secret.key"
        self.key.touch(mode=0o600)
        self.key.write_text(base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
        self.make_account()

        # This node's statements are written down by the server; it takes no part in what is measured.
        watched = self.node("watched", "?options=-c%20log_statement%3Dall")
        watched.start()
        self.make_patterns(watched)
        self.watch(watched)
        watched.stop()

        say(f"filling the database: {self.conversations:,} conversations with 3 participants, {self.lists:,} with {FULL}")
        self.small = range(SMALL_FIRST, SMALL_FIRST + self.conversations)
        self.full = range(FULL_FIRST, FULL_FIRST + self.lists)
        self.cluster.feed(self.three.copies(self.small))
        self.cluster.feed(self.fifty.copies(self.full))
        self.fresh = Fresh(self.cluster, self.empty, POSTS_FIRST)
        self.fresh_of_pgbench = Fresh(self.cluster, self.empty, PGBENCH_FIRST)
        self.cluster.ask("CREATE SCHEMA bench")
        self.cluster.ask("CREATE TABLE bench.commits (id INTEGER PRIMARY KEY, number INTEGER NOT NULL)")
        self.cluster.ask(f"INSERT INTO bench.commits SELECT id, 0 FROM generate_series(0, {POOL - 1}) AS id")
        for work in ("VACUUM (ANALYZE)", "CHECKPOINT"):
            self.cluster.ask(work)
        self.write_plans()
        self.write_scripts()
        self.one = self.node("node")
        self.one.start()

    def make_account(self):
        environment = self.node("account").environment | {"PARLEY_PORT": "0"}
        run = subprocess.run(
            [str(self.parley), "account", "create", "--name", "Bench", "--create", "--json"], capture_output=True, text=True,
            env=environment)
        if run.returncode != 0:
            raise BenchError(f"no account could be made: {run.stderr.strip()}")
        made = json.loads(run.stdout)
        self.account = made["accountSid"]
        self.authorization = basic(made["accountSid"], made["authToken"])

    def node(self, name, parameters=""):
        node = Parley(f"Parley ({name})", self.parley, self.directory / name, self.cluster.url + parameters, self.authorization)
        node.environment["PARLEY_SECRET_KEY_FILE"] = str(self.key)
        node.environment["PARLEY_DATABASE_CONNECTIONS"] = str(POOL)
        self.nodes.append(node)
        return node

    def make_patterns(self, node):
        accepted = node.call("POST", "/v2/ControlPlane/Configurations", {
            "displayName": "Bench", "description": "Rows of the benchmark",
            "conversationGroupingType": "GROUP_BY_PARTICIPANT_ADDRESSES", "memoryStoreId": "mem_store_01kcqy77zxyyk596ngya1dq91k",
        })
        configuration = json.loads(accepted)["related"]["configurationId"]
        serial = iter(range(900_000_000_000, 999_999_999_999))

        def conversation(people):
            serials = [str(next(serial)) for _ in range(people)]
            body = {"configurationId": configuration, "name": "Late parcel", "participants": [participant(text) for text in serials]}
            made = json.loads(node.call("POST", "/v2/Conversations", body))["id"]
            page = json.loads(node.call("GET", f"/v2/Conversations/{made}/Participants"))
            return Pattern(self.cluster, made, [person["id"] for person in page["participants"]], serials)

        self.empty, self.three, self.fifty = conversation(0), conversation(3), conversation(FULL)
        body = {"configurationId": configuration, "name": "Late parcel"}
        self.watched_conversation = json.loads(node.call("POST", "/v2/Conversations", body))["id"]

    def watch(self, node):
        """Has the server show what it sends for a request of each kind, once its connection is there and the account is known."""
        path = f"/v2/Conversations/{self.watched_conversation}/Participants"
        serial = "955555555555"

        def sent(*request):
            before = len(self.cluster.log())
            answer = json.loads(node.call(*request))
            return answer, statements(self.cluster.log()[before:])

        person, post = sent("POST", path, participant(serial))
        one = f"{path}/{person['id']}"
        node.call("GET", one)
        _, get = sent("GET", one)
        _, page = sent("GET", path)
        self.seen = {"get": get, "list": page, "post": post}
        if len(get) != 1 or len(page) != 1:
            raise BenchError(f"a read was expected to be one statement: {[text for text, _ in get + page]}")
        self.watched = (self.watched_conversation[-26:], person["id"][-26:], serial)
        for group, found in self.seen.items():
            say(f"{group}: the server was seen to send {many(len(found), 'statement')}")

    def write_plans(self):
        def plan(name, paths, body="#"):
            return Plan(self.directory, name, self.authorization, json.dumps(participant(body), separators=(",", ":")), paths, [])

        pairs = [(number, place) for number in self.small for place in range(3)]
        gets = [
            f"/v2/Conversations/conv_conversation_{conversation_name(number)}"
            f"/Participants/conv_participant_{TIME}{number * 100 + place}"
            for number, place in self.random.sample(pairs, min(20_000, len(pairs)))
        ]
        lists = [f"/v2/Conversations/conv_conversation_{conversation_name(number)}/Participants" for number in self.full]
        self.random.shuffle(lists)
        # Nodes that write side by side must not write the same addresses: those would exclude each other.
        self.plans = {
            "get": plan("get", gets), "list": plan("list", lists), "post": plan("post", gets), "health": plan("health", ["/health"]),
        }
        self.plans_of_nodes = [plan(f"post-{index}", gets, f"{index}#") for index in range(1, 4)]
        self.serials = {plan: Serials() for plan in [self.plans["post"], *self.plans_of_nodes]}
        self.numbers = {plan: [] for plan in self.serials}

    def write_scripts(self):
        conversation, person, serial = self.watched
        marks = {conversation: in_id("c", 10), person: in_id("p", 12), serial: ":p"}
        begins = {
            "get": [
                rf"\set i random(0, {len(self.small) * 3 - 1})", rf"\set c {SMALL_FIRST} + :i / 3", r"\set p :c * 100 + :i % 3",
            ],
            "list": [rf"\set c random({FULL_FIRST}, {FULL_FIRST + len(self.full) - 1})"],
            # Each client has conversations of its own, ten participants to each before the next, as load.lua does it.
            "post": [
                r"\set n :n + 1", r"\set j :n / (:window * 10) * :window + :n % :window", r"\set c :first + :j * :clients + :client_id",
                r"\set slot (:n / :window) % 10", r"\set p :c * 100 + :slot", r"\set position :slot + 1",
            ],
        }
        self.scripts = {group: Script(found, marks, begins[group]) for group, found in self.seen.items()}
        self.scripts["pipeline"] = Script(self.seen["post"], marks, begins["post"], pipelined=True)
        self.scripts["commit"] = Script([("UPDATE bench.commits SET number = number + 1 WHERE id = :client_id", [])], {"#": ""}, [])
        for name, script in self.scripts.items():
            (self.directory / f"{name}.pgbench").write_text(script.text)

    # -- one run of each kind

    def measured(self, nodes, run):
        """What the run gives, the CPU microseconds that nodes, database and client took for a request of it, and the cores in use."""
        def used():
            children = resource.getrusage(resource.RUSAGE_CHILDREN)
            return [sum(node.cpu() for node in nodes), self.cluster.cpu(), children.ru_utime + children.ru_stime]

        before, busy_before, began = used(), busy(), time.perf_counter()
        result = run()
        seconds, busy_after = time.perf_counter() - began, busy()
        # Processes of the server that are just ending are counted once they have ended.
        time.sleep(0.3)
        parts = [after - earlier for after, earlier in zip(used(), before)]
        costs = dict(zip(["node", "database", "client"], parts))
        cores = costs | {"others": max(0, busy_after - busy_before - sum(parts))}
        return result | {name: part / result["requests"] * 1e6 for name, part in costs.items()} | {
            f"{name} cores": part / seconds for name, part in cores.items()}

    def wrk(self, group, connections, nodes=None):
        """One wrk on the node, or one on each of several that share the connections."""
        nodes = nodes or [self.one]
        plans = [self.plans[group]] * len(nodes)
        if group == "post" and len(nodes) > 1:
            plans = self.plans_of_nodes
        if group == "post":
            for plan in plans:
                self.provide(plan, connections, len(nodes))
        shares = [(connections + index) // len(nodes) for index in range(len(nodes))]

        def run():
            loads = [
                Load(node, plan, share, self.seconds, 5 if group == "post" else 0, self.serials[plan] if group == "post" else None)
                for node, plan, share in zip(nodes, plans, shares)
            ]
            results = [load.result() for load in loads]
            return {key: sum(result[key] for result in results) for key in ("requests", "rate")}

        return self.measured(nodes, run)

    def enough(self, connections):
        """Conversations for the POSTs of one run, ten to each, at more than the rate to be expected, and those that are begun."""
        return self.seconds * (600 if connections == 1 else 1_200) + 128

    def provide(self, plan, connections, sharers):
        numbers = self.numbers[plan]
        missing = self.serials[plan].next // 10 + self.enough(connections) // sharers + 64 - len(numbers)
        if missing > 0:
            first = self.fresh.next
            self.fresh.make(first + missing)
            numbers += range(first, first + missing)
            plan.conversations.write_text("".join(f"conv_conversation_{conversation_name(number)}\n" for number in numbers))

    def pgbench(self, name, clients):
        script = self.scripts[name]
        defines = dict(script.defines)
        if name in ("post", "pipeline"):
            fresh = self.fresh_of_pgbench
            last = self.cluster.ask(
                f"SELECT max(conversation_id) FROM participant WHERE account_id = '{self.account}'"
                f" AND conversation_id < 'conv_conversation_{conversation_name(PGBENCH_FIRST + 10**8)}'")
            first = max(PGBENCH_FIRST, int(last[-10:]) + 1)
            fresh.make(first + self.enough(clients))
            defines |= {"n": -1, "window": 64 // clients, "clients": clients, "first": first}
        options = [f"--define={key}={value}" for key, value in defines.items()]

        def run():
            output = self.cluster.run(
                "pgbench", "--no-vacuum", "--protocol=prepared", f"--client={clients}", f"--jobs={min(2, clients)}",
                f"--time={self.seconds}", f"--file={self.directory / f'{name}.pgbench'}", *options)
            done = re.search(r"transactions actually processed: (\d+)", output)
            rate = re.search(r"^tps = ([\d.]+)", output, re.MULTILINE)
            failed = re.search(r"failed transactions: (\d+)", output)
            if not done or not rate or int(done[1]) == 0 or (failed and int(failed[1])):
                raise BenchError(f"pgbench did not do all it was to do:\n{output}")
            return {"requests": int(done[1]), "rate": float(rate[1])}

        return self.measured([], run)

    # -- the rows

    def run(self):
        self.prepare()
        for group, work in (("get", self.get), ("list", self.list), ("post", self.post), ("nodes", self.three_nodes)):
            if group in self.options.only:
                say(f"\n{GROUPS[group]}")
                work()

    def get(self):
        self.reads("get", "GET one participant")
        # What HTTP alone costs on this machine, where one connection waits for it.
        for connections in (1, 64):
            ours, theirs = interleave(self.rounds, lambda: self.wrk("get", connections), lambda: self.wrk("health", connections))
            self.rates(f"GET one participant, {many(connections, 'connection')} (against GET /health of the same node)", ours, theirs)

    def list(self):
        self.reads("list", f"GET list of {FULL}")

    def reads(self, group, work):
        for connections, clients in CONNECTIONS.items():
            ours, theirs = interleave(self.rounds, lambda: self.wrk(group, connections), lambda: self.pgbench(group, clients))
            self.compare(self.label(work, connections, clients), ours, theirs, GOALS[group])

    def post(self):
        work = "POST participant"
        for connections, clients in CONNECTIONS.items():
            ours, theirs, pipelined, commits = interleave(
                self.rounds, lambda: self.wrk("post", connections), lambda: self.pgbench("post", clients),
                lambda: self.pgbench("pipeline", clients), lambda: self.pgbench("commit", clients))
            label = self.label(work, connections, clients)
            self.compare(label, ours, theirs, GOALS["post"])
            for name, others in (("in one pipeline", pipelined), ("changing one row", commits)):
                self.rates(f"{label.removesuffix(')')}, {name})", ours, others)

    def three_nodes(self):
        nodes = [self.one, self.node("second"), self.node("third")]
        for node in nodes[1:]:
            node.start()
        for group, work in (("get", "GET one participant"), ("list", f"GET list of {FULL}"), ("post", "POST participant")):
            ours, theirs = interleave(self.rounds, lambda: self.wrk(group, 64, nodes), lambda: self.wrk(group, 64))
            label = f"{work}, 64 connections: three nodes against one"
            self.rates(label, ours, theirs)
            self.cores(label, ("three nodes", ours), ("one node", theirs))
        for node in nodes[1:]:
            node.stop()

    @staticmethod
    def label(work, connections, clients):
        return f"{work}, {many(connections, 'connection')} (pgbench: {many(clients, 'client')})"

    def rates(self, label, ours, theirs, goal=None):
        self.table.add(label, "/s", [run["rate"] for run in ours], [run["rate"] for run in theirs], goal)

    def compare(self, label, ours, theirs, goal):
        self.rates(label, ours, theirs, goal)
        self.table.add(f"{label}: PostgreSQL's CPU", "µs", [run["database"] for run in ours], [run["database"] for run in theirs])
        self.cores(label, ("Parley", ours), ("pgbench", theirs))

    def cores(self, label, *sides):
        def text(name, runs):
            def middle(key):
                return spread([run[key] for run in runs])[0]

            titles = {"node": "Parley", "database": "PostgreSQL", "client": "pgbench" if name == "pgbench" else "wrk"}
            parts = [
                f"{title} {middle(f'{key} cores'):.2f} ({middle(key):,.0f} µs a request)"
                for key, title in titles.items() if middle(key) > 0
            ]
            return f"{name}: {', '.join(parts)}, others on this machine {middle('others cores'):.2f}"

        self.table.note(f"Cores in use, {label} · " + " · ".join(text(*side) for side in sides))

    def stop(self):
        for node in self.nodes:
            node.stop()
        if self.cluster:
            self.cluster.stop()
        if not self.options.keep:
            shutil.rmtree(self.directory, ignore_errors=True)
