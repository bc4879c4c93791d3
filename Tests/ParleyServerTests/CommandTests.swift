import Foundation
import ParleyDomain
import ParleyTesting
import Testing

extension ServerTests {
  @Suite struct CommandTests {
    private static let commands = [
      [], ["serve"], ["account"], ["account", "create"], ["account", "list"], ["account", "rotate-token"], ["account", "disable"], ["key"],
      ["key", "create"], ["key", "list"], ["key", "revoke"], ["backup"], ["db"], ["db", "status"], ["db", "migrate"], ["db", "copy"],
      ["health"], ["version"], ["delivery"], ["delivery", "list"], ["delivery", "drop"], ["listener"], ["listener", "list"],
      ["listener", "end"], ["webhook"], ["webhook", "pause"], ["webhook", "resume"],
    ]

    @Test("Every command says what it does, with an example")
    func help() async throws {
      try await TestDatabase.withFolder { folder in
        for command in Self.commands {
          let help = try await Command.run(command + ["--help"], in: folder)
          #expect(help.status == 0 && help.errors.isEmpty, "\(command)")
          #expect(help.output.contains("Example: parley"), "\(command)")
          #expect(help.output.contains("USAGE: parley"), "\(command)")
        }
        #expect(Self.files(in: folder).isEmpty)
      }
    }

    @Test("The version is one line, or JSON with version, commit, date of the API and schema")
    func version() async throws {
      try await TestDatabase.withFolder { folder in
        let text = try await Command.run(["version"], in: folder)
        #expect(text.status == 0 && text.output.hasPrefix("parley 0.") && text.output.split(separator: "\n").count == 1)
        let object = try await Command.run(["version", "--json"], in: folder).object()
        #expect(object.members.map(\.name) == ["version", "commit", "apiDate", "schema"])
        #expect(object["version"]?.string.map(text.output.contains) == true)
        #expect(object["apiDate"]?.string?.wholeMatch(of: /\d{4}-\d\d-\d\d/) != nil)
        if case .number(let schema) = object["schema"] { #expect(schema.integer ?? 0 >= 1) } else { Issue.record("no schema number") }
      }
    }

    @Test(
      "Wrong usage ends with 64 and why, and touches nothing",
      arguments: [
        "account create", "account create --name=", "account create --name=x --sid=AC1", "account create --name=x --auth-token=short",
        "account disable AC1", "account rotate-token nobody", "account frobnicate", "key create --account AC1", "key revoke SK1",
        "key list --account AC1", "serve --port many", "serve --frobnicate", "backup", "db copy --from=a --to=b",
        "db copy --from sqlite:a.db",
        "db copy --from sqlite:a.db --to postgres://me:word@127.0.0.1/name",
        "account list --database-url postgres://me:word@127.0.0.1/name", "health --wait=-1", "frobnicate",
        "delivery list --state WAITING", "delivery list --limit 0", "delivery list --limit 100001", "delivery list --account AC1",
        "delivery drop", "delivery drop parley_delivery_1", "delivery drop --conversation conv_1", "listener end", "listener end x",
        "delivery drop parley_delivery_01kdq7q8f1k6j4dbt0xs9wzm3v --url https://a.example", "webhook pause", "webhook resume",
        "webhook pause --account AC1", "webhook pause --account AC00000000000000000000000000000000 --url=",
      ])
    func wrongUsage(_ line: String) async throws {
      try await TestDatabase.withFolder { folder in
        let finished = try await Command.run(line.split(separator: " ").map(String.init), in: folder)
        #expect(finished.status == 64, "\(finished)")
        #expect(finished.output.isEmpty && !finished.errors.isEmpty, "\(finished)")
        #expect(Self.files(in: folder).isEmpty)
      }
    }

    @Test(
      "What can't be done ends with 1 and why",
      arguments: [
        "account disable AC00000000000000000000000000000000", "account rotate-token AC00000000000000000000000000000000",
        "key create --account AC00000000000000000000000000000000", "key revoke SK00000000000000000000000000000000",
        "backup --to copy.db --database-url sqlite:missing.db", "backup --to copy.db --database-url postgres://127.0.0.1:1/name",
        "db status", "db copy --from sqlite:missing.db --to sqlite:copy.db", "db status --database-url postgres://127.0.0.1:1/name",
        "health", "delivery list", "delivery drop parley_delivery_01kdq7q8f1k6j4dbt0xs9wzm3v", "listener list",
        "listener end parley_listener_01kdq7q8f1k6j4dbt0xs9wzm3v", "webhook pause --account AC00000000000000000000000000000000",
      ])
    func failure(_ line: String) async throws {
      try await TestDatabase.withFolder { folder in
        let finished = try await Command.run(line.split(separator: " ").map(String.init), in: folder)
        #expect(finished.status == 1, "\(finished)")
        #expect(finished.output.isEmpty && !finished.errors.isEmpty, "\(finished)")
        #expect(Self.files(in: folder).isEmpty)
      }
    }

    @Test("Accounts and keys are made, listed and ended beside a running server, which knows of it within seconds")
    func besideServer() async throws {
      try await ServerProcess.with { server, folder in
        func isSignedIn(_ credentials: Credentials) async throws -> Bool {
          let status = try await server.send("GET", "/v2/Conversations", as: credentials).status
          #expect([200, 401].contains(status))
          return status == 200
        }
        let made = try await Command.run(["account", "create", "--name", "Harbor", "--json"], in: folder).object()
        let account = Credentials(user: try made.text("accountSid"), password: try made.text("authToken"))
        #expect(try await isSignedIn(account))
        let second = try await Command.run(["account", "create", "--name", "Quay", "--json"], in: folder).object()
        let other = Credentials(user: try second.text("accountSid"), password: try second.text("authToken"))
        #expect(try await isSignedIn(other))
        var keys: [Credentials] = []
        for owner in [account, account, other] {
          let key = try await Command.run(["key", "create", "--account", owner.user, "--name", "ci", "--json"], in: folder).object()
          keys.append(Credentials(user: try key.text("keySid"), password: try key.text("secret")))
        }
        for key in keys { #expect(try await isSignedIn(key)) }

        let accounts = try await Command.run(["account", "list"], in: folder).output.split(separator: "\n")
        #expect(accounts.count == 3 && accounts.contains { $0.hasPrefix("\(account.user)\tHarbor\t") })
        let listed = try await Command.run(["key", "list", "--account", account.user], in: folder).output.split(separator: "\n")
        #expect(listed.count == 2)

        // account.env is the first account's, so another's token leaves it alone.
        let file = folder.appendingPathComponent("account.env")
        let before = try String(contentsOf: file, encoding: .utf8)
        let rotated = try await Command.run(["account", "rotate-token", account.user, "--json"], in: folder).object()
        let anew = Credentials(user: account.user, password: try rotated.text("authToken"))
        #expect(try String(contentsOf: file, encoding: .utf8) == before)
        let revoked = try await Command.run(["key", "revoke", keys[0].user], in: folder)
        #expect(revoked.status == 0 && revoked.output.isEmpty)
        #expect(try await Command.run(["account", "disable", other.user], in: folder).status == 0)
        #expect(try await isSignedIn(anew))
        try await eventually { try await !isSignedIn(account) }
        try await eventually { try await !isSignedIn(keys[0]) }
        #expect(try await isSignedIn(keys[1]))

        try await eventually { try await !isSignedIn(other) }
        try await eventually { try await !isSignedIn(keys[2]) }
        #expect(try await isSignedIn(server.credentials))

        let secrets = [account.password, anew.password, other.password, server.credentials.password] + keys.map(\.password)
        var said = [server.child.errors, server.announcement]
        for command in [["account", "list"], ["account", "list", "--json"], ["key", "list"], ["key", "list", "--json"]] {
          let listing = try await Command.run(command, in: folder)
          #expect(listing.output.contains(account.user))
          said.append(listing.description)
        }
        for secret in secrets { #expect(!said.contains { $0.contains(secret) }) }
      }
    }

    @Test("rotate-token writes the new token into account.env if that is the account's")
    func rotateOwn() async throws {
      try await ServerProcess.with { server, folder in
        let rotated = try await Command.run(["account", "rotate-token", server.credentials.user, "--json"], in: folder).object()
        let file = try AccountEnvironment(folder.appendingPathComponent("account.env"))
        #expect(try file.token == rotated.text("authToken"))
        #expect((file.sid, file.url) == (server.credentials.user, "http://127.0.0.1:\(server.port)"))
        #expect(Self.mode(folder.appendingPathComponent("account.env")) == 0o600)
        let answer = try await server.send("GET", "/v2/Conversations", as: Credentials(user: file.sid, password: file.token))
        #expect(answer.status == 200)
      }
    }

    @Test("rotate-token changes nothing if account.env can't be read, and prints the new token also if account.env can't be written")
    func rotateBeside() async throws {
      try await ServerProcess.with { server, folder in
        let file = folder.appendingPathComponent("account.env")
        let before = try Data(contentsOf: file)
        for wrong in [Data("PARLEY_URL=a\u{1B}b\n".utf8), Data([0xFF, 0x0A]), Data(repeating: 0x61, count: 2 << 20)] {
          try wrong.write(to: file)
          let refused = try await Command.run(["account", "rotate-token", server.credentials.user], in: folder)
          #expect(refused.status == 1 && refused.output.isEmpty && refused.errors.contains("account.env"), "\(refused)")
        }
        // No sign-in with it came before that the server could remember.
        #expect(try await server.send("GET", "/v2/Conversations").status == 200)
        try before.write(to: file)
        // The file's path is as long as a path may be, and a new one beside it would have a longer one.
        let long = ["PARLEY_DATABASE_URL": "sqlite:\(String(repeating: "./", count: 2040))parley.db"]
        let failed = try await Command.run(["account", "rotate-token", server.credentials.user, "--json"], in: folder, long)
        #expect(failed.status == 1 && failed.errors.contains("can't be made: File name too long"), "\(failed.errors)")
        let printed = try JSON.parse(Array(failed.output.utf8)).object?["authToken"]?.string
        let anew = Credentials(user: server.credentials.user, password: try #require(printed))
        #expect(anew.password != server.credentials.password)
        #expect(try await server.send("GET", "/v2/Conversations", as: anew).status == 200)
      }
    }

    @Test("health is 0 once the server is ready, and waits for one that is not yet")
    func health() async throws {
      try await TestDatabase.withFolder { folder in
        async let waiting = Command.run(["health", "--wait", "60"], in: folder)
        let server = try await ServerProcess.start(in: folder)
        let waited = try await waiting
        #expect(waited.status == 0 && waited.output == "ready\n", "\(waited)")
        let asked = try await Command.run(["health", "--port", "\(server.port)"], in: folder)
        #expect(asked.status == 0, "\(asked)")
        #expect(await server.stop() == 0)
        #expect(try await Command.run(["health", "--port", "\(server.port)"], in: folder).status == 1)
      }
    }

    private static func files(in folder: URL) -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter { !$0.hasPrefix("errors-") }
    }

    static func mode(_ file: URL) -> Int? {
      (try? FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? NSNumber)?.intValue
    }
  }
}

extension Finished {
  /// What was printed, as a JSON object.
  func object() throws -> JSON.Object {
    guard status == 0, let object = try JSON.parse(Array(output.utf8)).object else { throw WireFailure("no object: \(self)") }
    return object
  }
}

extension JSON.Object {
  func text(_ name: String) throws -> String {
    guard let text = self[name]?.string else { throw WireFailure("no text called \(name)") }
    return text
  }
}
