import Logging
import ParleyDomain
import ParleyStorage

/// A clock that is set back, while the loop runs or between two runs, must not make anything wait until it gets there again.
extension JobLoop {
  /// Lanes that one write brings back: other writes have their turn in between.
  static let broughtBackAtOnceMax = 200

  /// Makes lanes due that got their time while the clock was ahead.
  func bringBackLanes() async {
    let (now, longest, lease, limit) = (engine.now(), settings.longestWait, settings.lease, Self.broughtBackAtOnceMax)
    var last: (owner: String, id: String)?
    var count = 0
    do {
      repeat {
        let behind = last
        let lanes = try await engine.database.readSystem(.bulk) { tx in
          try tx.lanesAhead(of: now, longest: longest, beyond: behind, limit: limit)
        }
        if !lanes.isEmpty {
          try await engine.database.writeRelaxed { try $0.bringBack(lanes, to: now, longest: longest, lease: lease) }
        }
        count += lanes.count
        last = lanes.count == limit ? lanes.last : nil
      } while last != nil
      guard count > 0 else { return }
      logger.warning("the clock was set back: what got its time before that is due now", metadata: ["lanes": "\(count)"])
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
