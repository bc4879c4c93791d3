import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyEngine
@testable import ParleyStorage

/// B-HOOK-42: events that are under way again and again when processes end. A process is a lease that nobody hands back.
@Suite struct SuspectTests {
  @Test("Two ends make no suspect, three do: it is sent alone, once, and its lane goes on like others", arguments: TestDatabase.kinds)
  func suspect(kind: TestDatabase.Kind) async throws {
    for ends in [2, 3] {
      try await TestReceiver.with { receiver in
        try await TestEngine.calling(kind) { test, loop in
          try await test.make(conversations: 1, participants: 1, telling: receiver.url)
          try await test.endProcesses(ends, holding: receiver.host)
          #expect(try await test.holds() == [0])
          #expect(try await test.ends() == [[ends - 1, 0], [0, 0]])
          // The claim counts the last of them, and does not send the event of three ends.
          let found = try await test.jobs(claiming: receiver.host).first
          #expect(found?.ends == Int64(ends) && found?.isSuspect == (ends == 3))
          test.clock.advance(seconds: 20)
          await loop.runUntilIdle()
          #expect(receiver.received.count == 2 && Set(receiver.tokens).count == 2)
          let states = try await test.deliveries().map { $0.text("state") }
          #expect(states == ["DELIVERED", "DELIVERED"])
          #expect(try await test.holds().isEmpty)
        }
      }
    }
  }

  @Test("Suspects are sent one at a time, and hold up nobody else", arguments: TestDatabase.kinds)
  func oneAtATime(kind: TestDatabase.Kind) async throws {
    let gate = TestReceiver.Gate()
    try await TestReceiver.with(always: .held(gate)) { receiver in
      try await TestEngine.calling(kind, .patient) { test, loop in
        try await test.make(conversations: 3, telling: receiver.url)
        try await test.endProcesses(3, holding: receiver.host)
        try await test.makeSuspects(of: receiver.host)
        #expect(try await test.holds() == [2, 2, 2])
        async let first: Void = loop.runUntilIdle()
        try await receiver.requests(count: 1)
        // One is leased, and there is no place for another; those that are no suspects have theirs.
        #expect(try await test.leased() == 1)
        try await test.make(conversations: 2, telling: receiver.url)
        async let second: Void = loop.runUntilIdle()
        try await receiver.requests(count: 3)
        #expect(try await test.leased() == 3)
        gate.open()
        _ = await (first, second)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 5)
        let states = try await test.deliveries().map { $0.text("state") }
        #expect(states == Array(repeating: "DELIVERED", count: 5))
      }
    }
  }

  @Test(
    "A suspect that was the only one under way at three more ends is set aside, seen everywhere, and sent again by hand; at two it is sent",
    arguments: TestDatabase.kinds)
  func setAside(kind: TestDatabase.Kind) async throws {
    for ends in [2, 3] {
      try await TestReceiver.with { receiver in
        try await TestEngine.calling(kind) { test, loop in
          try await test.make(conversations: 1, participants: 1, telling: receiver.url)
          let ids: [Delivery.ID] = try await test.deliveries().reversed().map { try $0.id() }
          try await test.endProcesses(3, holding: receiver.host)
          try await test.makeSuspects(of: receiver.host)
          try await test.endProcesses(ends, holding: Lane.suspects)
          await loop.runUntilIdle()
          let log = try await test.log(ids[0])
          #expect(test.engine.webhooks.now().setAside == ends - 2)
          guard ends == 3 else { return #expect(log == .init(state: "DELIVERED", attempts: [.init(status: 200)])) }
          #expect(log == .init(state: "FAILED", attempts: [.init(failure: "crashed")]))
          // What stood behind it went on, and it comes back with a clean record.
          #expect(try await test.log(ids[1]).state == "DELIVERED")
          #expect(receiver.received.count == 1)
          _ = try await test.engine.deliveries.resend(ids[0], for: test.account)
          #expect(try await test.ends() == [[0, 0]])
          await loop.runUntilIdle()
          #expect(try await test.log(ids[0]) == .init(state: "DELIVERED", attempts: [.init(failure: "crashed"), .init(status: 200)]))
        }
      }
    }
  }

  @Test("A lane that was handed back counts nothing, however often", arguments: TestDatabase.kinds)
  func handedBack(kind: TestDatabase.Kind) async throws {
    var settings = WebhookSettings.exact
    settings.stopTime = .milliseconds(10)
    try await TestReceiver.with(always: .hang) { receiver in
      try await TestEngine.told(receiver.url, kind, settings) { test, _, _ in
        for number in 1...4 {
          try await test.loop(settings) { loop in
            try await withThrowingTaskGroup(of: Void.self) { group in
              group.addTask { try await loop.run() }
              try await receiver.requests(count: number)
              loop.stop()
              try await group.waitForAll()
            }
          }
        }
        #expect(try await test.ends() == [[0, 0]])
      }
    }
  }

  @Test("A process that lost its lane and lives takes the count back", arguments: TestDatabase.kinds)
  func lives(kind: TestDatabase.Kind) async throws {
    let gate = TestReceiver.Gate()
    try await TestReceiver.with(always: .held(gate)) { receiver in
      try await TestEngine.told(receiver.url, kind, .patient) { test, loop, _ in
        async let ran: Void = loop.runUntilIdle()
        try await receiver.requests(count: 1)
        test.clock.advance(seconds: 401)
        let counted = try await test.jobs(claiming: receiver.host).map(\.ends)
        #expect(counted == [1])
        gate.open()
        await ran
        #expect(try await test.ends() == [[0, 0]])
      }
    }
  }

  @Test("A lane that its own loop left in the middle counts nothing", arguments: TestDatabase.kinds)
  func own(kind: TestDatabase.Kind) async throws {
    try await TestEngine.told(Text.hook, kind) { test, _, _ in
      for number in 1...4 {
        let jobs = try await test.jobs(claiming: "hooks.example.com:443", under: "one/\(number)")
        #expect(jobs.map(\.ends) == [0])
        test.clock.advance(seconds: 20)
      }
    }
  }

  @Test("A lease that a change took counts as well", arguments: TestDatabase.kinds)
  func takenByChange(kind: TestDatabase.Kind) async throws {
    try await TestEngine.calling(kind) { test, _ in
      test.engine.slots = LaneSlots(.exact)
      try await test.make(conversations: 1, telling: Text.hook)
      test.engine.slots = nil
      test.clock.advance(seconds: 20)
      #expect(try await test.jobs(claiming: "hooks.example.com:443").map(\.ends) == [1])
    }
  }

  @Test("The start of the only server makes what a dead one had due at once, and it is counted")
  func takeOver() async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.told(receiver.url, .exact) { test, loop, id in
        _ = try await test.jobs(claiming: receiver.host)
        try await loop.takeOver()
        #expect(try await test.jobs(claiming: receiver.host).map(\.ends) == [1])
        try await loop.takeOver()
        await loop.runUntilIdle()
        #expect(try await test.log(id).state == "DELIVERED")
      }
    }
  }

  @Test("In a lane that was taken over each event is noted before the next is sent, so that the right one is counted")
  func notedOneByOne() async throws {
    let gate = TestReceiver.Gate()
    for isTakenOver in [true, false] {
      gate.shut()
      try await TestReceiver.with({ _, number in number == 2 ? .held(gate) : .status(200) }) { receiver in
        var settings = WebhookSettings.patient
        settings.noteAfter = .seconds(60)
        try await TestEngine.calling(.sqlite, settings) { test, loop in
          try await test.make(conversations: 1, participants: 2, telling: receiver.url)
          if isTakenOver { try await test.endProcesses(1, holding: receiver.host) }
          async let ran: Void = loop.runUntilIdle()
          try await receiver.requests(count: 2)
          let states = try await test.deliveries().reversed().map { $0.text("state") }
          #expect(states == [isTakenOver ? "DELIVERED" : "PENDING", "PENDING", "PENDING"])
          gate.open()
          await ran
          #expect(receiver.received.count == 3)
        }
      }
    }
  }

  @Test("A suspect whose URL is paused waits, and is still one when the URL is resumed", arguments: TestDatabase.kinds)
  func paused(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.calling(kind) { test, loop in
        try await test.make(conversations: 1, telling: receiver.url)
        try await test.endProcesses(3, holding: receiver.host)
        try await test.makeSuspects(of: receiver.host)
        let pause = try await test.engine.pauses.create(Body(#"{"url":"\#(receiver.url)"}"#), for: test.account).pause
        #expect(try await test.holds() == [3])
        await loop.runUntilIdle()
        #expect(receiver.connections == 0)
        try await test.engine.pauses.delete(pause.id, for: test.account)
        #expect(try await test.holds() == [2])
        await loop.runUntilIdle()
        #expect(receiver.received.count == 1)
      }
    }
  }

  @Test("What the installation does for itself is never a suspect")
  func inner() async throws {
    try await TestEngine.calling { test, loop in
      await loop.runUntilIdle()
      test.clock.advance(seconds: 60)
      try await test.endProcesses(8, holding: "")
      #expect(try await test.ends(inner: true) == [[0, 0]])
      await loop.runUntilIdle()
      let due1 = try await test.dueOfPurge()
      #expect(due1 == test.clock.now.adding(.seconds(60)))
    }
  }
}

extension TestReceiver {
  /// Under which its lanes stand.
  var host: String { "127.0.0.1:\(port)" }
}

extension TestEngine {
  /// Has so many processes claim what is due of a host and end, one after the other, each after the lease of the one before.
  func endProcesses(_ count: Int, holding host: String) async throws {
    for _ in 0..<count {
      let claimed = try await claim(host)
      #expect(!claimed.isEmpty)
      clock.advance(seconds: 20)
    }
  }

  /// Has a process claim what is due of a host, and set it apart if its first job is a suspect.
  func makeSuspects(of host: String) async throws {
    let now = clock.now
    for leased in try await claim(host) {
      try await engine.database.writeRelaxed { tx in
        let head = try #require(try tx.heads(of: leased, limit: 1).first)
        try tx.release(leased, due: now, isSuspect: head.isSuspect, at: now)
      }
    }
  }

  func claim(_ host: String, under lease: String = "\(Delivery.newToken())/1") async throws -> [LeasedLane] {
    let now = clock.now
    return try await engine.database.writeRelaxed { tx in
      try tx.claim(host: host, upTo: 10, lease: lease, until: now.adding(.seconds(20)), at: now)
    }
  }

  /// The first jobs of the lanes that a process claims.
  func jobs(claiming host: String, under lease: String = "\(Delivery.newToken())/1") async throws -> [Job] {
    let lanes = try await claim(host, under: lease)
    return try await engine.database.readSystem { tx in try lanes.flatMap { try tx.heads(of: $0, limit: 1) } }
  }

  /// The counts of all jobs of accounts, in their order.
  func ends(inner: Bool = false) async throws -> [[Int]] {
    try await engine.database.readSystem { tx in
      try tx.connection.all("SELECT ends, ends_alone, account_id FROM job ORDER BY lane_id, position") { row in
        row.text(2).isEmpty == inner ? [Int(row.integer(0)), Int(row.integer(1))] : []
      }.filter { !$0.isEmpty }
    }
  }

  /// Why the accounts' lanes are held back, a number each.
  func holds() async throws -> [Int64] {
    try await engine.database.readSystem { tx in try tx.connection.all("SELECT paused FROM lane WHERE account_id <> ''") { $0.integer(0) } }
  }

  /// How many lanes of accounts have a lease.
  func leased() async throws -> Int64? {
    try await engine.database.readSystem { tx in
      try tx.connection.one("SELECT COUNT(*) FROM lane WHERE account_id <> '' AND lease <> ''") { $0.integer(0) }
    }
  }

  func dueOfPurge() async throws -> Timestamp? { try await engine.database.readSystem { try $0.nextDue(host: "") } }
}
