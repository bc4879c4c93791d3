import Logging
import ParleyDomain
import ParleyStorage

/// A clock that is set back, while the loop runs or between two runs, must not make anything wait until it gets there again.
extension JobLoop {
  /// Makes lanes due that got their time while the clock was ahead.
  func bringBackLanes() async {
    let (now, longest, lease) = (engine.now(), settings.longestWait, settings.lease)
    do {
      guard try await engine.database.readSystem(.bulk, { try $0.hasLanesAhead(of: now, longest: longest) }) else { return }
      try await engine.database.writeRelaxed { try $0.bringBackLanes(aheadOf: now, longest: longest, lease: lease) }
      logger.warning("the clock was set back: what got its time before that is due now")
      engine.alarm.ring(hosts: nil)
    } catch {
      logger.warning("lanes can't be looked at", metadata: ["cause": "\(error)"])
    }
  }
}

extension WebhookSettings {
  /// The longest that a lane may be put off for, whatever another node's settings are.
  var longestWait: Duration {
    max((delays.max() ?? .zero) * jitter.upperBound, retryAfterMax, lease, purge) + Timestamp.clockTolerance
  }
}
