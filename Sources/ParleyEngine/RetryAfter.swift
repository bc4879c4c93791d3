import ParleyDomain
import ParleyStorage

/// The header by which a receiver says when it may be asked again.
enum RetryAfter {
  /// Seconds, or a date in the form of RFC 9110; nil for any other text. A date that is over is no time.
  static func duration(_ text: String) -> Duration? { duration(text, at: SystemClock.now()) }

  static func duration(_ text: String, at now: Timestamp) -> Duration? {
    let text = text.split(separator: " ", omittingEmptySubsequences: true)
    if text.count == 1 { return text[0].utf8.count <= 9 ? Int64(text[0]).flatMap { $0 >= 0 ? .seconds($0) : nil } : nil }
    // Sun, 06 Nov 1994 08:49:37 GMT
    guard text.count == 6, text[5] == "GMT", let day = Int64(text[1]), let month = months.firstIndex(of: String(text[2])),
      let year = Int64(text[3]), (1...31).contains(day), (1970...9999).contains(year)
    else { return nil }
    let clock = text[4].split(separator: ":").compactMap { Int64($0) }
    guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2]) else { return nil }
    let days = CivilDate(year: year, month: Int64(month) + 1, day: day).daysSinceEpoch
    let seconds = days * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    return .milliseconds(max(0, seconds * 1000 - now.milliseconds))
  }

  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
