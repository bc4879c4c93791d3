"""What a benchmark needs of the machine: processes, their cost, wrk, and the arithmetic of rounds."""

import base64
import http.client
import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import time

LUA = pathlib.Path(__file__).resolve().parent / "load.lua"
TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """Something that makes the numbers worthless; its text is for the person at the terminal."""


def say(text):
    print(text, flush=True)


def participant(serial, kind="CUSTOMER", channel_id=None, addresses=2):
    """The body of a POST whose serial number, or what stands for it, is in every text that has to differ."""
    both = [{"channel": "SMS", "address": f"+1{serial}"}, {"channel": "CHAT", "address": f"guest-{serial}"}]
    if channel_id:
        both[1]["channelId"] = channel_id
    name = f"Customer {serial}, who came in by the front door, has a name that is as long as some real ones and makes 550 bytes whole"
    body = {"name": name, "type": kind}
    if kind == "CUSTOMER":
        body["profileId"] = "mem_profile_01kc5gqapenecfseczp11hygcp"
    return body | {"addresses": both[:addresses]}


class Table:
    """The rows of the result, printed as they come and kept for the Markdown file."""

    HEAD = ["work", "Parley", "yardstick", "ratio (quartiles; range)", "goal", ""]

    def __init__(self):
        self.rows = []
        self.missed = []
        self.notes = []

    def add(self, work, unit, ours, theirs, goal=None, at_most=None):
        ratios = [a / b for a, b in zip(ours, theirs)]
        middle, low, high = spread(ratios)
        wanted, verdict = "reported", ""
        if goal is not None:
            wanted, verdict = f"{goal:.2f} at least", "met" if middle >= goal else "MISSED"
        if at_most is not None:
            wanted, verdict = f"{at_most:.2f} at most", "met" if middle <= at_most else "MISSED"
        if verdict == "MISSED":
            self.missed.append(f"{work}: {middle:.2f}, {wanted}")
        ratio = f"{middle:.2f} ({low:.2f}–{high:.2f}; {min(ratios):.2f}–{max(ratios):.2f})"
        self.rows.append([work, self.cell(ours, unit), self.cell(theirs, unit), ratio, wanted, verdict])
        say("  ".join([f"{work:<52}", *self.rows[-1][1:]]))

    def note(self, text):
        """A sentence that belongs to the rows before it."""
        self.notes.append(text)
        say(f"  {text}")

    @staticmethod
    def cell(values, unit):
        middle, low, high = spread(values)
        digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
        return f"{middle:,.{digits}f} {unit} ({low:,.{digits}f}–{high:,.{digits}f})"

    def markdown(self, lines):
        text = ["- " + line for line in lines] + ["", "| " + " | ".join(self.HEAD) + " |", "|" + " --- |" * len(self.HEAD)]
        text += ["| " + " | ".join(row) + " |" for row in self.rows]
        if self.notes:
            text += [""] + ["- " + note for note in self.notes]
        text += ["", "Missed: " + ("; ".join(self.missed) if self.missed else "none") + "."]
        return "\n".join(text) + "\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A server under load: started, asked whether it answers, measured by its /proc entry, stopped by its own id."""

    def __init__(self, name, command, environment, log, path):
        self.name, self.command, self.environment, self.log, self.path = name, command, environment, log, path
        self.port = None
        self.process = None

    def start(self):
        """Starts it and gives the seconds from exec to the first 200 on its path."""
        self.port = free_port()
        command = [part.replace("{port}", str(self.port)) for part in self.command]
        environment = {key: value.replace("{port}", str(self.port)) for key, value in self.environment.items()}
        request = f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        with open(self.log, "ab") as log:
            began = time.perf_counter()
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while True:
            # As fast as it goes: a pause between two tries would be most of what is measured here.
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                    connection.sendall(request)
                    if connection.recv(64).startswith(b"HTTP/1.1 200"):
                        return time.perf_counter() - began
            except OSError:
                pass
            if self.process.poll() is not None:
                raise BenchError(f"{self.name} ended at its start with status {self.process.returncode}:\n{self.tail()}")
            if time.perf_counter() - began > 60:
                raise BenchError(f"{self.name} did not answer {self.path} within a minute:\n{self.tail()}")

    def stop(self):
        """Ends the process, politely first."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def cpu(self):
        """Seconds of processor time it has used, user and system."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self):
        """Its resident memory in MiB."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise BenchError(f"{self.name} is gone")

    def tail(self):
        return "\n".join(pathlib.Path(self.log).read_text(errors="replace").splitlines()[-10:])


def basic(account, token):
    return "Basic " + base64.b64encode(f"{account}:{token}".encode()).decode()


class Parley(Process):
    """The server itself, with default settings and its log in a file: on a data directory of its own, or on the database of the URL, where
    the account of `authorization` is."""

    def __init__(self, name, binary, directory, url=None, authorization=None):
        self.directory = pathlib.Path(directory)
        self.given_authorization = authorization
        self.directory.mkdir(parents=True, exist_ok=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PARLEY_")}
        environment |= {
            "PARLEY_PORT": "{port}",
            "PARLEY_DATABASE_URL": url or f"sqlite:{self.database}",
            "PARLEY_SECRET_KEY_FILE": str(self.directory / "secret.key"),
        }
        super().__init__(name, [str(binary), "serve"], environment, self.directory / "log", "/health")

    @property
    def database(self):
        return self.directory / "parley.db"

    def start(self):
        seconds = super().start()
        until = time.monotonic() + 30
        while self.status("/ready") != 200:
            if time.monotonic() > until:
                raise BenchError(f"{self.name} is not ready after 30 s:\n{self.tail()}")
            time.sleep(0.05)
        return seconds

    def authorization(self):
        if self.given_authorization:
            return self.given_authorization
        lines = (self.directory / "account.env").read_text().splitlines()
        values = dict(line.split("=", 1) for line in lines if "=" in line)
        return basic(values["TWILIO_ACCOUNT_SID"], values["TWILIO_AUTH_TOKEN"])

    def status(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def call(self, method, path, body=None):
        """One request; gives the bytes of a 2xx answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": self.authorization()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise BenchError(f"{method} {path} was answered {answer.status}: {content.decode(errors='replace')}")
        return content


class Plan:
    """What wrk sends: the files that load.lua reads, and which serial number comes next."""

    def __init__(self, directory, name, authorization, body, paths, conversations):
        self.file = pathlib.Path(directory) / f"{name}.plan"
        self.conversations = pathlib.Path(directory) / f"{name}.conversations"
        self.file.touch(mode=0o600)
        self.file.write_text("\n".join([authorization, body, *paths]) + "\n")
        self.conversations.write_text("\n".join(conversations) + "\n")


class Serials:
    """The next serial number of a database; every load on it takes from here."""

    def __init__(self):
        self.next = 0


class Load:
    """One run of wrk: started, so that several can run side by side, and waited for."""

    def __init__(self, process, plan, connections, seconds, posts=0, serials=None):
        self.process, self.serials = process, serials
        self.before = process.cpu()
        self.wrk = subprocess.Popen(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(LUA), f"http://127.0.0.1:{process.port}",
             "--", str(plan.file), str(plan.conversations), str(posts), str(serials.next if serials else 0)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self):
        """Requests, requests a second and CPU microseconds a request, once it has ended."""
        try:
            output, errors = self.wrk.communicate()
        except BaseException:
            self.wrk.kill()
            self.wrk.wait()
            raise
        cpu = self.process.cpu() - self.before
        line = next((line for line in output.splitlines() if line.startswith("RESULT ")), None)
        if self.wrk.returncode != 0 or line is None:
            raise BenchError(f"wrk failed ({self.wrk.returncode}):\n{output}{errors}")
        result = json.loads(line.removeprefix("RESULT "))
        if self.serials:
            self.serials.next = result["next"]
        if result["requests"] == 0 or result["refused"] or result["broken"]:
            raise BenchError(f"{self.process.name}: not every request was answered with success: {line}\n{self.process.tail()}")
        if result["late"]:
            say(f"note: {self.process.name} took more than 2 s for {result['late']} requests")
        requests = result["requests"]
        return {"requests": requests, "rate": requests / (result["microseconds"] / 1e6), "cpu": cpu / requests * 1e6}


def load(process, plan, connections, seconds, posts=0, serials=None):
    """One run of wrk; gives requests a second and CPU microseconds a request."""
    return Load(process, plan, connections, seconds, posts, serials).result()


def spread(values):
    """Median and quartiles."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def interleave(rounds, *sides, warm=True):
    """Runs all sides in turn, after one of each that does not count; gives a list of results for each."""
    if warm:
        for side in sides:
            side()
    turns = [[side() for side in sides] for _ in range(rounds)]
    return [[turn[index] for turn in turns] for index in range(len(sides))]


def machine(root):
    """Lines that say where the numbers come from."""
    processor = platform.processor() or "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30

    def output(*command):
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = output("git", "rev-parse", "--short", "HEAD") or "no commit"
    if output("git", "status", "--porcelain", "--", "Sources", "Package.swift", "Package.resolved"):
        commit += " with changes"
    compiler = (output("swift", "--version").splitlines() or ["unknown"])[0]
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout.split(" [")[0]
    return [
        f"machine: {processor}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}",
        f"commit: {commit}",
        f"tools: {compiler}; {wrk}, one thread, on the cores of the server it loads",
    ]


def stripped_size(binary, directory):
    """The size of the binary without its symbols, in MiB."""
    copy = pathlib.Path(directory) / "stripped"
    run = subprocess.run(["strip", "-o", str(copy), str(binary)], capture_output=True, text=True)
    if run.returncode != 0:
        raise BenchError(f"cannot strip {binary}: {run.stderr.strip()}")
    size = copy.stat().st_size / 2**20
    copy.unlink()
    return size


def copy_database(source, target):
    """Copies a data directory of a server that is not running."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("log", "*.lock"))
