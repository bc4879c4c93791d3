import Logging
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyEngine
@testable import ParleyStorage

/// What becomes of events that are given up because too many wait for their URL.
@Suite struct BacklogTests {
  @Test("An event that is given up while it is being sent and fails stays given up, and can be sent again", arguments: TestDatabase.kinds)
  func failsMeanwhile(kind: TestDatabase.Kind) async throws {
    try await Self.givenUpMeanwhile(kind, answer: 503) { test, loop, id, receiver in
      let log = try await test.log(id)
      #expect(log == .init(state: "FAILED", attempts: [.init(failure: "backlog")]))
      receiver.become { _, _ in .status(200) }
      _ = try await test.engine.deliveries.resend(id, for: test.account)
      // The lane waits for its retry.
      test.clock.advance(seconds: 1)
      await loop.runUntilIdle()
      let after = try await test.log(id)
      #expect(after == .init(state: "DELIVERED", attempts: [.init(failure: "backlog"), .init(status: 200)]))
    }
  }

  @Test("An event that is given up while it is being sent and arrives has arrived", arguments: TestDatabase.kinds)
  func arrivesMeanwhile(kind: TestDatabase.Kind) async throws {
    try await Self.givenUpMeanwhile(kind, answer: 200) { test, loop, id, receiver in
      let log = try await test.log(id)
      #expect(log == .init(state: "DELIVERED", attempts: [.init(status: 200)]))
      await loop.runUntilIdle()
      #expect(receiver.received.count == 1)
    }
  }

  @Test("No more is given up than is too much, however many look at once", arguments: TestDatabase.kinds)
  func exact(kind: TestDatabase.Kind) async throws {
    var settings = WebhookSettings.exact
    settings.backlog = 5
    try await TestEngine.calling(kind, settings) { test, _ in
      try await test.make(conversations: 4, participants: 9, telling: Text.hook)
      let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<4 {
          let watch = BacklogWatch(engine: test.engine, settings: settings, logger: logger)
          group.addTask { await watch.look() }
        }
      }
      let states = try await test.deliveries().map { $0.text("state") }
      #expect(states.filter { $0 == "PENDING" }.count == 5)
      #expect(states.prefix(5).allSatisfy { $0 == "PENDING" })
    }
  }

  @Test("A lane that did not see that its URL was resumed is woken by one of the next two looks", arguments: TestDatabase.kinds)
  func wakes(kind: TestDatabase.Kind) async throws {
    try await TestEngine.calling(kind) { test, _ in
      try await test.make(conversations: 1, telling: Text.hook)
      let pause = try await test.engine.pauses.create(Body(#"{"url":"\#(Text.hook)"}"#), for: test.account).pause
      try await test.engine.pauses.delete(pause.id, for: test.account)
      let watch = BacklogWatch(engine: test.engine, settings: .exact, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      for isLooked in [true, true, false] {
        // As a lane is that was being made while the URL was resumed.
        try await test.engine.database.writeSystem { try $0.connection.send("UPDATE lane SET paused = 1") }
        await watch.look()
        let isDue = try await test.engine.database.readSystem { try !$0.dueTimes().isEmpty }
        #expect(isDue == isLooked)
      }
    }
  }

  private static func givenUpMeanwhile(
    _ kind: TestDatabase.Kind, answer: Int,
    _ test: @escaping @Sendable (TestEngine, JobLoop, Delivery.ID, TestReceiver) async throws -> Void
  ) async throws {
    let gate = TestReceiver.Gate()
    try await TestReceiver.with(always: .held(gate, then: .status(answer))) { receiver in
      try await TestEngine.told(receiver.url, kind, .patient) { engine, loop, id in
        async let ran: Void = loop.runUntilIdle()
        try await receiver.requests(count: 1)
        #expect(try await engine.engine.giveUp(receiver.url, for: engine.account) == 1)
        gate.open()
        await ran
        try await test(engine, loop, id, receiver)
      }
    }
  }
}
