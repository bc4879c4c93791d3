import ParleyDomain
import Synchronization

/// What the loop counts, for `/metrics` and `/ready`.
package final class WebhookCounts: Sendable {
  /// What an attempt came to.
  package enum Result: String, CaseIterable, Sendable {
    case delivered, retried
    case givenUp = "given_up"
  }

  /// Upper bounds of the histogram of times from an event to its arrival, in milliseconds.
  package static let bounds = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 15_000, 60_000, 600_000, 3_600_000]

  /// The counts at one instant.
  package struct Snapshot: Sendable {
    package var attempts: [(result: Result, count: Int)] = []
    package var attemptMicroseconds = 0
    /// Cumulative, one more than there are bounds.
    package var deliveryBuckets: [Int] = []
    package var deliveryMilliseconds = 0
    package var waiting = 0
    /// When the oldest of those that wait was made; nil when none waits.
    package var oldest: Timestamp?
    package var inFlight = 0
    /// Deliveries given up because too many waited.
    package var backlogGivenUp = 0
    /// Deliveries set aside because processes ended while they were being sent.
    package var setAside = 0
    /// Whether a loop runs, if there is to be one.
    package var isAlive = true
  }

  private struct State {
    var snapshot = Snapshot()
    var attempts: [Result: Int] = [:]
    var buckets = Array(repeating: 0, count: WebhookCounts.bounds.count + 1)
    /// When the loop last went round; nil when there is none.
    var heartbeat: ContinuousClock.Instant?
  }

  /// A loop that has not gone round for so long is none.
  private static let heartbeatMax = Duration.seconds(30)

  private let state = Mutex(State())

  package init() {}

  package func now(at instant: ContinuousClock.Instant = .now) -> Snapshot {
    state.withLock { state in
      var snapshot = state.snapshot
      snapshot.attempts = Result.allCases.map { ($0, state.attempts[$0, default: 0]) }
      var total = 0
      snapshot.deliveryBuckets = state.buckets.map { count in
        total += count
        return total
      }
      snapshot.isAlive = state.heartbeat.map { instant - $0 < Self.heartbeatMax } ?? true
      return snapshot
    }
  }

  func beat() { state.withLock { $0.heartbeat = .now } }

  func add(_ result: Result, attemptMicroseconds: Int) {
    state.withLock { state in
      state.attempts[result, default: 0] += 1
      state.snapshot.attemptMicroseconds += attemptMicroseconds
    }
  }

  /// Counts an event that arrived so long after it was made.
  func addDelivery(milliseconds: Int) {
    // The clock may have been set back since: a sum that falls would be taken for a restart.
    let milliseconds = max(0, milliseconds)
    state.withLock { state in
      state.buckets[Self.bounds.firstIndex { milliseconds <= $0 } ?? Self.bounds.count] += 1
      state.snapshot.deliveryMilliseconds += milliseconds
    }
  }

  func addSetAside() { state.withLock { $0.snapshot.setAside += 1 } }

  func addBacklogGivenUp(_ count: Int) { state.withLock { $0.snapshot.backlogGivenUp += count } }

  func setInFlight(_ count: Int) { state.withLock { $0.snapshot.inFlight = count } }

  func setWaiting(_ count: Int, oldest: Timestamp?) {
    state.withLock { ($0.snapshot.waiting, $0.snapshot.oldest) = (count, oldest) }
  }
}
