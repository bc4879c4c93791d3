import Foundation
import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

extension ServerTests {
  /// `parley db`, as people use it.
  @Suite struct DatabaseCommandTests {
    @Test("Status says what is to be done, a dry run shows it, migrate does it once", arguments: TestDatabase.kinds)
    func schema(kind: TestDatabase.Kind) async throws {
      try await Self.withPlace(kind) { url, folder in
        let settings = ["PARLEY_DATABASE_URL": url]
        if kind == .postgres {
          let before = try await Command.run(["db", "status", "--json"], in: folder, settings).object()
          #expect(before["schema"]?.wholeNumber == 0 && before["pending"]?.elements?.count == Int(Schema.number))
          let dry = try await Command.run(["db", "migrate", "--dry-run"], in: folder, settings)
          #expect(dry.status == 0 && dry.output.contains(#"CREATE TABLE participant"#) && dry.output.contains(#"TEXT COLLATE "C""#))
          #expect(try await Command.run(["db", "status", "--json"], in: folder, settings).object()["schema"]?.wholeNumber == 0)
        } else {
          #expect(try await Command.run(["db", "status"], in: folder, settings).status == 1)
        }
        let migrated = try await Command.run(["db", "migrate"], in: folder, settings)
        #expect(migrated.status == 0 && migrated.output == "schema \(Schema.number), steps taken: \(Schema.number)\n", "\(migrated)")
        let again = try await Command.run(["db", "migrate"], in: folder, settings)
        #expect(again.status == 0 && again.output == "schema \(Schema.number), nothing to do\n", "\(again)")
        let after = try await Command.run(["db", "status", "--json"], in: folder, settings).object()
        #expect(after.members.map(\.name) == ["database", "schema", "known", "oldestCompatible", "pending", "sealed"])
        #expect(after["schema"]?.wholeNumber == Schema.number && after["pending"]?.elements?.isEmpty == true)
        #expect(after["sealed"] == .bool(false))
        let text = try await Command.run(["db", "status"], in: folder, settings)
        for line in ["schema: \(Schema.number) of \(Schema.number)", "steps to take: none", "sealed: no"] {
          #expect(text.output.contains(line))
        }
      }
    }

    @Test("With PARLEY_DATABASE_MIGRATE=false a server takes no step, and says what to run", arguments: TestDatabase.kinds)
    func byHand(kind: TestDatabase.Kind) async throws {
      try await Self.withPlace(kind) { url, folder in
        let key = Data((0..<32).map { UInt8($0) }).base64EncodedString()
        let settings = [
          "PARLEY_DATABASE_URL": url, "PARLEY_DATABASE_MIGRATE": "false", "PARLEY_SECRET_KEY": key,
          "PARLEY_ACCOUNT_SID": "AC00000000000000000000000000000001", "PARLEY_AUTH_TOKEN": "correct-horse-battery",
        ]
        let refused = try await Command.run(["serve"], in: folder, settings)
        #expect(refused.status == 1 && refused.errors.contains("parley db migrate"), "\(refused)")
        #expect(try await Command.run(["db", "migrate"], in: folder, settings).status == 0)
        // Whoever listens has started.
        let server = try Child([Command.path, "serve"], in: folder, ServerProcess.settings.merging(settings) { $1 })
        var said = ""
        for await part in server.output {
          said += part
          if said.contains("Parley listens on ") { server.signal(SIGTERM) }
        }
        #expect(await server.end() == 0 && said.contains("Parley listens on "))
      }
    }

    @Test("An installation moves to PostgreSQL and back, and everybody who could sign in still can")
    func copy() async throws {
      try await Self.withPlace(.postgres) { url, folder in
        let server = try await ServerProcess.start(in: folder)
        let conversation = try await server.makeConversation(server.makeConfiguration())
        try await server.expect(201, "POST", "/v2/Conversations/\(conversation)/Participants", Bodies.participant("ann"))
        let participants = try await server.participants(of: conversation)
        let busy = try await Command.run(["db", "copy", "--from", "sqlite:parley.db", "--to", url], in: folder)
        #expect(busy.status == 1 && busy.errors.contains("a server uses"), "\(busy)")
        #expect(await server.stop() == 0)

        let there = try await Command.run(["db", "copy", "--from", "sqlite:parley.db", "--to", url, "--json"], in: folder)
        #expect(there.status == 0 && there.errors.contains("participant…"), "\(there)")
        let back = try await Command.run(["db", "copy", "--from", url, "--to", "sqlite:back/parley.db", "--json"], in: folder)
        #expect(back.status == 0 && back.output == there.output, "\(back)")
        let again = try await Command.run(["db", "copy", "--from", "sqlite:parley.db", "--to", url], in: folder)
        #expect(again.status == 1 && again.errors.contains("not empty"), "\(again)")

        try FileManager.default.copyItem(
          at: folder.appendingPathComponent("account.env"), to: folder.appendingPathComponent("back/account.env"))
        try FileManager.default.copyItem(
          at: folder.appendingPathComponent("secret.key"), to: folder.appendingPathComponent("back/secret.key"))
        let copied = try await ServerProcess.start(in: folder.appendingPathComponent("back"))
        #expect(copied.credentials.password == server.credentials.password)
        #expect(try await copied.participants(of: conversation) == participants)
        #expect(await copied.stop() == 0)
      }
    }

    /// A folder, and the URL of a database that is not there yet or has nothing in it.
    private static func withPlace(_ kind: TestDatabase.Kind, _ test: (_ url: String, _ folder: URL) async throws -> Void) async throws {
      try await TestDatabase.withFolder { folder in
        guard kind == .postgres else { return try await test("sqlite:parley.db", folder) }
        let url = try TestCluster.get().makePlace()
        try await test(url, folder)
        try TestCluster.get().drop(url)
      }
    }
  }
}

extension JSON {
  fileprivate var wholeNumber: Int64? { if case .number(let number) = self { number.integer } else { nil } }
  fileprivate var elements: [JSON]? { if case .array(let elements) = self { elements } else { nil } }
}
