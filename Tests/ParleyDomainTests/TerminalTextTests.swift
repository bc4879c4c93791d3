import ParleyDomain
import Testing

@Suite("Texts on a terminal")
struct TerminalTextTests {
  @Test(
    "What a terminal would obey is written as a JSON escape",
    arguments: [
      ("\u{1B}[2Jgone", #"\u001b[2Jgone"#), ("a\r\nb\tc", #"a\u000d\u000ab\u0009c"#), ("\u{9B}31m", #"\u009b31m"#),
      ("\u{7F}\u{0}\u{7}", #"\u007f\u0000\u0007"#), ("\u{202E}txt.exe", #"\u202etxt.exe"#), ("a\u{2028}b\u{2029}", #"a\u2028b\u2029"#),
      ("\u{2066}\u{2069}\u{200F}\u{61C}", #"\u2066\u2069\u200f\u061c"#), ("\u{85}", #"\u0085"#),
    ])
  func escapes(text: String, shown: String) throws {
    #expect(text.isUnsafeOnTerminals)
    #expect(text.escapedForTerminals() == shown)
    #expect(!text.escapedForTerminals().isUnsafeOnTerminals)
    // Inside JSON it is the same text.
    var writer = JSONWriter()
    writer.string(text)
    let escaped = String(decoding: writer.bytes, as: UTF8.self).escapedForTerminals()
    #expect(try JSON.parse(Array(escaped.utf8)).string?.isSame(as: text) == true)
  }

  @Test("All else stays as it is", arguments: ["", "Ann", "Zoë ☎ 日本", "👩‍👩‍👧", "é\u{301}", "\u{A0}\u{AD}", #"\u001b"#, "שלום"])
  func keeps(text: String) {
    #expect(!text.isUnsafeOnTerminals)
    #expect(text.escapedForTerminals().isSame(as: text))
  }

  @Test("Lines may be kept; a carriage return is none")
  func lines() {
    #expect("a\tb\n\u{1B}c\r\n".escapedForTerminals(keepsLines: true).isSame(as: "a\tb\n\\u001bc\\u000d\n"))
  }
}
