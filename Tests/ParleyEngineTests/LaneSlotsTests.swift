import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

@testable import ParleyEngine

/// The places of a loop, and the lanes that changes take for it.
@Suite struct LaneSlotsTests {
  private static let now = TestClock.start
  private static let later = now.adding(.seconds(1))

  private static func slots(_ concurrency: Int, perHost: Int = 10) -> LaneSlots {
    var settings = WebhookSettings.exact
    (settings.concurrency, settings.perHost) = (concurrency, perHost)
    return LaneSlots(settings)
  }

  private static func lane(_ host: String, _ id: String = "a") -> Lane { Lane(account: nil, id: id, host: host, urlHash: "") }

  @Test("As many lanes of a host are taken as it has places, each under a lease of its own, and a place that is given back is free")
  func perHost() throws {
    let slots = Self.slots(100, perHost: 3)
    let taken = (0..<4).map { _ in slots.takeOne(for: Self.lane("a:1"), at: Self.now) }
    #expect(taken.map { $0 != nil } == [true, true, true, false])
    #expect(Set(taken.compactMap(\.?.lease)).count == 3)
    #expect(taken[0]?.until == Self.now.adding(.seconds(20)))
    #expect(slots.takeOne(for: Self.lane("b:1"), at: Self.now) != nil)
    #expect(slots.giveBack("a:1", at: Self.now) == false)
    #expect(slots.takeOne(for: Self.lane("a:1"), at: Self.now) != nil)
    #expect(slots.total == 4)
  }

  @Test("One host takes no more than half of the places that are free, and the last one all the same")
  func half() {
    let slots = Self.slots(4)
    #expect((0..<4).map { _ in slots.takeOne(for: Self.lane("a:1"), at: Self.now) != nil } == [true, true, false, false])
    #expect(slots.takeOne(for: Self.lane("b:1"), at: Self.now) != nil)
    #expect(slots.takeOne(for: Self.lane("c:1"), at: Self.now) != nil)
    #expect(slots.takeOne(for: Self.lane("d:1"), at: Self.now) == nil)
  }

  @Test("A new lane does not push in where others of its host are due")
  func noPushing() {
    let slots = Self.slots(100)
    slots.expect("a:1", at: Self.later)
    #expect(slots.takeOne(for: Self.lane("a:1"), at: Self.now) != nil)
    #expect(slots.takeOne(for: Self.lane("a:1"), at: Self.later) == nil)
    #expect(slots.takeOne(for: Self.lane("b:1"), at: Self.later) != nil)
    slots.setDue("a:1", at: nil, since: slots.mark)
    #expect(slots.takeOne(for: Self.lane("a:1"), at: Self.later) != nil)
  }

  @Test("The installation's own work takes no place from deliveries, nor they from it")
  func inner() {
    let slots = Self.slots(1)
    slots.expect("", at: Self.now)
    #expect(slots.takeDue(at: Self.now).hosts.map(\.limit) == [2])
    slots.giveBack(1, of: "")
    #expect(slots.takeOne(for: Self.lane("a:1"), at: Self.now) != nil)
    #expect((slots.total, slots.outer) == (2, 1))
    slots.expect("", at: Self.now)
    #expect(slots.takeDue(at: Self.now).hosts.map(\.limit) == [1])
  }

  @Test("There is one place for suspects, and none for a while after one was left in the middle")
  func suspects() {
    let slots = Self.slots(3)
    slots.expect(Lane.suspects, at: Self.now)
    #expect(slots.takeDue(at: Self.now).hosts.map(\.limit) == [1])
    #expect(slots.takeDue(at: Self.now).hosts.isEmpty && slots.outer == 1)
    #expect(slots.giveBack(Lane.suspects, at: Self.now))
    slots.holdSuspects(until: .now + .seconds(3600))
    #expect(slots.takeDue(at: Self.now).hosts.isEmpty && slots.untilDue(at: Self.now) == nil)
    slots.holdSuspects(until: .now)
    #expect(slots.takeDue(at: Self.now).hosts.isEmpty)
    #expect(slots.takeOne(for: Self.lane("a:1"), at: Self.now) != nil)
  }

  @Test("Places that are taken for a claim are nobody else's until it is known how many lanes there were")
  func claiming() {
    let slots = Self.slots(4, perHost: 3)
    slots.expect("a:1", at: Self.now)
    let (hosts, lease) = slots.takeDue(at: Self.now)
    #expect(hosts.map(\.host) == ["a:1"] && hosts.map(\.limit) == [2] && !lease.isEmpty)
    #expect((0..<3).map { _ in slots.takeOne(for: Self.lane("b:1"), at: Self.now) != nil } == [true, false, false])
    #expect(slots.takeDue(at: Self.now).hosts.isEmpty)
    slots.giveBack(2, of: "a:1")
    slots.setDue("a:1", at: nil, since: slots.mark)
    #expect(slots.total == 1 && slots.dueHosts(at: Self.now).isEmpty)
    #expect(slots.takeOne(for: Self.lane("a:1"), at: Self.now) != nil)
  }

  @Test("Who has waited longest for a place comes first, and a new lane takes none that others wait for")
  func turns() {
    let slots = Self.slots(1)
    for host in ["a:1", "b:1", "c:1"] { slots.expect(host, at: Self.now) }
    var order: [String] = []
    for _ in 0..<6 {
      let hosts = slots.takeDue(at: Self.later).hosts.map(\.host)
      order += hosts
      #expect(hosts.count == 1)
      _ = slots.giveBack(hosts[0], at: Self.later)
      #expect(slots.takeOne(for: Self.lane("d:1"), at: Self.later) == nil)
    }
    #expect(Set(order.prefix(3)) == ["a:1", "b:1", "c:1"])
    #expect(Array(order.suffix(3)) == Array(order.prefix(3)))
    for host in ["a:1", "b:1", "c:1"] { slots.setDue(host, at: nil, since: slots.mark) }
    #expect(slots.takeOne(for: Self.lane("d:1"), at: Self.later) != nil)
  }

  @Test("What is expected while the database is looked at is not forgotten by what was found")
  func marks() {
    let slots = Self.slots(10)
    slots.expect("a:1", at: Self.later)
    let mark = slots.mark
    slots.expect("b:1", at: Self.now)
    slots.setDue("b:1", at: nil, since: mark)
    slots.setDue("a:1", at: nil, since: mark)
    #expect(slots.dueHosts(at: Self.later) == ["b:1"])
    slots.setDue([("c:1", Self.now)], since: mark)
    #expect(Set(slots.dueHosts(at: Self.later)) == ["b:1", "c:1"])
    slots.setDue([("c:1", Self.later)], since: slots.mark)
    #expect(slots.dueHosts(at: Self.later) == ["c:1"] && slots.dueHosts(at: Self.now).isEmpty)
  }

  @Test("A place is waited for by lanes of its host, and by those of any where all places are taken")
  func waitedFor() {
    let slots = Self.slots(2)
    _ = slots.takeOne(for: Self.lane("a:1"), at: Self.now)
    slots.expect("b:1", at: Self.later)
    #expect(!slots.isWaitedFor("a:1", at: Self.later))
    _ = slots.takeOne(for: Self.lane("c:1"), at: Self.now)
    #expect(!slots.isWaitedFor("a:1", at: Self.now))
    #expect(slots.isWaitedFor("a:1", at: Self.later))
    #expect(slots.takeDue(at: Self.later).hosts.isEmpty)
    #expect(slots.giveBack("a:1", at: Self.later))
    #expect(slots.takeDue(at: Self.later).hosts.map(\.host) == ["b:1"])
  }

  @Test("A change that runs again takes nothing twice")
  func takesOnce() {
    let slots = Self.slots(100)
    let taken = TakenLanes(slots)
    #expect(taken.take(Self.lane("a:1"), at: Self.now)?.lease == taken.take(Self.lane("a:1"), at: Self.later)?.lease)
    #expect(taken.take(Self.lane("a:1", "b"), at: Self.now) != nil)
    #expect((taken.all.count, slots.total) == (2, 2))
    #expect(TakenLanes(nil).take(Self.lane("a:1"), at: Self.now) == nil)
  }

  // MARK: - With a loop

  @Test("A change's lane is leased to the loop that runs; if that is gone, another does it after the lease", arguments: TestDatabase.kinds)
  func leased(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.calling(kind) { test, loop in
        // Of a loop that never works.
        test.engine.slots = LaneSlots(.exact)
        try await test.make(conversations: 1, telling: receiver.url)
        test.engine.slots = nil
        #expect(await test.engine.alarm.sleep(atMost: .zero).lanes.count == 1)
        test.clock.advance(milliseconds: 19999)
        await loop.runUntilIdle()
        #expect(receiver.connections == 0)
        test.clock.advance(milliseconds: 1)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 1)
      }
    }
  }

  @Test("Changes of a conversation that is being told wait for their turn, and every place comes back", arguments: TestDatabase.kinds)
  func busyLane(kind: TestDatabase.Kind) async throws {
    let gate = TestReceiver.Gate()
    try await TestReceiver.with(always: .held(gate), key: { $0.conversation }) { receiver in
      try await TestEngine.calling(kind, .patient) { test, loop in
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { try await loop.run() }
          try await eventually { test.engine.slots != nil }
          try await test.make(conversations: 2, participants: 4, telling: receiver.url)
          try await receiver.requests(count: 2)
          gate.open()
          try await receiver.requests(count: 10)
          #expect(receiver.mostAtOncePerKey.values.allSatisfy { $0 == 1 })
          try await eventually { loop.slots.outer == 0 }
          loop.stop()
          try await group.waitForAll()
          #expect(test.engine.slots == nil && loop.slots.total == 0)
        }
        let states = try await test.deliveries().map { $0.text("state") }
        #expect(states == Array(repeating: "DELIVERED", count: 10))
      }
    }
  }

  @Test("The place of a lane that the change did not make after all comes back")
  func notMade() async throws {
    try await TestEngine.calling { test, loop in
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await loop.run() }
        let lane = try #require(loop.slots.takeOne(for: Self.lane("a:1"), at: test.clock.now))
        test.engine.alarm.ring(hosts: [], lanes: [lane])
        try await eventually { loop.slots.outer == 0 }
        loop.stop()
        try await group.waitForAll()
      }
    }
  }
}
