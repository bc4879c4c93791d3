import Foundation
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyEngine
@testable import ParleyStorage

/// Leases, and what becomes of what is in flight.
@Suite struct JobLoopTests {
  @Test("A lane whose worker is gone is done by another when the lease ends", arguments: TestDatabase.kinds)
  func leaseEnds(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.told(receiver.url, kind) { test, loop, id in
        let now = test.clock.now
        let claimed = try await test.engine.database.writeRelaxed { tx in
          try tx.claim(host: "127.0.0.1:\(receiver.port)", upTo: 10, lease: "gone", until: now.adding(.seconds(20)), at: now).count
        }
        #expect(claimed == 1)
        test.clock.advance(milliseconds: 19999)
        await loop.runUntilIdle()
        #expect(receiver.connections == 0)
        test.clock.advance(milliseconds: 1)
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log == .init(state: "DELIVERED", attempts: [.init(status: 200)]))
      }
    }
  }

  @Test("B-HOOK-33: who has lost a lane notes nothing; the event came twice under one token", arguments: TestDatabase.kinds)
  func lostLease(kind: TestDatabase.Kind) async throws {
    let gate = TestReceiver.Gate()
    try await TestReceiver.with(always: .held(gate)) { receiver in
      try await TestEngine.told(receiver.url, kind, .patient) { test, first, id in
        try await test.loop(.patient) { second in
          async let one: Void = first.runUntilIdle()
          try await receiver.requests(count: 1)
          test.clock.advance(seconds: 401)
          async let two: Void = second.runUntilIdle()
          try await receiver.requests(count: 2)
          gate.open()
          _ = await (one, two)
          #expect(receiver.received.count == 2 && Set(receiver.tokens).count == 1)
          let log = try await test.log(id)
          #expect(log == .init(state: "DELIVERED", attempts: [.init(status: 200)]))
        }
      }
    }
  }

  @Test("A loop that is stopped hands back what is in flight, and the lane is free at once", arguments: TestDatabase.kinds)
  func stop(kind: TestDatabase.Kind) async throws {
    var settings = WebhookSettings.exact
    settings.stopTime = .milliseconds(50)
    try await TestReceiver.with({ _, number in number == 1 ? .hang : .status(200) }) { receiver in
      try await TestEngine.told(receiver.url, kind, settings) { test, loop, id in
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { try await loop.run() }
          try await receiver.requests(count: 1)
          loop.stop()
          try await group.waitForAll()
        }
        let log = try await test.log(id)
        #expect(log == .init(state: "PENDING", attempts: []))
        try await test.loop(.exact) { await $0.runUntilIdle() }
        let after = try await test.log(id)
        #expect(after == .init(state: "DELIVERED", attempts: [.init(status: 200)]))
        #expect(receiver.received.count == 2 && Set(receiver.tokens).count == 1)
      }
    }
  }

  @Test("A loop that is stopped lets what is in flight finish, and begins nothing more")
  func finishes() async throws {
    var settings = WebhookSettings.patient
    settings.stopTime = .seconds(60)
    let gate = TestReceiver.Gate()
    try await TestReceiver.with(always: .held(gate)) { receiver in
      try await TestEngine.calling(.sqlite, settings) { test, loop in
        try await test.make(conversations: 1, participants: 2, telling: receiver.url)
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { try await loop.run() }
          try await receiver.requests(count: 1)
          loop.stop()
          gate.open()
          try await group.waitForAll()
        }
        let states = try await test.deliveries().reversed().map { $0.text("state") }
        #expect(states == ["DELIVERED", "PENDING", "PENDING"])
        #expect(receiver.received.count == 1)
      }
    }
  }

  @Test("What came of an attempt is noted as soon as the database can be written again, and the event is not sent twice")
  func notedLater() async throws {
    let gate = TestReceiver.Gate()
    try await TestReceiver.with(always: .held(gate)) { receiver in
      try await TestEngine.told(receiver.url, .sqlite, .patient) { test, loop, id in
        async let ran: Void = loop.runUntilIdle()
        try await receiver.requests(count: 1)
        // Longer than SQLite waits for another that writes.
        let other = try SQLiteConnection(path: test.path)
        try other.execute("BEGIN IMMEDIATE")
        gate.open()
        try await eventually { test.engine.databaseMetrics.failedCommits > 0 }
        try other.execute("ROLLBACK")
        await ran
        let log = try await test.log(id)
        #expect(log == .init(state: "DELIVERED", attempts: [.init(status: 200)]))
        #expect(receiver.received.count == 1)
      }
    }
  }

  @Test("A lane that is due and that another holds is not asked for again and again")
  func heldByAnother() async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.told(receiver.url, .postgres) { test, loop, _ in
        let (held, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        async let holder: Void = test.engine.database.writeSystem { tx in
          try tx.connection.lockedRows("SELECT id FROM lane WHERE host <> ''") { _ in }
          held.signal()
          release.wait()
        }
        await withCheckedContinuation { continuation in
          Thread.detachNewThread {
            held.wait()
            continuation.resume()
          }
        }
        await loop.runUntilIdle()
        #expect(receiver.connections == 0)
        #expect(loop.slots.dueHosts(at: test.clock.now).isEmpty && loop.slots.outer == 0)
        release.signal()
        try await holder
        test.clock.advance(seconds: 1)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 1)
      }
    }
  }

  @Test("A change wakes a loop that sleeps")
  func wakes() async throws {
    var settings = WebhookSettings.exact
    settings.poll = .seconds(600)
    try await TestReceiver.with { receiver in
      try await TestEngine.told(receiver.url, settings) { test, loop, _ in
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { try await loop.run() }
          try await receiver.requests(count: 1)
          try await test.make(conversations: 1, telling: receiver.url)
          try await receiver.requests(count: 2)
          loop.stop()
          try await group.waitForAll()
        }
      }
    }
  }
}
