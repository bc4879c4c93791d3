import ParleyDomain
import Synchronization

/// Tokens that come back at a fixed rate, up to one second's worth (B-RATE-2).
final class TokenBucket: Sendable {
  private struct State {
    /// In millionths, so that a fraction that came back is not lost.
    var microtokens: Int
    var filledAt: ContinuousClock.Instant
  }

  private let perSecond: Int
  private let state: Mutex<State>

  /// 0 is no limit.
  init(perSecond: Int, now: ContinuousClock.Instant = .now) {
    self.perSecond = perSecond
    state = Mutex(State(microtokens: perSecond * 1_000_000, filledAt: now))
  }

  /// Takes one token; otherwise says in how many whole seconds, at least one, there is one again (B-RATE-1).
  func take(now: ContinuousClock.Instant = .now) -> (isTaken: Bool, retryAfterSeconds: Int) {
    if perSecond == 0 { return (true, 0) }
    return state.withLock { state in
      let microseconds = state.filledAt.duration(to: now).microseconds
      // More than a second gives no more than one second's worth; that also keeps the product small.
      let back = min(max(microseconds, 0), 1_000_000) * perSecond
      state.microtokens = min(state.microtokens + back, perSecond * 1_000_000)
      if microseconds > 0 { state.filledAt = now }
      guard state.microtokens >= 1_000_000 else { return (false, 1) }
      state.microtokens -= 1_000_000
      return (true, 0)
    }
  }
}
