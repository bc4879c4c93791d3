import NIOCore
import NIOPosix
import ParleyDomain
import Synchronization

/// Wakes the loop: when a commit left something to do, when a place came free, when it is told to stop. What is rung while it does not
/// sleep is kept for the next time.
package final class Alarm: Sendable {
  /// What was rung for.
  struct Rung: Sendable {
    var hosts: Set<String> = []
    /// Whether every host is to be looked at.
    var isForAll = false
  }

  private struct State {
    var rung = Rung()
    var hasRung = false
    /// Who sleeps, and which of the times it is.
    var sleeper: (continuation: CheckedContinuation<Void, Never>, number: Int)?
    var sleeps = 0
  }

  private let state = Mutex(State())

  package init() {}

  /// Says that lanes of these hosts have become due; nil for any.
  package func ring(hosts: Set<String>?) {
    let sleeper = state.withLock { state in
      state.hasRung = true
      if let hosts { state.rung.hosts.formUnion(hosts) } else { state.rung.isForAll = true }
      defer { state.sleeper = nil }
      return state.sleeper
    }
    sleeper?.continuation.resume()
  }

  /// Sleeps until it rings, or for so long; answers what was rung for since the last time. One sleeps at a time.
  func sleep(atMost duration: Duration) async -> Rung {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let number: Int? = state.withLock { state in
        guard !state.hasRung else { return nil }
        state.sleeps += 1
        state.sleeper = (continuation, state.sleeps)
        return state.sleeps
      }
      guard let number else { return continuation.resume() }
      MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: .microseconds(Int64(duration.microsecondsRoundedUp))) {
        self.endSleep(number)
      }
    }
    return state.withLock { state in
      defer { (state.rung, state.hasRung) = (Rung(), false) }
      return state.rung
    }
  }

  private func endSleep(_ number: Int) {
    let sleeper = state.withLock { state in
      guard state.sleeper?.number == number else { return nil as CheckedContinuation<Void, Never>? }
      defer { state.sleeper = nil }
      return state.sleeper?.continuation
    }
    sleeper?.resume()
  }
}

extension Duration {
  fileprivate var microsecondsRoundedUp: Int { max(0, microseconds + 1) }
}
