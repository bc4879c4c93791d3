import ParleyDomain
import Testing

@Suite("Timestamps")
struct TimestampTests {
  @Test(
    "An instant is written in whole seconds of UTC, the rest left out (B-TIME-1)",
    arguments: [
      (0, "1970-01-01T00:00:00Z"), (999, "1970-01-01T00:00:00Z"), (1000, "1970-01-01T00:00:01Z"),
      (-1, "1969-12-31T23:59:59Z"), (-1000, "1969-12-31T23:59:59Z"), (-1001, "1969-12-31T23:59:58Z"),
      (951_782_399_999, "2000-02-28T23:59:59Z"), (951_782_400_000, "2000-02-29T00:00:00Z"), (951_868_800_000, "2000-03-01T00:00:00Z"),
      (1_709_164_800_000, "2024-02-29T00:00:00Z"), (4_107_542_400_000, "2100-03-01T00:00:00Z"), (4_107_542_399_000, "2100-02-28T23:59:59Z"),
      (1_767_225_599_999, "2025-12-31T23:59:59Z"), (1_767_225_600_000, "2026-01-01T00:00:00Z"),
      (2_147_483_648_000, "2038-01-19T03:14:08Z"), (253_402_300_799_999, "9999-12-31T23:59:59Z"),
      (-62_167_219_200_000, "0000-01-01T00:00:00Z"),
    ] as [(Int64, String)])
  func writes(milliseconds: Int64, text: String) {
    #expect(Timestamp(milliseconds: milliseconds).wholeSeconds == text)
    let second = milliseconds - ((milliseconds % 1000) + 1000) % 1000
    #expect(Timestamp(wholeSeconds: text) == Timestamp(milliseconds: second))
  }

  @Test("An instant that no text has is written as the nearest one, and sums and lengths of time end at the largest number")
  func outside() {
    for milliseconds in [Int64.min, Int64.min + 1, -62_167_219_200_001] as [Int64] {
      #expect(Timestamp(milliseconds: milliseconds).wholeSeconds == "0000-01-01T00:00:00Z")
      #expect(Timestamp(milliseconds: milliseconds).precise == "0000-01-01T00:00:00Z")
    }
    for milliseconds in [Int64.max, Int64.max - 1, 253_402_300_800_000] as [Int64] {
      #expect(Timestamp(milliseconds: milliseconds).precise == "9999-12-31T23:59:59.999Z")
    }
    // Offsets lead there.
    #expect(Timestamp(rfc3339: "0000-01-01T00:00:00+23:59")?.precise == "0000-01-01T00:00:00Z")
    #expect(Timestamp(rfc3339: "9999-12-31T23:59:59-23:59")?.wholeSeconds == "9999-12-31T23:59:59Z")
    #expect(Duration.seconds(Int64.max).microseconds == .max && Duration.seconds(Int64.min).microseconds == .min)
    #expect(Timestamp(milliseconds: .max).adding(.seconds(1)).milliseconds == .max)
    #expect(Timestamp(milliseconds: .min).adding(.seconds(-1)).milliseconds == .min)
    #expect(Timestamp(milliseconds: 0).adding(.seconds(Int64.max)).milliseconds == .max / 1000)
    #expect(CivilDate(realYear: .max, month: .max, day: .max) == nil && CivilDate(realYear: .min, month: 1, day: 1) == nil)
    #expect(CivilDate(realYear: 2024, month: 2, day: 29) != nil && CivilDate(realYear: 2023, month: 2, day: 29) == nil)
  }

  @Test(
    "Only what is written so is read",
    arguments: [
      "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
      "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00z",
      "2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00+", "2026-01-01T00:00:00Z ",
      "+026-01-01T00:00:00Z", "-001-01-01T00:00:00Z", "2026-1-001T00:00:00Z", "x026-01-01T00:00:00Z", "\u{660}026-01-01T00:00:0Z",
      "\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}", "", "Z",
    ])
  func refuses(text: String) {
    #expect(Timestamp(wholeSeconds: text) == nil)
  }

  @Test(
    "An instant with its milliseconds is written without an empty fraction, and read back (B-TIME-2)",
    arguments: [
      (0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:00.001Z"), (20, "1970-01-01T00:00:00.020Z"), (-1, "1969-12-31T23:59:59.999Z"),
      (1_767_225_600_500, "2026-01-01T00:00:00.500Z"), (1_767_225_601_000, "2026-01-01T00:00:01Z"),
    ] as [(Int64, String)])
  func writesMilliseconds(milliseconds: Int64, text: String) {
    #expect(Timestamp(milliseconds: milliseconds).precise == text)
    #expect(Timestamp(rfc3339: text) == Timestamp(milliseconds: milliseconds))
  }

  @Test(
    "An instant of RFC 3339 is read with any offset, digits beyond milliseconds are cut off (B-TIME-2)",
    arguments: [
      ("2026-01-01T02:00:00+02:00", 0), ("2025-12-31T18:30:00-05:30", 0), ("2026-01-01T00:00:00+00:00", 0), ("2026-01-01t00:00:00z", 0),
      ("2026-01-01T00:00:00.5Z", 500), ("2026-01-01T00:00:00.0019999Z", 1), ("2026-01-01T00:00:00.123456+00:00", 123),
    ] as [(String, Int64)])
  func readsOffsets(text: String, milliseconds: Int64) {
    #expect(Timestamp(rfc3339: text) == Timestamp(milliseconds: 1_767_225_600_000 + milliseconds))
  }

  @Test(
    "What is not RFC 3339 is not read (B-TIME-2)",
    arguments: [
      "", "today", "2026-01-01", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+0200",
      "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+02:60", "2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00Z ",
    ])
  func refusesOthers(text: String) {
    #expect(Timestamp(rfc3339: text) == nil)
  }

  @Test("Days follow each other through four hundred years, as the calendar has it")
  func counts() {
    var expected = CivilDate(year: 1900, month: 1, day: 1)
    var days = expected.daysSinceEpoch
    #expect(days == -25_567)
    while expected.year < 2300 {
      let date = CivilDate(daysSinceEpoch: days)
      guard date == expected, date.daysSinceEpoch == days else { Issue.record("day \(days) is \(expected), not \(date)"); return }
      days += 1
      expected = dayAfter(expected)
    }
    #expect(days + 25_567 == 146_097)
  }

  @Test("Instants are ordered by time, and hours can be taken off")
  func compares() {
    #expect(Timestamp(milliseconds: -1) < Timestamp(milliseconds: 0))
    #expect(Timestamp(milliseconds: 86_400_007).hoursBefore(24) == Timestamp(milliseconds: 7))
  }

  private func dayAfter(_ date: CivilDate) -> CivilDate {
    let isLeap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0)
    let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if date.day < lengths[Int(date.month) - 1] { return CivilDate(year: date.year, month: date.month, day: date.day + 1) }
    return date.month < 12 ? CivilDate(year: date.year, month: date.month + 1, day: 1) : CivilDate(year: date.year + 1, month: 1, day: 1)
  }
}
