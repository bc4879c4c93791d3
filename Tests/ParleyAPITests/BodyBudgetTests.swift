import Dispatch
import ParleyDomain
import ParleyTesting
import Synchronization
import Testing

@testable import ParleyAPI

@Suite("PARLEY_MAX_BODY_MEMORY: shares of the memory for bodies")
struct BodyBudgetTests {
  private let one = Account.ID(random: Array(repeating: 1, count: 16))
  private let other = Account.ID(random: Array(repeating: 2, count: 16))
  private let third = Account.ID(random: Array(repeating: 3, count: 16))

  /// Claims of one budget, and what they were told.
  private final class Claims: Sendable {
    let budget: BodyBudget
    let givenUp = Mutex<[String]>([])

    init(_ bytes: Int) { budget = BodyBudget(bytes: bytes) }

    func open(_ name: String, of account: Account.ID, taking bytes: Int = 0) throws -> BodyBudget.Claim {
      var claim = BodyBudget.Claim(of: budget)
      claim.open(for: account) { self.givenUp.withLock { $0.append(name) } }
      if bytes > 0 { try claim.take(bytes) }
      return claim
    }

    var told: [String] { givenUp.withLock { $0 } }
  }

  @Test("alone, an account may take all of it and not a byte more; what is given back can be taken again")
  func alone() throws {
    let claims = Claims(100)
    var first = try claims.open("first", of: one, taking: 60)
    let second = try claims.open("second", of: one, taking: 40)
    #expect(throws: BodyBudget.full) { try second.take(1) }
    #expect(throws: BodyBudget.full) { try claims.budget.checkRoom(for: 1, of: one) }
    #expect(claims.budget.bytesInFlight == 100)
    first.giveBack()
    first.giveBack()
    #expect(!first.isGivenUp)
    #expect(claims.budget.bytesInFlight == 40)
    try claims.budget.checkRoom(for: 60, of: one)
    try second.take(60)
    #expect(claims.told.isEmpty)
  }

  @Test("what is only announced takes nothing")
  func announced() throws {
    let claims = Claims(100)
    for account in [one, other] { try claims.budget.checkRoom(for: 100, of: account) }
    _ = try claims.open("open", of: one)
    #expect(claims.budget.bytesInFlight == 0)
    try claims.budget.checkRoom(for: 100, of: other)
    #expect(throws: BodyBudget.full) { try claims.budget.checkRoom(for: 101, of: other) }
  }

  @Test("an account that has more than half gives way to another up to its half, the body first that waited longest; no further")
  func givesWay() throws {
    let claims = Claims(100)
    let stalled = try claims.open("stalled", of: one, taking: 30)
    let moving = try claims.open("moving", of: one, taking: 30)
    let late = try claims.open("late", of: one, taking: 10)
    try stalled.take(20)
    try moving.take(10)
    try claims.budget.checkRoom(for: 50, of: other)
    #expect(claims.told.isEmpty, "nothing is given up for what is only announced")
    let asker = try claims.open("asker", of: other, taking: 1)
    #expect(claims.told == ["late"])
    #expect(claims.budget.bytesInFlight == 91)
    try asker.take(9)
    #expect(claims.told == ["late"], "there was room")
    try asker.take(1)
    #expect(claims.told == ["late", "stalled"])
    #expect(claims.budget.bytesInFlight == 51)
    #expect(late.isGivenUp && stalled.isGivenUp && !moving.isGivenUp && !asker.isGivenUp)
    #expect(throws: BodyBudget.full) { try late.take(1) }
    #expect(throws: BodyBudget.full) { try stalled.settle() }
    try moving.settle()
    // Both have their half at most now: neither gives way to the other.
    try asker.take(39)
    #expect(throws: BodyBudget.full) { try asker.take(11) }
    #expect(claims.told == ["late", "stalled"])
  }

  @Test("two accounts of half each give way to a third one up to its third, the body first that waited longest; no further")
  func fairShare() throws {
    let claims = Claims(100)
    let halves = [one, other].map { account in
      (0..<2).map { try? claims.open("\(account == one ? "one" : "other") \($0)", of: account, taking: 25) }
    }
    #expect(claims.budget.bytesInFlight == 100)
    #expect(throws: BodyBudget.full) { _ = try claims.open("more than a third", of: third, taking: 34) }
    try claims.budget.checkRoom(for: 33, of: third)
    #expect(claims.told.isEmpty)
    let asker = try claims.open("asker", of: third, taking: 1)
    #expect(claims.told == ["one 0"])
    try asker.take(24)
    #expect(claims.told == ["one 0"], "there was room")
    // The first account has a quarter now, which is below the share.
    try asker.take(1)
    #expect(claims.told == ["one 0", "other 0"])
    #expect(claims.budget.bytesInFlight == 76)
    #expect(halves[0][1]?.isGivenUp == false && halves[1][1]?.isGivenUp == false && !asker.isGivenUp)
  }

  @Test("each of several accounts is due its share of all that hold or ask; half of it still comes from one that has more than half")
  func shares() throws {
    let fourth = Account.ID(random: Array(repeating: 4, count: 16))
    let claims = Claims(100)
    for (name, account, bytes) in [("a", one, 34), ("b", other, 33), ("c", third, 33)] {
      _ = try claims.open(name, of: account, taking: bytes)
    }
    #expect(throws: BodyBudget.full) { _ = try claims.open("more than a quarter", of: fourth, taking: 26) }
    _ = try claims.open("a quarter", of: fourth, taking: 25)
    #expect(claims.told == ["a"])
    let large = Claims(100)
    for (name, account, bytes) in [("a", one, 80), ("b", other, 20)] { _ = try large.open(name, of: account, taking: bytes) }
    _ = try large.open("half", of: third, taking: 50)
    #expect(large.told == ["a"])
    // What is worked on is not given up for a share either.
    let whole = Claims(100)
    for (name, account) in [("a", one), ("b", other)] { try whole.open(name, of: account, taking: 50).settle() }
    #expect(throws: BodyBudget.full) { _ = try whole.open("c", of: third, taking: 1) }
    #expect(whole.told.isEmpty)
  }

  @Test("a length that no memory has room for is refused, however large", arguments: [101, Int.max - 99, Int.max - 1, .max])
  func impossible(length: Int) throws {
    let claims = Claims(100)
    let all = try claims.open("all", of: one, taking: 100)
    for account in [one, other] { #expect(throws: BodyBudget.full) { try claims.budget.checkRoom(for: length, of: account) } }
    #expect(throws: BodyBudget.full) { try all.take(length) }
    #expect(claims.told.isEmpty)
  }

  @Test("what is whole and being worked on is not given up, and nothing is where that would not be enough")
  func settled() throws {
    let claims = Claims(100)
    let whole = try claims.open("whole", of: one, taking: 80)
    let coming = try claims.open("coming", of: one, taking: 10)
    try whole.settle()
    #expect(throws: BodyBudget.full) { _ = try claims.open("large", of: other, taking: 21) }
    #expect(claims.told.isEmpty)
    #expect(claims.budget.bytesInFlight == 90)
    _ = try claims.open("fits", of: other, taking: 20)
    #expect(claims.told == ["coming"])
    #expect(throws: BodyBudget.full) { try coming.take(1) }
  }

  @Test("an account gets no more than its half from another")
  func half() throws {
    let claims = Claims(100)
    _ = try claims.open("large", of: one, taking: 100)
    #expect(throws: BodyBudget.full) { _ = try claims.open("more than half", of: other, taking: 51) }
    #expect(claims.told.isEmpty)
    _ = try claims.open("half", of: other, taking: 50)
    #expect(claims.told == ["large"])
  }

  private final class Order: Sendable {
    let names = Mutex<[String]>([])
    let hasBegun = Mutex(false)
  }

  @Test("accounts take turns at large bodies")
  func turns() async throws {
    let turns = BodyTurns()
    let order = Order()
    let gate = DispatchSemaphore(value: 0)
    let work: @Sendable (String, Account.ID) -> Task<Void, any Error> = { name, account in
      Task { try await turns.run(for: account) { order.names.withLock { $0.append(name) } } }
    }
    let first = one
    // Nothing else begins while this one runs.
    var tasks = [
      Task {
        try await turns.run(for: first) {
          order.hasBegun.withLock { $0 = true }
          gate.wait()
        }
      }
    ]
    try await eventually { order.hasBegun.withLock { $0 } }
    for (name, account) in [("a1", one), ("a2", one), ("a3", one), ("b1", other), ("b2", other), ("c1", third)] {
      tasks.append(work(name, account))
      try await eventually { turns.waitingCount == tasks.count - 1 }
    }
    gate.signal()
    for task in tasks { try await task.value }
    #expect(order.names.withLock { $0 } == ["a1", "b1", "c1", "a2", "b2", "a3"])
  }
}
