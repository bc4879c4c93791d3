import ParleyDomain
import ParleyStorage

/// The header by which a receiver says when it may be asked again.
enum RetryAfter {
  /// Seconds, or a date in one of the three forms of RFC 9110 §5.6.7; nil for any other text. A number too large for an integer is the
  /// largest one, and a date that is over is no time.
  static func duration(_ text: String) -> Duration? { duration(text, at: SystemClock.now()) }

  static func duration(_ text: String, at now: Timestamp) -> Duration? {
    let words = text.split { " \t".contains($0) }.map(String.init)
    if words.count == 1 { return number(words[0]).map { .seconds($0) } }
    guard let date = date(words, at: now) else { return nil }
    return .milliseconds(max(0, date.milliseconds - now.milliseconds))
  }

  private static func date(_ words: [String], at now: Timestamp) -> Timestamp? {
    switch words.count {
    // Sun, 06 Nov 1994 08:49:37 GMT
    case 6 where words[5] == "GMT" && weekdays.contains { "\($0.prefix(3))," == words[0] } && words[3].utf8.count == 4:
      return instant(year: number(words[3]), month: words[2], day: words[1], clock: words[4])
    // Sun Nov  6 08:49:37 1994
    case 5 where weekdays.contains { $0.prefix(3) == words[0] } && words[4].utf8.count == 4:
      return instant(year: number(words[4]), month: words[1], day: words[2], clock: words[3])
    // Sunday, 06-Nov-94 08:49:37 GMT
    case 4 where words[3] == "GMT" && weekdays.contains { "\($0)," == words[0] }:
      let parts = words[1].split(separator: "-", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 3, parts[2].utf8.count == 2, let end = number(parts[2]) else { return nil }
      let today = CivilDate(daysSinceEpoch: now.milliseconds / 86_400_000)
      let sameCentury = today.year - today.year % 100 + end
      let dates = [sameCentury + 100, sameCentury, sameCentury - 100].compactMap { year in
        instant(year: year, month: parts[1], day: parts[0], clock: words[2])
      }
      // What seems to be more than 50 years ahead is the last year that ends so.
      let limit = CivilDate(year: today.year + 50, month: today.month, day: today.day).daysSinceEpoch * 86_400_000
      return dates.first { $0.milliseconds - now.milliseconds % 86_400_000 <= limit }
    default:
      return nil
    }
  }

  private static func instant(year: Int64?, month: String, day: String, clock: String) -> Timestamp? {
    let clock = clock.split(separator: ":", omittingEmptySubsequences: false).map { $0.utf8.count == 2 ? number(String($0)) : nil }
    guard let year, let month = months.firstIndex(of: month), let day = number(day), clock.count == 3, let hour = clock[0],
      let minute = clock[1], let second = clock[2], hour <= 23, minute <= 59, second <= 60,
      let date = CivilDate(realYear: year, month: Int64(month) + 1, day: day)
    else { return nil }
    return Timestamp(milliseconds: (date.daysSinceEpoch * 86400 + hour * 3600 + minute * 60 + second) * 1000)
  }

  /// Digits alone as a number; what is too large for one is the largest.
  private static func number(_ text: String) -> Int64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    return Int64(text) ?? .max
  }

  private static let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
