import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

@testable import ParleyEngine

@Suite struct PausesTests {
  @Test("a pause holds the lanes of its URL that are there and those that come; resumed, they all go on", arguments: TestDatabase.kinds)
  func pause(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(.profile, more: Text.callbacks(Text.hook, Text.otherHook))
      _ = try await test.conversation(configuration)
      let (pause, isNew) = try await test.pause(Text.hook)
      #expect(isNew)
      _ = try await test.conversation(configuration)
      #expect(try await test.deliveries().map { $0["paused"] == .bool($0.text("url") == Text.hook) } == Array(repeating: true, count: 4))
      #expect(try await test.takeWaiting().count == 2)

      _ = await test.engine.alarm.sleep(atMost: .zero)
      try await test.engine.pauses.delete(pause.id, for: test.account)
      #expect(await test.engine.alarm.sleep(atMost: .zero).isForAll)
      #expect(try await test.deliveries().allSatisfy { $0["paused"] == .bool(false) })
      #expect(try await test.takeWaiting().count == 2)
    }
  }

  @Test("a URL that is paused already keeps its pause", arguments: TestDatabase.kinds)
  func again(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let first = try await test.pause(Text.hook)
      test.clock.advance(seconds: 1)
      let again = try await test.pause(Text.hook)
      #expect((again.pause.id, again.pause.createdAt, again.isNew) == (first.pause.id, TestClock.start, false))
      try await test.engine.pauses.delete(first.pause.id, for: test.account)
      #expect(try await test.pause(Text.hook).isNew)
    }
  }

  @Test("of many that pause one URL at once, one makes the pause", arguments: TestDatabase.kinds)
  func race(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let made = try await withThrowingTaskGroup(of: Bool.self) { group in
        for _ in 0..<20 { group.addTask { try await test.pause(Text.hook).isNew } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(made.filter { $0 }.count == 1)
    }
  }

  @Test("a pause is its account's alone", arguments: TestDatabase.kinds)
  func tenancy(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let other = try await test.engine.accounts.create(name: "other").account.id
      let id = try await test.pause(Text.hook, for: other).pause.id
      _ = try await test.conversation(test.configuration(more: Text.callbacks(Text.hook)))
      #expect(try await test.deliveries().map { $0["paused"] } == [.bool(false)])
      await #expect(throws: ParleyError.notFound(.pause)) { try await test.engine.pauses.fetch(id, for: test.account) }
      await #expect(throws: ParleyError.notFound(.pause)) { try await test.engine.pauses.delete(id, for: test.account) }
      #expect(try await test.engine.pauses.list(PageRequest(size: 10), for: test.account).count == 0)
      #expect(try await test.engine.pauses.fetch(id, for: other).url == Text.hook)
    }
  }

  @Test("an account has so many pauses at most", arguments: TestDatabase.kinds)
  func full(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      try await test.fillPauses()
      await #expect(throws: ParleyError.refusedByState(.pausesFull)) { try await test.pause(Text.hook) }
      #expect(try await test.pause("https://hooks.example.com/1").isNew == false)
    }
  }

  @Test(
    "any text can be paused that a callback could once be, and no other",
    arguments: [
      (#""http://localhost:1/a b""#, nil), (#"" ""#, nil), ("\"\(String(repeating: "é", count: 2048))\"", nil),
      ("\"\(String(repeating: "é", count: 2049))\"", "must have 1 to 2048 characters"), (#""""#, "must have 1 to 2048 characters"),
      (#""a\nb""#, "must have no control characters"), ("7", "must be a string"), ("null", "is required"),
    ] as [(String, String?)])
  func texts(_ json: String, _ objection: String?) async throws {
    try await TestEngine.with { test in
      let body = Body(#"{"url":\#(json)}"#)
      guard let objection else {
        let pause = try await test.engine.pauses.create(body, for: test.account).pause
        #expect(try await test.engine.pauses.fetch(pause.id, for: test.account).url == pause.url)
        return
      }
      await #expect(throws: ParleyError.invalid([Problem(path: "url", message: objection)])) {
        try await test.engine.pauses.create(body, for: test.account)
      }
    }
  }
}

extension TestEngine {
  fileprivate func pause(_ url: String, for account: Account.ID? = nil) async throws -> (pause: Pause, isNew: Bool) {
    try await engine.pauses.create(Body(#"{"url":"\#(url)"}"#), for: account ?? self.account)
  }

  /// As many pauses as the account may have, in writes that are soon done.
  fileprivate func fillPauses() async throws {
    let now = clock.now
    let ids = IDGenerator()
    for first in stride(from: 1, through: Pause.pausesMax, by: 50) {
      try await engine.database.write(for: account) { tx in
        for number in first..<min(first + 50, Pause.pausesMax + 1) {
          let url = "https://hooks.example.com/\(number)"
          _ = try tx.insert(Pause(id: ids.next(at: now), url: url, createdAt: now), urlHash: Outbox.urlHash(url))
        }
      }
    }
  }
}
