import ParleyDomain
import Synchronization

/// The database's clock, which all nodes share: its difference to the machine's monotonic clock, measured now and then. The machine's own
/// time of day is not asked.
final class PostgresClock: Sendable {
  /// How often the difference should be measured.
  static let interval = Duration.seconds(60)
  /// A measure that took longer says little, as the answer may have been on its way for all of it. It counts only where there is none newer
  /// than `measureAgeMax`.
  private static let measureDurationMax = Duration.milliseconds(250)
  private static let measureAgeMax = Duration.seconds(600)

  private struct Measure {
    let microseconds: Int64
    let instant: ContinuousClock.Instant
  }

  private let latest = Mutex<Measure?>(nil)

  /// The present. Somebody has measured before.
  func now() -> Timestamp {
    guard let measure = latest.withLock({ $0 }) else { return Timestamp(milliseconds: 0) }
    return Timestamp(milliseconds: (measure.microseconds + Int64(measure.instant.duration(to: .now).microseconds)) / 1000)
  }

  func measure(on connection: PostgresConnection) throws {
    let start = ContinuousClock.now
    let microseconds = try connection.one("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint") { $0.integer(0) }
    let duration = start.duration(to: .now)
    guard let microseconds else { return }
    latest.withLock { latest in
      if duration > Self.measureDurationMax, let latest, latest.instant.duration(to: start) < Self.measureAgeMax { return }
      latest = Measure(microseconds: microseconds, instant: start + duration / 2)
    }
  }
}
