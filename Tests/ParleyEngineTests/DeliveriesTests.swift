import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

@testable import ParleyEngine

@Suite struct DeliveriesTests {
  @Test("one that was given up is sent again behind what waits in its lane, under the same token", arguments: TestDatabase.kinds)
  func resend(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let conversation = try await test.conversation(test.configuration(more: Text.callbacks(Text.hook)))
      try await test.add(participant(.customer, "SMS \(Text.a)"), to: conversation)
      try await test.add(participant(.agent, "SMS \(Text.b)"), to: conversation)
      let deliveries = try await test.deliveries().reversed().map { try $0.id(Delivery.self) }
      #expect(deliveries.count == 3)
      try await test.engine.giveUp(Text.hook, atMost: 1, for: test.account)
      let failed = try await test.delivery(deliveries[0])
      #expect((failed.text("state"), failed.text("finishedAt")) == ("FAILED", TestClock.start.precise))
      #expect(failed["attemptCount"] == .number(.init(text: "1")))

      test.clock.advance(seconds: 5)
      _ = await test.engine.alarm.sleep(atMost: .zero)
      let resent = try await Answer(test.engine.deliveries.resend(deliveries[0], for: test.account))
      #expect((resent.text("state"), resent.text("idempotencyToken")) == ("PENDING", failed.text("idempotencyToken")))
      #expect((resent["finishedAt"], resent["attemptCount"]) == (.null, failed["attemptCount"]))
      #expect(await test.engine.alarm.sleep(atMost: .zero).hosts.count == 1)
      #expect(try await test.takeWaiting() == [[deliveries[1], deliveries[2], deliveries[0]].map(\.text)])
    }
  }

  @Test("what waits, what arrived and what is not there can't be sent again", arguments: TestDatabase.kinds)
  func refused(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      _ = try await test.conversation(test.configuration(more: Text.callbacks(Text.hook)))
      let id = try await #require(test.deliveries().first).id(Delivery.self)
      let other = try await test.engine.accounts.create(name: "other").account.id
      let unknown = try #require(Delivery.ID("parley_delivery_00000000000000000000000000"))
      await #expect(throws: ParleyError.refusedByState(.deliveryNotFailed)) {
        try await test.engine.deliveries.resend(id, for: test.account)
      }
      await #expect(throws: ParleyError.notFound(.delivery)) { try await test.engine.deliveries.resend(unknown, for: test.account) }
      await #expect(throws: ParleyError.notFound(.delivery)) { try await test.engine.deliveries.resend(id, for: other) }
      await #expect(throws: ParleyError.notFound(.delivery)) { try await test.engine.deliveries.fetch(id, for: other) }
      try await test.engine.answered(id, 200, state: .delivered, for: test.account)
      await #expect(throws: ParleyError.refusedByState(.deliveryNotFailed)) {
        try await test.engine.deliveries.resend(id, for: test.account)
      }
      #expect(try await test.takeWaiting() == [[id.text]])
    }
  }

  @Test(
    "all that were given up for a URL are sent again, in more than one step, each in the order of its lane", arguments: TestDatabase.kinds)
  func resendFailed(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let conversation = try await test.conversation(test.configuration(more: Text.callbacks(Text.hook, Text.hook)))
      for _ in 1...60 { try await test.add(participant(.agent, []), to: conversation) }
      let all = 2 * 61
      _ = try await test.conversation(test.configuration(more: Text.callbacks(Text.otherHook)))
      #expect(all > Deliveries.resentAtOnceMax)
      #expect(try await test.engine.giveUp(Text.hook, for: test.account) == all)
      #expect(try await test.engine.giveUp(Text.otherHook, for: test.account) == 1)
      let other = try await test.engine.accounts.create(name: "other").account.id
      #expect(try await test.engine.deliveries.resendFailed(Body(#"{"url":"\#(Text.hook)"}"#), for: other) == 0)

      #expect(try await test.engine.deliveries.resendFailed(Body(#"{"url":"\#(Text.hook)"}"#), for: test.account) == all)
      #expect(try await test.engine.deliveries.resendFailed(Body(#"{"url":"\#(Text.hook)"}"#), for: test.account) == 0)
      let waiting = try await test.deliveries(DeliveryFilter(states: [.pending]))
      #expect(waiting.count == all)
      #expect(waiting.allSatisfy { $0.text("url") == Text.hook })
      let lanes = try await test.takeWaiting()
      #expect(lanes.map(\.count) == [61, 61])
      for lane in lanes { #expect(lane == lane.sorted()) }
    }
  }

  @Test("a span of time begins with its first instant and ends before its last", arguments: TestDatabase.kinds)
  func span(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(.profile, more: Text.callbacks(Text.hook))
      var times: [Timestamp] = []
      for _ in 1...4 {
        _ = try await test.conversation(configuration)
        times.append(test.clock.now)
        test.clock.advance(seconds: 10)
      }
      try await test.engine.giveUp(Text.hook, for: test.account)
      let body = #"{"url":"\#(Text.hook)","createdAfter":"\#(times[1].precise)","createdBefore":"\#(times[3].precise)"}"#
      #expect(try await test.engine.deliveries.resendFailed(Body(body), for: test.account) == 2)
      let failed = try await test.deliveries(DeliveryFilter(states: [.failed])).map { $0.text("createdAt") }
      #expect(failed == [times[3].precise, times[0].precise])
    }
  }

  @Test("the span is of the events' times, also where ids are later, as under load", arguments: TestDatabase.kinds)
  func laterIDs(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(.profile, more: Text.callbacks(Text.hook))
      let start = test.clock.now
      test.clock.advance(milliseconds: 5)
      _ = try await test.conversation(configuration)
      // An id is never earlier than the one before.
      test.clock.advance(milliseconds: -5)
      _ = try await test.conversation(configuration)
      try await test.engine.giveUp(Text.hook, for: test.account)
      let middle = start.adding(.milliseconds(3))
      let before = try await test.deliveries(DeliveryFilter(createdBefore: middle)).map { $0.text("createdAt") }
      #expect(before == [start.precise])
      let after = try await test.deliveries(DeliveryFilter(createdAfter: middle)).map { $0.text("createdAt") }
      #expect(after == [start.adding(.milliseconds(5)).precise])
      let body = #"{"url":"\#(Text.hook)","createdBefore":"\#(middle.precise)"}"#
      #expect(try await test.engine.deliveries.resendFailed(Body(body), for: test.account) == 1)
      let sentAgain = try await test.deliveries(DeliveryFilter(states: [.pending])).map { $0.text("createdAt") }
      #expect(sentAgain == [start.precise])
    }
  }

  @Test("the body of such a request is read whole: every problem is said")
  func problems() async throws {
    try await TestEngine.with { test in
      let instant = "must be an RFC 3339 time such as 2026-01-02T03:04:05Z"
      for (body, problems) in [
        ("{}", [Problem(path: "url", message: "is required")]),
        (
          #"{"url":"","createdAfter":"yesterday","createdBefore":7}"#,
          [
            Problem(path: "url", message: "must have 1 to 2048 characters"), Problem(path: "createdAfter", message: instant),
            Problem(path: "createdBefore", message: "must be a string"),
          ]
        ),
      ] {
        await #expect(throws: ParleyError.invalid(problems)) {
          try await test.engine.deliveries.resendFailed(Body(body), for: test.account)
        }
      }
    }
  }
}

extension TestEngine {
  /// The account's deliveries as the list shows them, newest first.
  func deliveries(_ filter: DeliveryFilter = DeliveryFilter()) async throws -> [Answer] {
    try await Answer.list(engine.deliveries.list(filter, PageRequest(size: 1000), for: account))
  }

  func delivery(_ id: Delivery.ID) async throws -> Answer { try await Answer(engine.deliveries.fetch(id, for: account)) }

  /// Takes what waits out of the lanes that may go on, and answers its keys as each lane would send them.
  func takeWaiting() async throws -> [[String]] {
    let now = clock.now
    return try await engine.database.writeSystem { tx in
      try tx.dueTimes().flatMap { host, _ in
        try tx.claim(host: host, upTo: 1000, lease: "test", until: now, at: now).map { leased in
          var keys: [String] = []
          while let job = try tx.heads(of: leased, limit: 1).first {
            keys.append(job.key)
            try tx.remove(job, from: leased.lane)
          }
          return keys
        }
      }.filter { !$0.isEmpty }
    }
  }
}

extension Text {
  static let hook = "https://hooks.example.com/events"
  static let otherHook = "https://hooks.example.org/events"

  /// The member of a configuration's body that tells its events to these URLs, with a comma in front.
  static func callbacks(_ urls: String...) -> String { callbacks(urls) }

  static func callbacks(_ urls: [String]) -> String {
    #","statusCallbacks":[\#(urls.map { #"{"url":"\#($0)"}"# }.joined(separator: ","))]"#
  }
}
