import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyEngine
@testable import ParleyStorage

/// Work that an older version left is done after the migration.
@Suite struct UpgradeTests {
  @Test("What waited, was leased, paused or listened in schema 2 goes on in schema 5", arguments: TestDatabase.kinds)
  func fromSchema2(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.calling(kind) { test, loop in
        let (hook, paused) = (receiver.url, receiver.url(host: "127.0.0.1", path: "/paused"))
        let rules = #""captureRules":[{"from":"*","to":"*","metadata":{"a":"b"}}]"#
        let configuration = try await test.configuration(
          more: #","channelSettings":{"SMS":{\#(rules)}},"statusCallbacks":[{"url":"\#(hook)"},{"url":"\#(paused)"}]"#)
        let listener = try await test.engine.listeners.create(Body(#"{"url":"\#(hook)","expiresInSeconds":3600}"#), for: test.account).id
        let pause = try await test.engine.pauses.create(Body(#"{"url":"\#(paused)"}"#), for: test.account).pause
        _ = try await test.conversation(configuration)
        let shown = try await test.engine.configurations.fetch(configuration, for: test.account).document()
        try await test.rebuild(kind, from: 2, to: 5, of: configuration)

        #expect(try await test.engine.configurations.fetch(configuration, for: test.account).document() == shown)
        _ = try await test.engine.listeners.fetch(listener, for: test.account)
        // The dead process still has its lease, and then its end counts.
        await loop.runUntilIdle()
        #expect(receiver.received.isEmpty)
        test.clock.advance(seconds: 20)
        let claimed = try await test.jobs(claiming: receiver.host)
        #expect(claimed.map(\.ends) == [1, 1])
        test.clock.advance(seconds: 20)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 2)
        _ = try await test.conversation(configuration)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 4)
        try await test.engine.pauses.delete(pause.id, for: test.account)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 6 && Set(receiver.tokens).count == 6)
        let states = try await test.deliveries().map { $0.text("state") }
        #expect(states == Array(repeating: "DELIVERED", count: 6))
      }
    }
  }
}

extension TestEngine {
  /// Takes the database back to an earlier schema, has a process of that time lease all lanes of accounts, and takes the steps to a later one.
  fileprivate func rebuild(_ kind: TestDatabase.Kind, from old: Int64, to new: Int64, of id: Configuration.ID) async throws {
    let steps = Migration.all.filter { $0.number > old && $0.number <= new }
    let texts = steps.map { kind == .postgres ? PostgresSchema.text(of: $0) : $0.text }
    let redo = texts.flatMap { $0.split(separator: ";") }.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
    let undo = redo.reversed().map { text in
      if let match = text.firstMatch(of: /^ALTER TABLE (\w+) ADD COLUMN (\w+)/) { return "ALTER TABLE \(match.1) DROP COLUMN \(match.2)" }
      if let match = text.firstMatch(of: /^CREATE INDEX (\w+)/) { return "DROP INDEX \(match.1)" }
      return "this test can't take it back: \(text)"
    }
    let due = clock.now.adding(.seconds(20))
    try await engine.database.writeSystem { tx in
      guard let settings = try tx.transaction(for: account).configuration(id)?.settings else { return }
      try tx.connection.send("UPDATE configuration_version SET settings = \(try settings.shown()), form = 1 WHERE configuration_id = \(id)")
      for text in undo { try tx.connection.send(SQL(stringLiteral: text)) }
      try tx.connection.send("UPDATE lane SET lease = \("gone/1"), due_at = \(due) WHERE account_id <> ''")
      for text in redo { try tx.connection.send(SQL(stringLiteral: text)) }
    }
  }
}
