import ParleyDomain
import Testing

@Suite("JSON numbers and writing")
struct JSONNumberTests {
  @Test(
    "A number is a whole one however it is written, exactly",
    arguments: [
      ("10", 10), ("10.0", 10), ("1e1", 10), ("1E+1", 10), ("100e-1", 10), ("0.01e3", 10), ("1000.00e-2", 10),
      ("0", 0), ("-0", 0), ("-0.0", 0), ("0e99999999999999999999", 0), ("0.000e-5", 0),
      ("-10", -10), ("-1.0e1", -10),
      ("9223372036854775807", .max), ("9223372036854775807.0", .max), ("922337203685477580.7e1", .max),
      ("-9223372036854775808", .min), ("-9.223372036854775808e18", .min),
      ("9007199254740993", 9_007_199_254_740_993),
      ("1e18", 1_000_000_000_000_000_000), ("12345678901234567890e-1", 1_234_567_890_123_456_789),
    ] as [(String, Int64)])
  func readsWholeNumbers(json: String, integer: Int64) throws {
    #expect(try JSON.parse(Array(json.utf8)) == .number(.init(text: json)))
    #expect(JSON.Number(text: json).integer == integer)
  }

  @Test(
    "A number that is no whole one of 64 bits is none, and is not rounded to one",
    arguments: [
      "9223372036854775808", "-9223372036854775809", "9223372036854775807.5", "1e19", "1e400", "-1e400", "1e-9223372036854775808",
      "1e9223372036854775807", "-1e-9223372036854775807", "1e99999999999999999999",
      "0.1", "10.5", "-0.5", "1e-1", "1e-400", "1e-99999999999999999999", "0.99999999999999999999999",
    ])
  func readsOtherNumbers(json: String) throws {
    #expect(try JSON.parse(Array(json.utf8)) == .number(.init(text: json)))
    #expect(JSON.Number(text: json).integer == nil)
  }

  @Test("Numbers are written as they were read", arguments: ["10.0", "1e1", "1E400", "-0", "0.10", "123456789012345678901234567890"])
  func writesNumbers(json: String) throws {
    #expect(text(try JSON.parse(Array(json.utf8)).bytes) == json)
  }

  @Test(
    "A text is written with the escapes that it needs and no others",
    arguments: [
      ("plain", #""plain""#),
      ("\"\\", #""\"\\""#),
      ("/", #""/""#),
      ("\n\r\t", #""\n\r\t""#),
      ("\u{0}\u{8}\u{b}\u{c}\u{1f}", #""\u0000\u0008\u000b\u000c\u001f""#),
      ("\u{7f}\u{80}\u{2028}", "\"\u{7f}\u{80}\u{2028}\""),
      ("é\u{212A}\u{1D11E}", "\"é\u{212A}\u{1D11E}\""),
      ("a\"b\"", #""a\"b\"""#),
    ])
  func escapes(plain: String, json: String) throws {
    #expect(JSON.string(plain).bytes == Array(json.utf8))
    #expect(JSON.object(.init([(plain, .null)])).bytes == Array("{\(json):null}".utf8))
    #expect(try JSON.parse(Array(json.utf8)) == .string(plain))
  }

  @Test("Commas stand between members and between elements, and nowhere else")
  func separates() {
    var writer = JSONWriter(capacity: 16)
    writer.object { writer in
      writer.member("empty", raw: Array("{}".utf8))
      writer.name("list")
      writer.array { writer in
        writer.array { _ in }
        writer.integer(.min)
        writer.null()
        writer.object { _ in }
        writer.raw("1e1")
      }
      writer.member("text", "")
      writer.member("number", 7)
      writer.member("flag", false)
      writer.name("value")
      writer.value(.array([.bool(true), .object(.init([("a", .array([]))]))]))
    }
    #expect(
      text(writer.bytes)
        == #"{"empty":{},"list":[[],-9223372036854775808,null,{},1e1],"text":"","number":7,"flag":false,"value":[true,{"a":[]}]}"#)
  }

  @Test("Members are put into a kept object's text in front of its closing brace")
  func joins() {
    #expect(text(Array("{}".utf8).joined(with: Array(#""a":1"#.utf8))) == #"{"a":1}"#)
    #expect(text(Array(#"{"b":{}}"#.utf8).joined(with: Array(#""a":1,"c":2"#.utf8))) == #"{"b":{},"a":1,"c":2}"#)
  }
}
