import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyEngine
@testable import ParleyStorage

/// A clock that is set back, or forward: nothing waits for it, and nothing is sent twice.
@Suite struct ClockStepTests {
  /// Seconds by which the clock is set back: just more than the tolerance, half an hour, an hour, ten days.
  static let steps: [Int64] = [7, 1800, 3600, 864_000]

  @Test("A retry that is due in a second does not wait for the clock to get there again", arguments: TestDatabase.kinds, steps)
  func retry(kind: TestDatabase.Kind, step: Int64) async throws {
    var settings = WebhookSettings.exact
    settings.retries = 60
    try await TestReceiver.with({ _, number in .status(number == 1 ? 500 : 200) }) { receiver in
      try await TestEngine.calling(kind, settings) { test, loop in
        try await test.make(conversations: 1, participants: 1, telling: receiver.url)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 1)
        test.clock.advance(seconds: -step)
        // Found by the loop that put it off, or by another after a restart.
        if step == 3600 {
          try await test.loop(settings) { await $0.runUntilIdle() }
        } else {
          await loop.runUntilIdle()
        }
        let states = try await test.deliveries().map { $0.text("state") }
        #expect(receiver.received.count == 3 && states == ["DELIVERED", "DELIVERED"])
      }
    }
  }

  @Test("Within the tolerance of clocks a lane keeps its time, and waits that much longer", arguments: TestDatabase.kinds)
  func tolerance(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with({ _, number in .status(number == 1 ? 500 : 200) }) { receiver in
      try await TestEngine.told(receiver.url, kind) { test, loop, _ in
        await loop.runUntilIdle()
        test.clock.advance(seconds: -5)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 1)
        test.clock.advance(seconds: 6)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 2)
      }
    }
  }

  @Test("A lane that is due later than any schedule allows is due, even if nobody knows when it was set", arguments: TestDatabase.kinds)
  func bound(kind: TestDatabase.Kind) async throws {
    let longest = WebhookSettings.exact.longestWait
    #expect(longest == .seconds(3605) && WebhookSettings().longestWait == .seconds(4325))
    for (more, count) in [(0, 0), (1, 1)] {
      try await TestReceiver.with { receiver in
        try await TestEngine.told(receiver.url, kind) { test, loop, _ in
          let due = test.clock.now.adding(longest + .milliseconds(more))
          try await test.engine.database.writeSystem { tx in
            try tx.connection.send("UPDATE lane SET due_at = \(due), set_at = 0 WHERE lease = ''")
          }
          await loop.runUntilIdle()
          #expect(receiver.received.count == count)
        }
      }
    }
  }

  @Test("A dead lease ends when a lease would that begins now, and its lane's event is counted", arguments: TestDatabase.kinds, steps)
  func lease(kind: TestDatabase.Kind, step: Int64) async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.told(receiver.url, kind) { test, loop, _ in
        try await test.engine.database.writeRelaxed { [now = test.clock.now] tx in
          _ = try tx.claim(host: receiver.host, upTo: 1, lease: "gone", until: now.adding(.seconds(20)), at: now)
        }
        test.clock.advance(seconds: -step)
        await loop.runUntilIdle()
        test.clock.advance(milliseconds: 19_999)
        await loop.runUntilIdle()
        #expect(receiver.connections == 0)
        test.clock.advance(milliseconds: 1)
        #expect(try await test.jobs(claiming: receiver.host).map(\.ends) == [1])
      }
    }
  }

  @Test(
    "All lanes are brought back, in bounded steps", arguments: TestDatabase.kinds,
    [JobLoop.broughtBackAtOnceMax, JobLoop.broughtBackAtOnceMax + 1])
  func boundedSteps(kind: TestDatabase.Kind, count: Int) async throws {
    try await TestEngine.calling(kind) { test, loop in
      let (account, ahead) = (test.account, test.clock.now.adding(.seconds(3600)))
      try await test.engine.database.writeSystem { tx in
        for number in 0..<count {
          try tx.connection.send(
            """
            INSERT INTO lane (account_id, id, host, url_hash, due_at, set_at, lease, paused)
            VALUES (\(account), \("\(number)"), 'h:1', '', \(ahead), \(ahead), \(number.isMultiple(of: 2) ? "" : "gone/1"), 0)
            """)
        }
      }
      await loop.bringBackLanes()
      let now = test.clock.now
      let lanes = try await test.engine.database.readSystem { tx in
        try tx.connection.all("SELECT lease, due_at, set_at FROM lane") { (lease: $0.text(0), due: $0.timestamp(1), set: $0.timestamp(2)) }
      }
      #expect(lanes.count == count && lanes.allSatisfy { $0.set == now })
      #expect(lanes.allSatisfy { $0.due == ($0.lease.isEmpty ? now : now.adding(.seconds(20))) })
    }
  }

  @Test(
    "What a loop has in hand stays in its hand, whether the clock is set back or forward", arguments: TestDatabase.kinds,
    [-864_000, -3600, 3600, 864_000] as [Int64])
  func inHand(kind: TestDatabase.Kind, step: Int64) async throws {
    let gate = TestReceiver.Gate()
    try await TestReceiver.with(always: .held(gate)) { receiver in
      try await TestEngine.calling(kind, .patient) { test, loop in
        try await test.make(conversations: 1, participants: 1, telling: receiver.url)
        async let ran: Void = loop.runUntilIdle()
        try await receiver.requests(count: 1)
        test.clock.advance(seconds: step)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 1)
        gate.open()
        await ran
        #expect(receiver.received.count == 2 && Set(receiver.tokens).count == 2)
        let states = try await test.deliveries().map { $0.text("state") }
        #expect(states == ["DELIVERED", "DELIVERED"])
      }
    }
  }

  @Test("The installation's own work goes on as well", arguments: TestDatabase.kinds)
  func inner(kind: TestDatabase.Kind) async throws {
    try await TestEngine.calling(kind) { test, loop in
      await loop.runUntilIdle()
      let due1 = try await test.dueOfPurge()
      #expect(due1 == test.clock.now.adding(.seconds(60)))
      test.clock.advance(seconds: -864_000)
      await loop.runUntilIdle()
      let due2 = try await test.dueOfPurge()
      #expect(due2 == test.clock.now.adding(.seconds(60)))
    }
  }

  @Test("A paused lane and a suspect are due as well, once they may go", arguments: TestDatabase.kinds)
  func held(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with({ _, number in .status(number <= 2 ? 500 : 200) }) { receiver in
      try await TestEngine.calling(kind) { test, loop in
        try await test.make(conversations: 2, telling: receiver.url)
        await loop.runUntilIdle()
        let pause = try await test.engine.pauses.create(Body(#"{"url":"\#(receiver.url)"}"#), for: test.account).pause
        test.clock.advance(seconds: -3600)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 2)
        try await test.engine.pauses.delete(pause.id, for: test.account)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 4)
      }
    }
  }

  @Test("A listener that was made or renewed while the clock was ahead has ended, for good", arguments: TestDatabase.kinds, [false, true])
  func listener(kind: TestDatabase.Kind, isRenewed: Bool) async throws {
    try await TestEngine.calling(kind) { test, loop in
      let listeners = test.engine.listeners
      let id = try await listeners.create(Body(#"{"url":"\#(Text.hook)","expiresInSeconds":3600}"#), for: test.account).id
      if isRenewed {
        test.clock.advance(seconds: 3000)
        _ = try await listeners.renew(id, by: Body("{}"), for: test.account)
      }
      test.clock.advance(seconds: -5)
      _ = try await listeners.fetch(id, for: test.account)
      test.clock.advance(milliseconds: -1)
      await #expect(throws: ParleyError.notFound(.listener)) { try await listeners.fetch(id, for: test.account) }
      _ = try await test.conversation(test.configuration())
      let told = try await test.deliveries()
      #expect(told.isEmpty)
      // The purge takes it away, so that it does not come back when the clock gets there again.
      await loop.runUntilIdle()
      test.clock.advance(seconds: 6)
      await #expect(throws: ParleyError.notFound(.listener)) { try await listeners.fetch(id, for: test.account) }
    }
  }

  @Test("An event that arrives before it was made, by the clock, took no time")
  func counts() {
    let counts = WebhookCounts()
    counts.addDelivery(milliseconds: -3_600_000)
    #expect(counts.now().deliveryMilliseconds == 0 && counts.now().deliveryBuckets.first == 1)
  }
}
