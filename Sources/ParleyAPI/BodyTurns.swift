import Foundation
import ParleyDomain
import Synchronization

/// Runs the work on large bodies one at a time, beside the threads that answer requests. Accounts take turns, so that one with many bodies
/// holds nobody else up for more than one of them.
final class BodyTurns: Sendable {
  private typealias Work = @Sendable () -> Void

  private struct State {
    /// Accounts that have work waiting, the next one first.
    var accounts: [Account.ID] = []
    var waiting: [Account.ID: [Work]] = [:]

    mutating func add(_ work: @escaping Work, of account: Account.ID) {
      if waiting[account] == nil { accounts.append(account) }
      waiting[account, default: []].append(work)
    }

    mutating func next() -> Work? {
      guard !accounts.isEmpty else { return nil }
      let account = accounts.removeFirst()
      let work = waiting[account]?.removeFirst()
      if waiting[account]?.isEmpty == false { accounts.append(account) } else { waiting[account] = nil }
      return work
    }
  }

  private let state = Mutex(State())
  private let queue: OperationQueue

  init() {
    queue = OperationQueue()
    queue.maxConcurrentOperationCount = 1
  }

  /// Work that has not begun.
  var waitingCount: Int { state.withLock { state in state.waiting.values.reduce(0) { $0 + $1.count } } }

  /// What the work came to, when it was the account's turn.
  func run<Answer: Sendable>(for account: Account.ID, _ work: @escaping @Sendable () throws -> Answer) async throws -> Answer {
    try await withCheckedThrowingContinuation { continuation in
      state.withLock { $0.add({ continuation.resume(with: Result { try work() }) }, of: account) }
      queue.addOperation { self.state.withLock { $0.next() }?() }
    }
  }
}
