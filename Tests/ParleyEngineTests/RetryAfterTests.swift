import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyEngine

@Suite struct RetryAfterTests {
  @Test("B-HOOK-32: seconds are read, and nothing that only looks like them")
  func seconds() {
    for (text, seconds) in [("0", 0), ("7", 7), (" 120 ", 120), ("999999999", 999_999_999)] as [(String, Int)] {
      #expect(RetryAfter.duration(text, at: TestClock.start) == .seconds(seconds), "\(text)")
    }
    for text in ["", " ", "-1", "1.5", "1e3", "soon", "9999999999", "1 2", "0x10", "12s"] {
      #expect(RetryAfter.duration(text, at: TestClock.start) == nil, "\(text)")
    }
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
