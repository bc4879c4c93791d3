import Foundation
import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

extension NodeTests {
  /// How nodes come to a database, and which they refuse.
  @Suite struct NodeStartTests {
    private static let tables = "information_schema.tables WHERE table_schema = current_schema()"

    @Test("Three nodes that start at once on an empty database migrate it once and make one account")
    func atOnce() async throws {
      for _ in 0..<4 {
        try await NodeCluster.with { cluster in
          let schema = try cluster.rows("SELECT id, number, key_check IS NOT NULL FROM parley_schema", columns: 3)
          #expect(schema == [["1", "\(Schema.number)", "t"]])
          #expect(try cluster.rows("SELECT id FROM account") == [[NodeCluster.sid]])
          for node in cluster.nodes {
            #expect(node.announcement == "Parley listens on http://127.0.0.1:\(node.port)\n")
            #expect(!node.child.errors.contains("error"), "\(node.child.errors)")
            try await node.expect(200, "GET", "/v2/Conversations")
          }
          for name in ["account.env", "secret.key"] {
            #expect(!FileManager.default.fileExists(atPath: cluster.folder.appendingPathComponent(name).path))
          }
        }
      }
    }

    @Test("A node with another key refuses and says so; one without a key refuses, makes none, and leaves the database as it is")
    func key() async throws {
      try await Self.withPlace { folder, place in
        let file = folder.appendingPathComponent("secret.key").path
        var keyless = NodeCluster.settings(place)
        keyless["PARLEY_SECRET_KEY"] = nil
        let without = try await Self.refused(in: folder, keyless)
        #expect(without.contains("needs the key that all its nodes share") && without.contains("openssl rand -base64 32"), "\(without)")
        let command = try await Command.run(["account", "create", "--name", "x"], in: folder, keyless)
        #expect(command.status == 1)
        #expect(!FileManager.default.fileExists(atPath: file))
        #expect(try NodeCluster.rows("SELECT count(*) FROM \(Self.tables)", on: place) == [["0"]])

        let node = try await ServerProcess.start(in: folder, NodeCluster.settings(place))
        let other = Data(repeating: 9, count: 32).base64EncodedString()
        let wrong = try await Self.refused(in: folder, keyless.merging(["PARLEY_SECRET_KEY": other]) { $1 })
        #expect(wrong.contains("was sealed with another key") && !wrong.contains(other), "\(wrong)")
        let third = try await Self.refused(in: folder, keyless)
        #expect(third.contains("needs the key") && !FileManager.default.fileExists(atPath: file), "\(third)")
        try await node.expect(200, "GET", "/v2/Conversations")
        await node.kill()
      }
    }

    @Test("A node goes on with a newer schema that says that it may, and refuses one that does not; a command refuses both")
    func newerSchema() async throws {
      try await Self.withPlace { folder, place in
        let settings = NodeCluster.settings(place)
        let first = try await ServerProcess.start(in: folder, settings)
        try TestCluster.execute("UPDATE parley_schema SET number = number + 1", on: place)
        // The one that runs is not disturbed by those that come after it.
        try await first.expect(200, "GET", "/ready")
        await first.kill()
        let second = try await ServerProcess.start(in: folder, settings)
        _ = try await second.makeConversation(second.makeConfiguration())
        await second.kill()
        let command = try await Command.run(["account", "list"], in: folder, settings)
        #expect(command.status == 1 && command.errors.contains("needs a newer parley"), "\(command)")

        try TestCluster.execute("UPDATE parley_schema SET oldest_compatible = number", on: place)
        let refused = try await Self.refused(in: folder, settings)
        let reason = "schema \(Schema.number + 1), which needs a newer parley than this one (schema \(Schema.number))"
        #expect(refused.contains(reason), "\(refused)")
      }
    }

    @Test("With PARLEY_DATABASE_MIGRATE=false a node refuses an empty database and takes one that somebody has migrated")
    func withoutMigrating() async throws {
      try await Self.withPlace { folder, place in
        let settings = NodeCluster.settings(place).merging(["PARLEY_DATABASE_MIGRATE": "false"]) { $1 }
        let refused = try await Self.refused(in: folder, settings)
        #expect(refused.contains("has no tables of Parley") && refused.contains("parley db migrate"), "\(refused)")
        #expect(try NodeCluster.rows("SELECT count(*) FROM \(Self.tables)", on: place) == [["0"]])
        let other = try await ServerProcess.start(in: folder, NodeCluster.settings(place))
        let node = try await ServerProcess.start(in: folder, settings)
        try await node.expect(200, "GET", "/v2/Conversations")
        await node.kill()
        await other.kill()
      }
    }

    @Test("Without an account in its settings a node makes none and writes no file; parley account create makes one")
    func noAccount() async throws {
      try await Self.withPlace { folder, place in
        var settings = NodeCluster.settings(place)
        for name in ["PARLEY_ACCOUNT_SID", "PARLEY_AUTH_TOKEN"] { settings[name] = nil }
        let child = try Child([Command.path, "serve"], in: folder, ServerProcess.settings.merging(settings) { $1 })
        var said = ""
        for await part in child.output {
          said += part
          if said.hasSuffix("\n") { break }
        }
        let line = try #require(said.wholeMatch(of: /Parley listens on http:\/\/127\.0\.0\.1:(\d+)\n/), "\(said)\(child.errors)")
        let port = try #require(Int(line.1))
        #expect(try NodeCluster.rows("SELECT count(*) FROM account", on: place) == [["0"]])
        #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("account.env").path))

        let made = try await Command.run(["account", "create", "--name", "Harbor", "--json"], in: folder, settings)
        let fields = try JSON.parse(Array(made.output.utf8)).object
        let credentials = Credentials(
          user: try #require(fields?["accountSid"]?.string), password: try #require(fields?["authToken"]?.string))
        let answer = try await Wire.with(port: port) { wire in
          let headers = [("Host", "127.0.0.1:\(port)"), ("Authorization", credentials.authorization)]
          try await wire.send(WireRequest("GET", "/v2/Conversations", headers: headers).bytes)
          return try await wire.receive()
        }
        #expect(answer.status == 200)
        child.signal(SIGTERM)
        #expect(await child.end() == 0)
      }
    }

    @Test("A password on the command line is refused; a wrong one in the environment ends the start; neither is in any output")
    func password() async throws {
      try await Self.withPlace { folder, place in
        let right = try Guarded.url(place)
        var settings = NodeCluster.settings(right)
        settings["PARLEY_DATABASE_URL"] = nil
        for command in [["serve"], ["account", "list"]] {
          let refused = try await Command.run(command + ["--database-url", right], in: folder, settings)
          #expect(refused.status == 64 && refused.errors.contains("has a password on the command line"), "\(refused)")
          #expect(!"\(refused)".contains(Guarded.password))
        }
        settings["PARLEY_DATABASE_URL"] = try Guarded.url(place, password: "open-barley-4712")
        // The server may not have read its new rules yet.
        try await eventually {
          let wrong = try await Command.run(["account", "list"], in: folder, settings)
          return wrong.status == 1 && wrong.errors.contains("password authentication failed")
        }
        let refused = try await Self.refused(in: folder, settings)
        #expect(refused.contains("postgres://\(Guarded.user)@127.0.0.1") && !refused.contains("barley"), "\(refused)")

        settings["PARLEY_DATABASE_URL"] = right
        let node = try await ServerProcess.start(in: folder, settings)
        try await node.expect(200, "GET", "/v2/Conversations")
        let line = try await Command.shell("ps axww -o args; cat /proc/*/cmdline", in: folder)
        #expect(line.output.contains("parley") && !line.output.contains(Guarded.password))
        #expect(!(node.announcement + node.child.errors).contains(Guarded.password))
        await node.kill()
      }
    }

    private static func withPlace(_ test: (_ folder: URL, _ place: String) async throws -> Void) async throws {
      try await TestDatabase.withFolder { folder in
        let place = try TestCluster.get().makePlace()
        try await test(folder, place)
        try TestCluster.get().drop(place)
      }
    }

    /// What a node says that does not start; its status is 1.
    private static func refused(in folder: URL, _ settings: [String: String]) async throws -> String {
      let refused = await #expect(throws: StartRefused.self) { try await ServerProcess.start(in: folder, settings) }
      #expect(refused?.status == 1)
      return refused?.errors ?? ""
    }
  }
}
