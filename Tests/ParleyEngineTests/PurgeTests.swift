import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

@testable import ParleyEngine

/// What is past its time is taken away, in steps, and nothing else.
@Suite struct PurgeTests {
  @Test("Finished deliveries go after the days of the log, in more than one step; what waits stays", arguments: TestDatabase.kinds)
  func deliveries(kind: TestDatabase.Kind) async throws {
    var settings = WebhookSettings.exact
    (settings.logDays, settings.purgeStep) = (2, 3)
    try await TestReceiver.with(always: .status(404)) { receiver in
      try await TestEngine.calling(kind, settings) { test, loop in
        try await test.make(conversations: 10, telling: receiver.url)
        await loop.runUntilIdle()
        _ = try await test.engine.pauses.create(Body(#"{"url":"\#(Text.hook)"}"#), for: test.account)
        try await test.make(conversations: 1, telling: Text.hook)
        test.clock.advance(seconds: 2 * 86400 - 1)
        await loop.runUntilIdle()
        let before = try await test.deliveries().count
        #expect(before == 11)
        // Time of the attempts themselves is by the machine's clock.
        test.clock.advance(seconds: 60)
        await loop.runUntilIdle()
        let left = try await test.deliveries().map { $0.text("url") }
        #expect(left == [Text.hook])
      }
    }
  }

  @Test("Operations go after a day, and ended listeners at once", arguments: TestDatabase.kinds)
  func rest(kind: TestDatabase.Kind) async throws {
    try await TestEngine.calling(kind) { test, loop in
      let operation = try await test.accepted().operationId
      let (engine, account) = (test.engine, test.account)
      _ = try await engine.listeners.create(Body(#"{"url":"\#(Text.hook)","expiresInSeconds":10}"#), for: account)
      test.clock.advance(seconds: 86400 - 1)
      await loop.runUntilIdle()
      _ = try await engine.operations.fetch(operation, for: account)
      test.clock.advance(seconds: 120)
      await loop.runUntilIdle()
      await #expect(throws: ParleyError.notFound(.operation)) { try await engine.operations.fetch(operation, for: account) }
      let now = test.clock.now
      let expired = try await engine.database.read(for: account, .bulk) { tx in
        try tx.expiredRows(deliveriesBefore: now, operationsBefore: now, listenersBefore: now, limit: 10)
      }
      #expect(expired.isEmpty)
    }
  }
}
