import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

@Suite struct ListenersTests {
  @Test(
    "B-HOOK-6: a listener hears of every conversation of its account until it ends, and of none after that", arguments: TestDatabase.kinds)
  func hears(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let other = try await test.engine.accounts.create(name: "other").account.id
      let configuration = try await test.configuration(.profile)
      _ = try await test.conversation(configuration)
      #expect(try await test.deliveries().isEmpty)

      let listener = try await test.listen(Text.hook, seconds: 10)
      #expect((listener.createdAt, listener.expiresAt) == (TestClock.start, TestClock.start.adding(.seconds(10))))
      _ = try await test.conversation(configuration)
      try await test.create(test.configuration(.profile, for: other), for: other)
      test.clock.advance(milliseconds: 9999)
      _ = try await test.conversation(configuration)
      test.clock.advance(milliseconds: 1)
      _ = try await test.conversation(configuration)
      #expect(try await test.deliveries().map { $0.text("url") } == [Text.hook, Text.hook])
      #expect(try await test.deliveries().allSatisfy { $0.text("method") == "POST" })
    }
  }

  @Test("one that has ended, was deleted, never was or is another account's is not found", arguments: TestDatabase.kinds)
  func notFound(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let other = try await test.engine.accounts.create(name: "other").account.id
      let unknown = try #require(Listener.ID("parley_listener_00000000000000000000000000"))
      let (ended, deleted) = (try await test.listen(Text.hook, seconds: 10), try await test.listen(Text.hook))
      let theirs = try await test.listen(Text.hook, for: other)
      try await test.engine.listeners.delete(deleted.id, for: test.account)
      test.clock.advance(seconds: 10)
      for id in [ended.id, deleted.id, theirs.id, unknown] {
        await #expect(throws: ParleyError.notFound(.listener)) { try await test.engine.listeners.fetch(id, for: test.account) }
        await #expect(throws: ParleyError.notFound(.listener)) {
          try await test.engine.listeners.renew(id, by: Body("{}"), for: test.account)
        }
        // B-ERR-8: said before what is wrong with the body.
        await #expect(throws: ParleyError.notFound(.listener)) {
          try await test.engine.listeners.renew(id, by: Body("["), for: test.account)
        }
        await #expect(throws: ParleyError.notFound(.listener)) { try await test.engine.listeners.delete(id, for: test.account) }
      }
      #expect(try await test.engine.listeners.list(PageRequest(size: 10), for: test.account).count == 0)
      #expect(try await test.engine.listeners.fetch(theirs.id, for: other).id == theirs.id)
    }
  }

  @Test("renewed, it lives for so long from then on, be that longer or shorter", arguments: TestDatabase.kinds)
  func renew(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let id = try await test.listen(Text.hook, seconds: 100).id
      test.clock.advance(seconds: 99)
      for (body, seconds) in [("{}", 60), (#"{"expiresInSeconds":3600}"#, 3600), (#"{"expiresInSeconds":10}"#, 10)] as [(String, Int64)] {
        let renewed = try await test.engine.listeners.renew(id, by: Body(body), for: test.account)
        #expect(renewed.expiresAt == test.clock.now.adding(.seconds(seconds)))
        #expect((renewed.url, renewed.createdAt) == (Text.hook, TestClock.start))
      }
    }
  }

  @Test("an account has so many live ones at most; one that ends makes room", arguments: TestDatabase.kinds)
  func full(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let other = try await test.engine.accounts.create(name: "other").account.id
      _ = try await test.listen(Text.hook, seconds: 10)
      for _ in 1..<Listener.liveMax { _ = try await test.listen(Text.hook) }
      await #expect(throws: ParleyError.refusedByState(.listenersFull)) { try await test.listen(Text.hook) }
      _ = try await test.listen(Text.hook, for: other)
      test.clock.advance(seconds: 10)
      _ = try await test.listen(Text.hook)
      await #expect(throws: ParleyError.refusedByState(.listenersFull)) { try await test.listen(Text.hook) }
    }
  }

  @Test("of many that are made at once, no more than the limit are there", arguments: TestDatabase.kinds)
  func race(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let made = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<(Listener.liveMax + 10) { group.addTask { (try? await test.listen(Text.hook)) != nil } }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(made == Listener.liveMax)
      let listed = try await test.engine.listeners.list(PageRequest(size: 100), for: test.account)
      #expect(listed.count == Listener.liveMax)
    }
  }

  @Test(
    "what a listener's body can be refused for",
    arguments: [
      ("{}", "url", "is required"), (#"{"url":"http://hooks.example.com"}"#, "url", "must be an https URL"),
      (#"{"url":"https://hooks.example.com/?a&bodySHA256=1"}"#, "url", "must not have bodySHA256 in its query"),
      (#"{"url":"https://hooks.example.com","expiresInSeconds":9}"#, "expiresInSeconds", "must be a whole number from 10 to 3600"),
      (#"{"url":"https://hooks.example.com","expiresInSeconds":3601}"#, "expiresInSeconds", "must be a whole number from 10 to 3600"),
      (#"{"url":"https://hooks.example.com","expiresInSeconds":"60"}"#, "expiresInSeconds", "must be a whole number from 10 to 3600"),
    ])
  func refused(_ body: String, _ path: String, _ message: String) async throws {
    try await TestEngine.with { test in
      await #expect(throws: ParleyError.invalid([Problem(path: path, message: message)])) {
        try await test.engine.listeners.create(Body(body), for: test.account)
      }
    }
  }
}

extension TestEngine {
  fileprivate func listen(_ url: String, seconds: Int64? = nil, for account: Account.ID? = nil) async throws -> Listener {
    let more = seconds.map { #","expiresInSeconds":\#($0)"# } ?? ""
    return try await engine.listeners.create(Body(#"{"url":"\#(url)"\#(more)}"#), for: account ?? self.account)
  }
}
