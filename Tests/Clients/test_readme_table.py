"""What the README says is served, and which settings it names, held to the server and its sources."""

import re

from harness import NOBODY, REPOSITORY

README = (REPOSITORY / "README.md").read_text()
SETTINGS = (REPOSITORY / "Sources" / "parley" / "Settings.swift").read_text()
WEBHOOKS = (REPOSITORY / "Sources" / "ParleyEngine" / "WebhookSettings.swift").read_text()

ROW = re.compile(r"^\| `(\w+)` \| `([A-Z]+) (/v2/\S+)` \| (served|not yet) \|$", re.MULTILINE)
METHODS = {"get", "put", "post", "patch", "delete"}
# The published API has so many; a row that lost its form would go unseen otherwise.
OPERATIONS = 22


def rows(state):
    return {(operation, method, path) for operation, method, path, said in ROW.findall(README) if said == state}


def test_the_table_has_every_operation_of_the_api_once():
    listed = ROW.findall(README)
    assert len(listed) == OPERATIONS
    assert len({operation for operation, *_ in listed}) == len({(method, path) for _, method, path, _ in listed}) == OPERATIONS
    served = re.search(r"This version serves the (\d+) that are marked", README)
    assert int(served[1]) == len(rows("served"))


def test_what_the_table_calls_served_is_what_the_server_describes(wire):
    paths = wire.send("GET", "/openapi.json", login=False).json["paths"]
    described = {
        (operation["operationId"], method.upper(), path)
        for path, operations in paths.items() if path.startswith("/v2/")
        for method, operation in operations.items() if method in METHODS}
    assert rows("served") == described


def test_what_the_table_calls_not_yet_is_refused_as_unknown(wire):
    """B-ERR-5: 404 for a path that is not there, 405 for a method that a path does not have"""
    for operation, method, path in sorted(rows("not yet")):
        target = re.sub(r"\{\w+\}", NOBODY, path)
        answer = wire.send(method, target, None if method in {"GET", "DELETE"} else {})
        assert answer.status in {404, 405}, (operation, answer.status)


def test_the_readme_names_exactly_the_settings_that_the_server_knows():
    known = re.search(r"let names: Set<String> = \[(.*?)\n  \]", SETTINGS, re.DOTALL)
    names = set(re.findall(r'"(PARLEY_\w+)"', known[1]))
    tabled = re.findall(r"^\| `(PARLEY_\w+)` \|", README, re.MULTILINE)
    assert len(tabled) == len(set(tabled))
    # PARLEY_URL is in account.env, so the server knows the name; it sets nothing.
    assert set(tabled) == names - {"PARLEY_URL"}
    assert set(re.findall(r"PARLEY_\w+", README)) == names


def test_the_readme_gives_each_setting_its_default():
    """Those that Settings.swift writes as plain values."""
    defaults = {
        "PARLEY_HOST": r'var host = "(.*)"',
        "PARLEY_PORT": r"var port = (\d+)",
        "PARLEY_DATABASE_URL": r'var database = DatabaseLocation.sqlite\(path: "(.*)"\)',
        "PARLEY_DATABASE_CONNECTIONS": r"var databaseConnections = (\d+)",
        "PARLEY_DATABASE_MIGRATE": r"var migrates = (\w+)",
        "PARLEY_SECRET_KEY_FILE": r'var secretKeyFile = "(.*)"',
        "PARLEY_DRAIN_SECONDS": r"var drainSeconds = (\d+)",
        "PARLEY_LOG_LEVEL": r"var logLevel = Logger.Level.(\w+)",
    }
    for name, pattern in defaults.items():
        said = re.search(rf"^\| `{name}` \| `([^`]*)` \|", README, re.MULTILINE)
        assert said and said[1].removeprefix("sqlite:") == re.search(pattern, SETTINGS)[1], name


def test_the_readme_says_that_private_hosts_are_not_allowed_by_default():
    assert "var privateHosts = PrivateHosts.none" in SETTINGS
    assert re.search(r"^\| `PARLEY_WEBHOOK_ALLOW_PRIVATE` \| `false` \|", README, re.MULTILINE)


def test_the_readme_gives_each_setting_of_webhooks_its_default():
    names = {"CONCURRENCY": "concurrency", "RETRIES": "retries", "LOG_DAYS": "logDays", "BACKLOG": "backlog"}
    for name, variable in names.items():
        said = re.search(rf"^\| `PARLEY_WEBHOOK_{name}` \| `(\d+)` \|", README, re.MULTILINE)
        default = re.search(rf"package var {variable} = ([\d_]+)", WEBHOOKS)
        assert said and int(said[1]) == int(default[1].replace("_", "")), name
