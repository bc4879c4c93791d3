import ParleyDomain
import Synchronization

/// Memory for bodies in flight; beyond it requests are told to come again.
///
/// An account may use all of it as long as nobody else asks for any. Where another account finds no room and would have at most half, bodies
/// of the account that has more than half are given up: first the one that has waited longest for its next part. Where that does not help,
/// half becomes the fair share: what each account gets if all that hold or ask get the same.
final class BodyBudget: Sendable {
  private let bytesMax: Int
  private let state = Mutex(State())

  init(bytes: Int) { bytesMax = bytes }

  var bytesInFlight: Int { state.withLock { $0.bytes } }

  /// Throws if so much could not be taken now. Nothing is taken by that: what is only announced may never come.
  func checkRoom(for more: Int, of account: Account.ID) throws(ParleyError) {
    let hasRoom = state.withLock { $0.givingWay(to: more, of: account, within: bytesMax) != nil }
    if !hasRoom { throw Self.full }
  }

  static let full = ParleyError.unavailable(cause: "the memory for bodies in flight is used up")

  private struct State {
    var bytes = 0
    var holdings: [Int: Holding] = [:]
    var byAccount: [Account.ID: Int] = [:]
    private var lastNumber = 0

    /// A number that grows with each call.
    mutating func number() -> Int {
      lastNumber += 1
      return lastNumber
    }

    /// The bodies to give up so that an account can take more; nil if that is not to be had.
    func givingWay(to more: Int, of account: Account.ID, within bytesMax: Int) -> [Int]? {
      guard more <= bytesMax else { return nil }
      let missing = bytes + more - bytesMax
      guard missing > 0 else { return [] }
      let accounts = byAccount.count + (byAccount[account] == nil ? 1 : 0)
      return givingWay(missing, to: more, of: account, share: bytesMax / 2)
        ?? (accounts > 2 ? givingWay(missing, to: more, of: account, share: bytesMax / accounts) : nil)
    }

    /// The bodies to give up if each account keeps at most `share`; nil if that is not enough, or if the account that asks would exceed it.
    private func givingWay(_ missing: Int, to more: Int, of account: Account.ID, share: Int) -> [Int]? {
      guard byAccount[account, default: 0] + more <= share else { return nil }
      var missing = missing
      var surplus = byAccount.compactMapValues { $0 > share ? $0 - share : nil }
      guard !surplus.isEmpty else { return nil }
      var numbers: [Int] = []
      let candidates = holdings.filter { surplus[$0.value.account] != nil && $0.value.giveUp != nil }
      for (number, holding) in candidates.sorted(by: { $0.value.lastPart < $1.value.lastPart }) where missing > 0 {
        guard let left = surplus[holding.account], left > 0 else { continue }
        numbers.append(number)
        missing -= holding.bytes
        surplus[holding.account] = left - holding.bytes
      }
      return missing > 0 ? nil : numbers
    }

    mutating func add(_ more: Int, to number: Int, _ holding: Holding) {
      var holding = holding
      holding.bytes += more
      holding.lastPart = self.number()
      holdings[number] = holding
      bytes += more
      byAccount[holding.account, default: 0] += more
    }

    @discardableResult
    mutating func remove(_ number: Int) -> Holding? {
      guard let holding = holdings.removeValue(forKey: number) else { return nil }
      bytes -= holding.bytes
      let share = byAccount[holding.account, default: 0] - holding.bytes
      byAccount[holding.account] = share > 0 ? share : nil
      return holding
    }
  }

  /// What one body has taken.
  private struct Holding {
    let account: Account.ID
    var bytes = 0
    /// Grows from part to part over all bodies.
    var lastPart = 0
    /// Tells the request that its body was given up; nil once it can't be any more.
    var giveUp: (@Sendable () -> Void)?
  }

  /// What one request takes; it must be given back.
  struct Claim: Sendable {
    private let budget: BodyBudget
    private var number: Int?

    init(of budget: BodyBudget) { self.budget = budget }

    /// Begins to take. `giveUp` is called at most once, when the memory was given to another account.
    mutating func open(for account: Account.ID, giveUp: @escaping @Sendable () -> Void) {
      number = budget.state.withLock { state in
        let number = state.number()
        state.holdings[number] = Holding(account: account, giveUp: giveUp)
        return number
      }
    }

    /// Throws if there is no room, or if the body was given up.
    func take(_ more: Int) throws(ParleyError) {
      guard let number else { return }
      let givenUp = budget.state.withLock { state -> [Holding]? in
        guard let holding = state.holdings[number],
          let numbers = state.givingWay(to: more, of: holding.account, within: budget.bytesMax)
        else { return nil }
        let givenUp = numbers.compactMap { state.remove($0) }
        state.add(more, to: number, holding)
        return givenUp
      }
      guard let givenUp else { throw BodyBudget.full }
      for holding in givenUp { holding.giveUp?() }
    }

    /// From now on the body is not given up for others; throws if it was.
    func settle() throws(ParleyError) {
      guard let number else { return }
      let isHeld = budget.state.withLock { state in
        state.holdings[number]?.giveUp = nil
        return state.holdings[number] != nil
      }
      if !isHeld { throw BodyBudget.full }
    }

    /// Whether its memory was given to another account.
    var isGivenUp: Bool { number.map { number in budget.state.withLock { $0.holdings[number] == nil } } ?? false }

    mutating func giveBack() {
      guard let number else { return }
      _ = budget.state.withLock { $0.remove(number) }
      self.number = nil
    }
  }
}
