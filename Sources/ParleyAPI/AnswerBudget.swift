import ParleyDomain
import Synchronization

/// Memory for answers that clients have not taken yet. One account has at most half of it; beyond, its requests are told to come again.
///
/// An account without an answer in flight always gets one, whatever its size. So no setting is too small for a page, and no account waits
/// for another.
final class AnswerBudget: Sendable {
  /// Answers up to this size are not counted.
  static let quickBytesMax = 4 << 10
  /// Room for a page (B-PAGE-11) that must be left before one is read.
  private static let pageBytes = 8 << 20

  private let bytesMax: Int
  /// Bytes of those who have answers in flight; nil is for callers who need no sign-in.
  private let holders = Mutex<[Account.ID?: Int]>([:])
  private let taken = Atomic<Int>(0)

  init(bytes: Int) { bytesMax = bytes }

  var bytesInFlight: Int { taken.load(ordering: .relaxed) }

  /// Throws if the account has too much in flight for another request; before a page is read, also if there is no room for one.
  func checkRoom(for account: Account.ID, givesPage: Bool) throws(ParleyError) {
    // Nearly always nothing is in flight.
    guard bytesInFlight > 0 else { return }
    let room = givesPage ? min(Self.pageBytes, bytesMax / 4) : 0
    let isFull = holders.withLock { holders in
      guard let held = holders[account] else { return false }
      return held + room > bytesMax / 2 || (givesPage && bytesInFlight + room > bytesMax)
    }
    if isFull { throw Self.full }
  }

  /// Counts an answer of so many bytes; nil for one too small to count. Throws if there is no room, unless it `mustBeSaid`: what has been
  /// changed is answered.
  func take(_ bytes: Int, for account: Account.ID?, mustBeSaid: Bool) throws(ParleyError) -> Claim? {
    guard bytes > Self.quickBytesMax else { return nil }
    let isTaken = holders.withLock { holders in
      let held = holders[account] ?? 0
      guard held == 0 || mustBeSaid || (held + bytes <= bytesMax / 2 && bytesInFlight + bytes <= bytesMax) else { return false }
      holders[account] = held + bytes
      taken.add(bytes, ordering: .relaxed)
      return true
    }
    guard isTaken else { throw Self.full }
    return Claim(budget: self, account: account, bytes: bytes)
  }

  private static let full = ParleyError.unavailable(cause: "the memory for answers in flight is used up")

  /// What one answer has taken; it must be given back, once.
  struct Claim: Sendable {
    fileprivate let budget: AnswerBudget
    fileprivate let account: Account.ID?
    fileprivate let bytes: Int

    func giveBack() {
      budget.holders.withLock { holders in
        let held = (holders[account] ?? 0) - bytes
        holders[account] = held > 0 ? held : nil
        budget.taken.subtract(bytes, ordering: .relaxed)
      }
    }
  }
}
