import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyEngine

@Suite struct RetryAfterTests {
  @Test("B-HOOK-32: seconds are read, and nothing that only looks like them")
  func seconds() {
    for (text, seconds) in [
      ("0", 0), ("7", 7), (" 120 ", 120), ("999999999", 999_999_999), ("9999999999", 9_999_999_999), ("007", 7), ("\t5", 5),
    ] as [(String, Int)] {
      #expect(RetryAfter.duration(text, at: TestClock.start) == .seconds(seconds), "\(text)")
    }
    for text in ["", " ", "-1", "1.5", "1e3", "soon", "1 2", "0x10", "12s", "+1", "\u{661}", "1,2"] {
      #expect(RetryAfter.duration(text, at: TestClock.start) == nil, "\(text)")
    }
  }

  @Test(
    "B-HOOK-32: a number too large for an integer is the largest",
    arguments: ["9223372036854775807", "9223372036854775808", "99999999999999999999", String(repeating: "9", count: 1000)])
  func largeNumber(text: String) {
    #expect(RetryAfter.duration(text, at: TestClock.start) == .seconds(Int64.max))
    var settings = WebhookSettings()
    settings.jitter = 1...1
    #expect(settings.delay(afterFailures: 0, retryAfter: RetryAfter.duration(text, at: TestClock.start)) == .seconds(60))
  }

  @Test("B-HOOK-32: dates of RFC 850 and of asctime are read as well")
  func obsoleteDates() {
    for (text, seconds) in [
      ("Friday, 02-Jan-26 03:04:15 GMT", 10), ("Sunday, 06-Nov-94 08:49:37 GMT", 0), ("Saturday, 03-Jan-26 03:04:05 GMT", 86400),
      ("Fri Jan  2 03:04:15 2026", 10), ("Sun Nov  6 08:49:37 1994", 0), ("Sat Jan 03 03:04:05 2026", 86400),
      ("Sat Jan  3 03:04:05 2026", 86400), ("Thu, 01 Jan 1969 00:00:00 GMT", 0),
    ] {
      #expect(RetryAfter.duration(text, at: TestClock.start) == .seconds(seconds), "\(text)")
    }
    for text in [
      "Friday, 02-Jan-2026 03:04:15 GMT", "Fri, 02-Jan-26 03:04:15 GMT", "Friday, 02-Jan-26 03:04:15", "Friday, 02 Jan 26 03:04:15 GMT",
      "Friday 02-Jan-26 03:04:15 GMT", "Friday, 31-Feb-26 03:04:15 GMT", "Friday, 00-Jan-26 03:04:15 GMT", "Fri Jan  2 03:04:15 26",
      "Friday Jan  2 03:04:15 2026", "Fri Jan 32 03:04:15 2026", "Fri Jan  2 3:04:15 2026", "Fri Feb 29 03:04:15 2026",
      "Fri Jan  2 03:04:15 2026 GMT x", "Wed, 31 Feb 2026 03:04:15 GMT", "Day, 02 Jan 2026 03:04:15 GMT",
    ] {
      #expect(RetryAfter.duration(text, at: TestClock.start) == nil, "\(text)")
    }
  }

  @Test("RFC 9110 §5.6.7: a year of two digits that seems more than 50 years ahead is the last one that ends so")
  func twoDigitYear() {
    // It is 2 January 2026, 03:04:05.
    for (text, isAhead) in [
      ("Friday, 02-Jan-76 03:04:05 GMT", true), ("Friday, 02-Jan-76 03:04:06 GMT", false), ("Friday, 03-Jan-76 03:04:05 GMT", false),
      ("Friday, 31-Dec-75 23:59:59 GMT", true), ("Friday, 31-Dec-76 23:59:59 GMT", false), ("Friday, 31-Dec-99 23:59:59 GMT", false),
      ("Friday, 01-Jan-00 00:00:00 GMT", false), ("Friday, 03-Jan-26 00:00:00 GMT", true),
    ] {
      let duration = RetryAfter.duration(text, at: TestClock.start)
      #expect(duration.map { $0 > .zero } == isAhead, "\(text)")
    }
    // At the end of a century the next one is near.
    let end = Timestamp(rfc3339: "2099-12-31T23:59:00Z") ?? TestClock.start
    #expect(RetryAfter.duration("Friday, 01-Jan-00 00:00:00 GMT", at: end) == .seconds(60))
    #expect(RetryAfter.duration("Friday, 31-Dec-99 23:59:30 GMT", at: end) == .seconds(30))
  }

  @Test(
    "B-HOOK-32: a number of a date that is too large makes it none, wherever it stands",
    arguments: [
      "32", "100", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "99999999999999999999",
      String(repeating: "9", count: 1000),
    ])
  func largeNumberInDate(number: String) {
    for text in [
      "Sun, \(number) Nov 1994 08:49:37 GMT", "Sun Nov \(number) 08:49:37 1994", "Sunday, \(number)-Nov-94 08:49:37 GMT",
      "Sun, 06 Nov \(number) 08:49:37 GMT", "Sun Nov  6 08:49:37 \(number)", "Sun, 06 Nov 1994 \(number):49:37 GMT",
      "Sun, 06 Nov 1994 08:\(number)0:37 GMT", "Sun, 06 Nov 1994 08:49:\(number)0 GMT", "Sunday, 06-\(number)-94 08:49:37 GMT",
    ] {
      #expect(RetryAfter.duration(text, at: TestClock.start) == nil, "\(text)")
    }
    if number.utf8.count > 2 { #expect(RetryAfter.duration("Sunday, 06-Nov-\(number) 08:49:37 GMT", at: TestClock.start) == nil) }
  }

  @Test(
    "B-HOOK-32: dates are read with every clock",
    arguments: [Int64.min / 2, -62_167_219_200_000, -1, 0, 253_402_300_799_999, Int64.max / 2])
  func otherClocks(milliseconds: Int64) {
    let now = Timestamp(milliseconds: milliseconds)
    for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "7"] { #expect(RetryAfter.duration(text, at: now) != nil) }
    // Its century is that of the clock, which may be none that can be written.
    _ = RetryAfter.duration("Sunday, 06-Nov-94 08:49:37 GMT", at: now)
  }

  @Test("B-HOOK-32: a date is read, and one that is over is no time")
  func date() {
    for (text, seconds) in [
      ("Fri, 02 Jan 2026 03:04:15 GMT", 10), ("Fri, 02 Jan 2026 03:04:05 GMT", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
      ("Sat, 03 Jan 2026 03:04:05 GMT", 86400),
    ] {
      #expect(RetryAfter.duration(text, at: TestClock.start) == .seconds(seconds), "\(text)")
    }
    for text in [
      "Fri, 02 Jan 2026 03:04:15 CET", "Fri, 02 Foo 2026 03:04:15 GMT", "Fri, 32 Jan 2026 03:04:15 GMT", "Fri, 02 Jan 2026 24:04:15 GMT",
      "Fri, 02 Jan 2026 03:04 GMT", "Fri, 02 Jan 99999 03:04:15 GMT", "2026-01-02T03:04:15Z",
    ] {
      #expect(RetryAfter.duration(text, at: TestClock.start) == nil, "\(text)")
    }
  }
}
