import ParleyDomain
import Testing

@Suite("Fields of a body")
struct FieldsTests {
  private enum Fruit: String, CaseIterable { case kiwi = "KIWI", fig = "FIG" }

  @Test(
    "A limit counts code points, not bytes and not what looks like one character (B-HTTP-8)",
    arguments: [
      ("abcd", true), ("abcde", false), ("a", false), ("ab", true), ("", false),
      ("éééé", true), ("ééééé", false), ("é", false),
      ("e\u{301}e\u{301}", true), ("e\u{301}", true), ("e\u{301}e\u{301}e", false),
      ("\u{1F600}\u{1F601}\u{1F602}\u{1F603}", true), ("\u{1F600}\u{1F601}\u{1F602}\u{1F603}a", false), ("\u{1F600}", false),
      ("\u{1F1E9}\u{1F1EA}", true), ("\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F466}", false), ("\r\n", true), ("    ", true),
      (String(repeating: "\u{1F600}", count: 5000), false),
    ])
  func countsCodePoints(text: String, fits: Bool) throws {
    let body = String(decoding: JSON.object(.init([("a", .string(text))])).bytes, as: UTF8.self)
    let reading = Reading(body) { $0.string("a", characters: 2...4) }
    #expect(reading.value.map { Array($0.unicodeScalars) } == (fits ? Array(text.unicodeScalars) : nil))
    #expect(reading.problems == (fits ? [] : [Problem(path: "a", message: "must have 2 to 4 characters")]))
  }

  @Test("Control characters are kept in texts and refused where a text must be plain (B-HTTP-9)", arguments: Array(0...0xA0) as [UInt32])
  func controlCharacters(code: UInt32) throws {
    let character = String(try #require(Unicode.Scalar(code)))
    let body = String(decoding: JSON.object(.init([("a", .string("x\(character)y"))])).bytes, as: UTF8.self)
    #expect(try Reading(body) { $0.string("a", characters: 0...9) }.get() == "x\(character)y")
    let isControl = code < 0x20 || (0x7F...0x9F).contains(code)
    #expect(Reading(body) { $0.string("a", characters: 0...9, plain: true) }.paths == (isControl ? ["a"] : []))
    #expect(
      Reading(#"{"a":[\#(text(JSON.string(character).bytes))]}"#) { $0.strings("a", max: 1, characters: 1...9) }.paths
        == (isControl ? ["a[0]"] : []))
  }

  @Test("A null member is an absent one to every reader (B-HTTP-4)", arguments: ["{}", #"{"a":null}"#])
  func nullIsAbsent(body: String) {
    let reading = Reading(body) { fields -> Bool? in
      let values: [Any?] = [
        fields.value("a"), fields.string("a", characters: 1...2), fields.string("a") { _ in "must not be" },
        fields.choice("a", of: Fruit.self),
        fields.bool("a"), fields.integer("a", in: 1...2), fields.list("a", max: 1) { _ in 1 },
        fields.strings("a", max: 1, characters: 1...2),
        fields.object("a"),
      ]
      return values.allSatisfy { $0 == nil }
    }
    #expect(reading.value == true)
    #expect(
      Reading(body) { fields -> Bool? in
        fields.require("a"); return true
      }.problems == [Problem(path: "a", message: "is required")])
  }

  @Test("A required member may be empty, zero or false", arguments: [#""""#, "0", "false", "[]", "{}"])
  func requiresPresence(value: String) {
    #expect(
      Reading(#"{"a":\#(value)}"#) { fields -> Bool? in
        fields.require("a"); return true
      }.value == true)
  }

  @Test("A value of another type is a problem to every reader, and is said once", arguments: ["\"1\"", "1", "true", "[]", "{}"])
  func refusesOtherTypes(value: String) {
    func check<Value>(_ own: String, _ message: String, _ read: (Fields) -> Value?) {
      let expected = own == value ? [] : [Problem(path: "a", message: message)]
      #expect(Reading(#"{"a":\#(value)}"#) { fields -> Value? in read(fields) }.problems == expected)
    }
    check("\"1\"", "must be a string") { $0.string("a", characters: 1...2) }
    check("\"1\"", "must be a string") { $0.string("a") { _ in nil } }
    check("none", "must be one of KIWI, FIG") { $0.choice("a", of: Fruit.self) }
    check("true", "must be true or false") { $0.bool("a") }
    check("1", "must be a whole number from 1 to 2") { $0.integer("a", in: 1...2) }
    check("[]", "must be a list") { $0.list("a", max: 1) { _ in 1 } }
    check("[]", "must be a list") { $0.strings("a", max: 1, characters: 1...2) }
    check("{}", "must be an object") { $0.object("a") }
  }

  @Test(
    "A choice is taken by its exact spelling",
    arguments: [("KIWI", true), ("kiwi", false), ("\u{212A}IWI", false), ("KIWI ", false), ("", false)])
  func choosesExactly(spelling: String, isTaken: Bool) {
    #expect(Reading(#"{"a":"\#(spelling)"}"#) { $0.choice("a", of: Fruit.self) }.value == (isTaken ? .kiwi : nil))
  }

  @Test(
    "A whole number is taken inside its range only",
    arguments: [
      ("1", 1), ("2147483647", 2_147_483_647), ("1.0", 1), ("1e3", 1000),
      ("0", nil), ("-1", nil), ("2147483648", nil), ("1.5", nil), ("1e400", nil), ("9223372036854775808", nil),
    ] as [(String, Int64?)])
  func readsIntegers(number: String, value: Int64?) {
    let reading = Reading(#"{"a":\#(number)}"#) { $0.integer("a", in: 1...2_147_483_647) }
    #expect(reading.value == value)
    #expect(reading.paths == (value == nil ? ["a"] : []))
  }

  @Test("What a check says stands behind the path")
  func checks() {
    #expect(Reading(#"{"a":"x"}"#) { $0.string("a") { $0 == "x" ? "must not be x" : nil } }.problems.map(\.text) == ["a must not be x"])
    #expect(Reading(#"{"a":"y"}"#) { $0.string("a") { $0 == "x" ? "must not be x" : nil } }.value == "y")
  }
}
