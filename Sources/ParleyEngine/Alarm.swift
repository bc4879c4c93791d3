import NIOCore
import NIOPosix
import ParleyDomain
import ParleyStorage
import Synchronization

/// Wakes the loop: when a commit left something to do, when a place came free, when it is told to stop. What is rung while it does not
/// sleep is kept for the next time.
package final class Alarm: Sendable {
  /// What was rung for.
  struct Rung: Sendable {
    var hosts: Set<String> = []
    /// Whether every host is to be looked at.
    var isForAll = false
    /// Lanes that changes took for the loop.
    var lanes: [LeasedLane] = []
  }

  private struct State {
    var rung = Rung()
    var hasRung = false
    var sleeper: (continuation: CheckedContinuation<Void, Never>, until: ContinuousClock.Instant)?
    /// When the timer goes off; nil when none is set. One that goes off too early is set anew: most sleeps are ended by a ring, and a timer
    /// each would wake a thread for each.
    var timer: ContinuousClock.Instant?

    /// Whether a timer must be set so that one goes off by that time; notes that it is.
    mutating func needsTimer(by instant: ContinuousClock.Instant) -> Bool {
      if let timer, timer <= instant { return false }
      timer = instant
      return true
    }
  }

  private let state = Mutex(State())

  package init() {}

  /// Says that lanes of these hosts have become due, nil for any, and hands lanes over that were taken.
  package func ring(hosts: Set<String>?, lanes: [LeasedLane] = []) {
    let sleeper = state.withLock { state in
      state.hasRung = true
      state.rung.lanes += lanes
      if let hosts { state.rung.hosts.formUnion(hosts) } else { state.rung.isForAll = true }
      defer { state.sleeper = nil }
      return state.sleeper
    }
    sleeper?.continuation.resume()
  }

  /// Sleeps until it rings, or for so long; answers what was rung for since the last time. One sleeps at a time.
  func sleep(atMost duration: Duration) async -> Rung {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let until = ContinuousClock.now + max(.zero, duration)
      let (isAwake, setsTimer) = state.withLock { state in
        if state.hasRung { return (true, false) }
        state.sleeper = (continuation, until)
        return (false, state.needsTimer(by: until))
      }
      if isAwake { continuation.resume() }
      if setsTimer { setTimer(until) }
    }
    return state.withLock { state in
      defer { (state.rung, state.hasRung) = (Rung(), false) }
      return state.rung
    }
  }

  private func setTimer(_ instant: ContinuousClock.Instant) {
    let microseconds = max(0, (instant - .now).microseconds + 1)
    MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: .microseconds(Int64(microseconds))) { self.goOff(instant) }
  }

  private func goOff(_ instant: ContinuousClock.Instant) {
    let (sleeper, next) = state.withLock { state in
      if state.timer == instant { state.timer = nil }
      guard let sleeper = state.sleeper else { return (nil as CheckedContinuation<Void, Never>?, nil as ContinuousClock.Instant?) }
      guard sleeper.until > .now else {
        state.sleeper = nil
        return (sleeper.continuation, nil)
      }
      return (nil, state.needsTimer(by: sleeper.until) ? sleeper.until : nil)
    }
    sleeper?.resume()
    if let next { setTimer(next) }
  }
}
