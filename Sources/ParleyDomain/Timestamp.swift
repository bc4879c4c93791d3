/// A UTC instant in whole milliseconds.
package struct Timestamp: Sendable, Hashable, Comparable {
  package let milliseconds: Int64

  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  package func hoursBefore(_ hours: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds - hours * 3_600_000) }

  /// The first and the last instant that can be written: those of the years 0 and 9999.
  private static let writable: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

  /// The nearest instant that can be written.
  private var written: Int64 { min(max(milliseconds, Self.writable.lowerBound), Self.writable.upperBound) }

  /// Milliseconds since the last whole second, 0 to 999 also before 1970.
  package var millisecondsOfSecond: Int64 { written - written.floored(by: 1000) * 1000 }

  /// A time later than now by more than this was written while the clock was ahead. Clocks that are measured or slewed differ by less.
  package static let clockTolerance = Duration.seconds(5)

  package static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }

  /// `YYYY-MM-DDTHH:MM:SSZ`, the form of `createdAt` and its like (B-TIME-1). An instant outside the years 0 to 9999 is written as
  /// the nearest one inside.
  package var wholeSeconds: String {
    let seconds = written.floored(by: 1000)
    let day = seconds.floored(by: 86400)
    let second = seconds - day * 86400
    let date = CivilDate(daysSinceEpoch: day)
    return String(unsafeUninitializedCapacity: 20) { buffer in
      func put(_ number: Int64, _ width: Int, at index: Int) {
        var number = number
        for place in stride(from: index + width - 1, through: index, by: -1) {
          buffer[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10)
          number /= 10
        }
      }
      put(date.year, 4, at: 0)
      put(date.month, 2, at: 5)
      put(date.day, 2, at: 8)
      put(second / 3600, 2, at: 11)
      put(second / 60 % 60, 2, at: 14)
      put(second % 60, 2, at: 17)
      (buffer[4], buffer[7], buffer[10]) = (UInt8(ascii: "-"), UInt8(ascii: "-"), UInt8(ascii: "T"))
      (buffer[13], buffer[16], buffer[19]) = (UInt8(ascii: ":"), UInt8(ascii: ":"), UInt8(ascii: "Z"))
      return 20
    }
  }

  /// Reads what `wholeSeconds` writes; nil for any other text.
  package init?(wholeSeconds text: String) {
    let bytes = Array(text.utf8)
    func number(_ range: Range<Int>) -> Int64 { bytes[range].reduce(0) { $0 * 10 + Int64($1) - 48 } }
    guard bytes.count == 20 else { return nil }
    let (year, month, day) = (number(0..<4), number(5..<7), number(8..<10))
    let second = number(11..<13) * 3600 + number(14..<16) * 60 + number(17..<19)
    self.init(milliseconds: (CivilDate(year: year, month: month, day: day).daysSinceEpoch * 86400 + second) * 1000)
    // Other years can't be written: odd characters in the text's places can add up to one.
    guard Self.writable.contains(milliseconds), wholeSeconds.isSame(as: text) else { return nil }
  }
}

extension Timestamp {
  /// A sum that is too large is the last instant, or the first.
  package func adding(_ duration: Duration) -> Timestamp {
    let (sum, isOver) = milliseconds.addingReportingOverflow(Int64(duration.microseconds / 1000))
    return Timestamp(milliseconds: isOver ? (milliseconds < 0 ? .min : .max) : sum)
  }

  /// `YYYY-MM-DDTHH:MM:SS.sssZ`, without the fraction where it is zero (B-TIME-2).
  package var precise: String {
    let fraction = millisecondsOfSecond
    guard fraction > 0 else { return wholeSeconds }
    let digits = String(fraction)
    return "\(wholeSeconds.dropLast()).\(String(repeating: "0", count: 3 - digits.utf8.count))\(digits)Z"
  }

  /// Reads an instant of RFC 3339 with any offset; digits beyond milliseconds are cut off (B-TIME-2). Nil for any other text.
  package init?(rfc3339 text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: "t") else { return nil }
    let (day, clock) = (String(decoding: bytes[..<10], as: UTF8.self), String(decoding: bytes[11..<19], as: UTF8.self))
    guard let start = Timestamp(wholeSeconds: "\(day)T\(clock)Z") else { return nil }
    var rest = bytes[19...]
    var fraction: Int64 = 0
    if rest.first == UInt8(ascii: ".") {
      let digits = rest.dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard !digits.isEmpty else { return nil }
      for place in 0..<3 { fraction = fraction * 10 + (place < digits.count ? Int64(digits[digits.startIndex + place]) - 48 : 0) }
      rest = rest[digits.endIndex...]
    }
    guard let offset = Self.offsetMinutes(rest) else { return nil }
    self.init(milliseconds: start.milliseconds + fraction - offset * 60_000)
  }

  /// `Z`, or `+HH:MM` and `-HH:MM`.
  private static func offsetMinutes(_ text: ArraySlice<UInt8>) -> Int64? {
    let text = Array(text)
    if text == [UInt8(ascii: "Z")] || text == [UInt8(ascii: "z")] { return 0 }
    guard text.count == 6, text[0] == UInt8(ascii: "+") || text[0] == UInt8(ascii: "-"), text[3] == UInt8(ascii: ":"),
      [1, 2, 4, 5].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[$0]) })
    else { return nil }
    let hours = Int64(text[1] - 48) * 10 + Int64(text[2] - 48)
    let minutes = Int64(text[4] - 48) * 10 + Int64(text[5] - 48)
    guard hours < 24, minutes < 60 else { return nil }
    return (text[0] == UInt8(ascii: "-") ? -1 : 1) * (hours * 60 + minutes)
  }
}

/// A day of the proleptic Gregorian calendar, counted by eras of 400 years that start in March.
package struct CivilDate: Equatable {
  package let year: Int64
  package let month: Int64
  package let day: Int64

  package init(year: Int64, month: Int64, day: Int64) {
    (self.year, self.month, self.day) = (year, month, day)
  }

  /// A day that there is in the years 0 to 9999; nil for other numbers, however large.
  package init?(realYear year: Int64, month: Int64, day: Int64) {
    guard (0...9999).contains(year), (1...12).contains(month), (1...31).contains(day) else { return nil }
    self.init(year: year, month: month, day: day)
    // There is no 31 February.
    guard CivilDate(daysSinceEpoch: daysSinceEpoch) == self else { return nil }
  }

  package init(daysSinceEpoch: Int64) {
    let days = daysSinceEpoch + 719_468
    let era = days.floored(by: 146_097)
    let dayOfEra = days - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  package var daysSinceEpoch: Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = year.floored(by: 400)
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}

extension Int64 {
  /// The quotient rounded towards minus infinity.
  package func floored(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}

extension Duration {
  /// The duration in whole microseconds, the rest cut off; one too large for an integer is the largest, or the smallest.
  package var microseconds: Int {
    let (seconds, isOver) = Int(components.seconds).multipliedReportingOverflow(by: 1_000_000)
    let (sum, isOverToo) = seconds.addingReportingOverflow(Int(components.attoseconds / 1_000_000_000_000))
    return isOver || isOverToo ? (components.seconds < 0 ? .min : .max) : sum
  }
}
