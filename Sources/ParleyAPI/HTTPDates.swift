import ParleyDomain
import Synchronization

/// The text of the `Date` header, made once a second.
final class HTTPDates: Sendable {
  private struct State {
    var second: Int64 = .min
    var text = ""
  }

  private let state = Mutex(State())

  func text(at now: Timestamp) -> String {
    let second = now.milliseconds.floored(by: 1000)
    return state.withLock { state in
      if state.second != second { state = State(second: second, text: Self.format(now)) }
      return state.text
    }
  }

  /// `Wed, 11 Feb 2026 08:15:30 GMT`
  static func format(_ now: Timestamp) -> String {
    let day = now.milliseconds.floored(by: 86_400_000)
    let date = CivilDate(daysSinceEpoch: day)
    let iso = now.wholeSeconds
    // 1 January 1970 was a Thursday.
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][Int(day - day.floored(by: 7) * 7)]
    let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][Int(date.month) - 1]
    return "\(weekday), \(iso.dropFirst(8).prefix(2)) \(month) \(iso.prefix(4)) \(iso.dropFirst(11).prefix(8)) GMT"
  }
}
