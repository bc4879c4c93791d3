import Foundation
import ParleyDomain
import ParleyTesting
import Testing

extension ServerTests {
  /// Which commands make a database, and where secrets come from.
  @Suite struct CreateTests {
    private static let nobody = "AC00000000000000000000000000000000"
    private static let commands = [
      "account create --name x", "account list", "account rotate-token \(nobody)", "account disable \(nobody)", "key list",
      "key create --account \(nobody)", "key revoke SK00000000000000000000000000000000", "backup --to copies/copy.db", "db status",
      "listen", "health",
    ]

    @Test("In a wrong folder every command refuses, says so, and leaves nothing behind", arguments: commands)
    func wrongFolder(line: String) async throws {
      try await TestDatabase.withFolder { folder in
        for place in ["sqlite:parley.db", "sqlite:new/data/parley.db"] {
          let refused = try await Command.run(
            line.split(separator: " ").map(String.init), in: folder, ["PARLEY_DATABASE_URL": place, "PARLEY_SECRET_KEY_FILE": "new/key"])
          #expect(refused.status == 1 && refused.output.isEmpty, "\(refused)")
          #expect(Self.files(in: folder).isEmpty)
          if line.hasPrefix("account create") {
            let path = "\(place.dropFirst("sqlite:".count)) in \(folder.resolvingSymlinksInPath().path)"
            #expect(refused.errors.contains("there is no database at \(path)") && refused.errors.contains("--create"), "\(refused)")
          } else {
            #expect(!refused.errors.contains("--create"), "\(refused)")
          }
        }
      }
    }

    @Test("An empty file is left empty; with --create it becomes a database, and a server serves the account")
    func emptyFile() async throws {
      try await TestDatabase.withFolder { folder in
        let file = folder.appendingPathComponent("parley.db")
        try Data().write(to: file)
        for line in Self.commands where !["db status", "health"].contains(line) {
          let refused = try await Command.run(line.split(separator: " ").map(String.init), in: folder)
          #expect(refused.status == 1, "\(line): \(refused)")
          #expect(try Self.files(in: folder) == ["parley.db"] && Data(contentsOf: file).isEmpty, "\(line)")
        }
        let made = try await Command.run(["account", "create", "--name", "x", "--create", "--json"], in: folder).object()
        let account = ["PARLEY_ACCOUNT_SID": try made.text("accountSid"), "PARLEY_AUTH_TOKEN": try made.text("authToken")]
        let server = try await ServerProcess.start(in: folder, account)
        try await server.expect(200, "GET", "/v2/Conversations")
        // Where there is a database, the option changes nothing.
        for options in [[], ["--create"]] {
          #expect(try await Command.run(["account", "create", "--name", "y"] + options, in: folder).status == 0)
        }
        #expect(await server.stop() == 0)
      }
    }

    @Test("An empty PostgreSQL database stays empty without --create, and gets its tables with it")
    func emptyServer() async throws {
      try await TestDatabase.withFolder { folder in
        let place = try TestCluster.get().makePlace()
        let settings = ["PARLEY_DATABASE_URL": place, "PARLEY_SECRET_KEY": Data(repeating: 7, count: 32).base64EncodedString()]
        for line in Self.commands where !["backup", "listen", "health", "db"].contains(line.split(separator: " ")[0]) {
          let refused = try await Command.run(line.split(separator: " ").map(String.init), in: folder, settings)
          #expect(refused.status == 1 && refused.errors.contains("no tables of Parley"), "\(refused)")
          #expect(refused.errors.contains("--create") == line.hasPrefix("account create"), "\(refused)")
          let status = try await Command.run(["db", "status"], in: folder, settings)
          #expect(status.output.contains("schema: 0 "), "\(status)")
        }
        let made = try await Command.run(["account", "create", "--name", "x", "--create"], in: folder, settings)
        #expect(made.status == 0, "\(made)")
        #expect(Self.files(in: folder).isEmpty)
        try TestCluster.get().drop(place)
      }
    }

    // MARK: - Secrets

    @Test(
      "A secret on a command line is refused with what to use instead, and is in no output",
      arguments: [
        ("account create --name x --create --auth-token correct-horse-battery", "--auth-token-stdin"),
        ("account create --name x --create --auth-token=correct-horse-battery", "PARLEY_AUTH_TOKEN"),
        ("account create --auth-token correct-horse-battery --name x --sid AC1", "PARLEY_AUTH_TOKEN"),
        ("account create --name x --auth-token short", "PARLEY_AUTH_TOKEN"),
        ("listen --forward-to http://me:correct-horse-battery@127.0.0.1:9/", "--forward-to-stdin"),
        ("listen --forward-to http://correct-horse-battery@127.0.0.1:9/", "--forward-to-stdin"),
        ("db status --database-url postgres://me:correct-horse-battery@127.0.0.1/x", "password"),
        ("db status --database-url postgres://127.0.0.1/x?password=correct-horse-battery", "password"),
        ("db copy --to sqlite:a.db --from postgres://me:correct-horse-battery@127.0.0.1/x", "PGPASSWORD"),
        ("db copy --from sqlite:a.db --to postgres://127.0.0.1/x?sslpassword=correct-horse-battery", "PGPASSWORD"),
      ])
    func shownSecrets(line: String, remedy: String) async throws {
      try await TestDatabase.withFolder { folder in
        let refused = try await Command.run(line.split(separator: " ").map(String.init), in: folder)
        #expect(refused.status == 64 && refused.errors.contains(remedy), "\(refused)")
        #expect(!refused.description.contains("correct-horse"), "\(refused)")
        #expect(Self.files(in: folder).isEmpty)
      }
    }

    @Test("The token of a new account comes from the environment or standard input, with any line end")
    func givenToken() async throws {
      try await TestDatabase.withFolder { folder in
        let create = "'\(Command.path)' account create --create --name x"
        let sids = (1...7).map { "AC0000000000000000000000000000000\($0)" }
        for (line, environment, token) in [
          ("\(create) --sid \(sids[0])", ["PARLEY_AUTH_TOKEN": "correct-horse-battery"], "correct-horse-battery"),
          ("printf 'token-by-a-pipe!\\n' | \(create) --sid \(sids[1]) --auth-token-stdin", [:], "token-by-a-pipe!"),
          ("printf 'token-by-a-pipe!\\r\\nmore' | \(create) --sid \(sids[2]) --auth-token-stdin", [:], "token-by-a-pipe!"),
          (
            "printf 'token-by-a-pipe!' | \(create) --sid \(sids[3]) --auth-token-stdin", ["PARLEY_AUTH_TOKEN": "another-token-of-mine"],
            "token-by-a-pipe!"
          ),
          (
            "\(create) --sid \(sids[4])", ["PARLEY_AUTH_TOKEN": "correct-horse-battery\n", "PARLEY_ACCOUNT_SID": sids[4]],
            "correct-horse-battery"
          ),
          // Nobody ends this input, as nobody does at a terminal.
          (
            "mkfifo held && exec 3<>held && printf 'token-by-a-pipe!\\n\\033' >&3 && \(create) --sid \(sids[6]) --auth-token-stdin <&3",
            [:],
            "token-by-a-pipe!"
          ),
        ] {
          let made = try await Command.shell(line, in: folder, ServerProcess.settings.merging(environment) { $1 })
          #expect(made.status == 0 && made.output.hasSuffix("\nauthToken: \(token)\n"), "\(line)\n\(made)")
        }
        // What the servers' own account has is not for another.
        let servers = ["PARLEY_ACCOUNT_SID": sids[4], "PARLEY_AUTH_TOKEN": "correct-horse-battery"]
        for options in [[], ["--sid", sids[5]]] {
          let made = try await Command.run(["account", "create", "--name", "y"] + options, in: folder, servers)
          #expect(made.status == 0 && made.output.hasPrefix("accountSid: AC") && !made.output.contains("correct-horse"), "\(made)")
        }
        let again = try await Command.run(["account", "create", "--name", "x", "--sid", sids[4]], in: folder, servers)
        #expect(again.status == 1 && again.errors.contains(sids[4]) && !again.errors.contains("correct-horse"), "\(again)")
      }
    }

    @Test(
      "A token that may not be one is refused before anything is made, and not shown",
      arguments: ["", "too-short", "with a space in it", "nul\\000in-the-middle", "esc\\033in-the-middle"])
    func wrongToken(text: String) async throws {
      try await TestDatabase.withFolder { folder in
        let line = "printf '\(text)' | '\(Command.path)' account create --name x --create --auth-token-stdin"
        let refused = try await Command.shell(line, in: folder, ServerProcess.settings)
        #expect([1, 64].contains(refused.status) && refused.errors.contains("standard input"), "\(refused)")
        #expect(text.isEmpty || !refused.errors.contains(text.prefix(8)))
        #expect(Self.files(in: folder).isEmpty)
      }
    }

    @Test("Names that would be obeyed by a terminal are shown in lists as escapes, and in JSON as the same text")
    func listedNames() async throws {
      try await TestDatabase.withFolder { folder in
        let name = "a\u{202E}b\u{2028}c"
        let made = try await Command.run(["account", "create", "--create", "--name", name, "--json"], in: folder).object()
        let sid = try made.text("accountSid")
        #expect(try await Command.run(["key", "create", "--account", sid, "--name", name], in: folder).status == 0)
        for command in [["account", "list"], ["key", "list"]] {
          let text = try await Command.run(command, in: folder)
          #expect(text.output.contains(#"a\u202eb\u2028c"#) && !text.output.contains("\u{202E}"), "\(text)")
          let json = try await Command.run(command + ["--json"], in: folder).output
          guard case .array(let records) = try JSON.parse(Array(json.utf8)) else { throw WireFailure("no list") }
          #expect(records.first?.object?["name"]?.string?.isSame(as: name) == true && !json.contains("\u{202E}"))
        }
        let wrong = try await Command.run(["key", "revoke", "SK\u{1B}[2J"], in: folder)
        #expect(wrong.status == 64 && wrong.errors.contains(#"SK\u001b[2J"#) && !wrong.errors.contains("\u{1B}"), "\(wrong)")
      }
    }

    private static func files(in folder: URL) -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter { !$0.hasPrefix("errors-") }.sorted()
    }
  }
}
