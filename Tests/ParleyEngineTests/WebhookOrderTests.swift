import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

@testable import ParleyEngine

/// The order of a conversation's events, whatever becomes of single ones.
@Suite struct WebhookOrderTests {
  @Test("B-HOOK-34: an event that fails is tried again before the next goes", arguments: TestDatabase.kinds)
  func retriedFirst(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with({ _, number in .status(number <= 2 ? 500 : 200) }) { receiver in
      try await TestEngine.calling(kind) { test, loop in
        try await test.make(conversations: 1, participants: 2, telling: receiver.url)
        let tokens = try await test.tokens()
        for _ in 0..<2 {
          await loop.runUntilIdle()
          test.clock.advance(seconds: 5)
        }
        await loop.runUntilIdle()
        #expect(receiver.tokens == [tokens[0], tokens[0], tokens[0], tokens[1], tokens[2]])
      }
    }
  }

  @Test("B-HOOK-34: one that is given up lets the next go, with retries of its own", arguments: TestDatabase.kinds)
  func givenUp(kind: TestDatabase.Kind) async throws {
    var settings = WebhookSettings.exact
    settings.retries = 1
    try await TestReceiver.with(always: .status(500)) { receiver in
      try await TestEngine.calling(kind, settings) { test, loop in
        try await test.make(conversations: 1, participants: 1, telling: receiver.url)
        let tokens = try await test.tokens()
        for _ in 0..<4 {
          await loop.runUntilIdle()
          test.clock.advance(seconds: 1)
        }
        #expect(receiver.tokens == [tokens[0], tokens[0], tokens[1], tokens[1]])
        let failed = try await test.deliveries(DeliveryFilter(states: [.failed])).count
        #expect(failed == 2)
      }
    }
  }

  @Test("B-HOOK-33, B-HOOK-34: 50 conversations and a receiver that fails at random: each has all its events in order")
  func random() async throws {
    var settings = WebhookSettings.exact
    settings.retries = 60
    try await TestReceiver.with({ _, _ in Bool.random() ? .status(200) : .status(503) }, key: { $0.conversation }) { receiver in
      try await TestEngine.calling(.sqlite, settings) { test, loop in
        try await test.make(conversations: 50, participants: 3, telling: receiver.url)
        let tokens = try await test.tokens()
        var waiting = tokens.count
        var rounds = 0
        while waiting > 0, rounds < 500 {
          await loop.runUntilIdle()
          test.clock.advance(seconds: 3600)
          waiting = try await test.deliveries(DeliveryFilter(states: [.pending])).count
          rounds += 1
        }
        #expect(waiting == 0)
        #expect(receiver.mostAtOncePerKey.values.allSatisfy { $0 == 1 })
        let place = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { ($0.element, $0.offset) })
        for requests in Dictionary(grouping: receiver.received, by: \.conversation).values {
          let places = requests.compactMap { $0["I-Twilio-Idempotency-Token"].flatMap { place[$0] } }
          #expect(places == places.sorted() && Set(places).count == 4)
        }
      }
    }
  }

  @Test("One that is sent again goes behind what waits, under its first token", arguments: TestDatabase.kinds)
  func resent(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with({ _, number in .status(number == 1 ? 404 : number == 2 ? 500 : 200) }) { receiver in
      try await TestEngine.calling(kind) { test, loop in
        try await test.make(conversations: 1, participants: 2, telling: receiver.url)
        let tokens = try await test.tokens()
        await loop.runUntilIdle()
        let id = try await #require(test.deliveries().last).id(Delivery.self)
        _ = try await test.engine.deliveries.resend(id, for: test.account)
        test.clock.advance(seconds: 1)
        await loop.runUntilIdle()
        #expect(receiver.tokens == [tokens[0], tokens[1], tokens[1], tokens[2], tokens[0]])
        let log = try await test.log(id)
        #expect(log == .init(state: "DELIVERED", attempts: [.init(status: 404), .init(status: 200)]))
      }
    }
  }
}

extension TestEngine {
  /// The tokens of all deliveries, oldest first.
  func tokens() async throws -> [String] { try await deliveries().reversed().compactMap { $0.text("idempotencyToken") } }
}

extension TestReceiver {
  /// The tokens of what came, in the order of arrival.
  var tokens: [String] { received.compactMap { $0["I-Twilio-Idempotency-Token"] } }
}
