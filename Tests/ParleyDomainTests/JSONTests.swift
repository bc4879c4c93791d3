import ParleyDomain
import Testing

@Suite("JSON")
struct JSONTests {
  @Test("Every case that is JSON by the public suite is taken, and is the same again after writing", arguments: ConformanceCase.mustBeTaken)
  func takes(_ row: ConformanceCase) throws {
    let value = try JSON.parse(row.bytes)
    #expect(try JSON.parse(value.bytes) == value)
  }

  @Test("Every case that is no JSON by the public suite is refused", arguments: ConformanceCase.mustBeRefused)
  func refuses(_ row: ConformanceCase) {
    #expect(throws: JSONError.self) { try JSON.parse(row.bytes) }
  }

  @Test("Of the public suite's open cases, numbers of any size are taken and written as they came", arguments: ConformanceCase.mayBeTaken)
  func takesNumbers(_ row: ConformanceCase) throws {
    #expect(try JSON.parse(row.bytes).bytes == row.bytes.filter { $0 != 0x0A })
  }

  @Test("Of the public suite's open cases, all others are refused (B-HTTP-9)", arguments: ConformanceCase.mayBeRefused)
  func refusesOpenCases(_ row: ConformanceCase) {
    #expect(throws: JSONError.self) { try JSON.parse(row.bytes) }
  }

  @Test("The public suite is here as a whole")
  func isWhole() {
    #expect(ConformanceCase.mustBeTaken.count == 93)
    #expect(ConformanceCase.mustBeRefused.count == 188)
    #expect(ConformanceCase.mayBeTaken.count == 10)
    #expect(ConformanceCase.mayBeRefused.count == 27)
  }

  @Test(
    "64 levels of arrays and objects are taken and 65 are not (B-HTTP-9)",
    arguments: [("[", "]"), (#"{"a":"#, "}"), (#"[{"a":"#, "}]")])
  func nests(open: String, close: String) throws {
    let levels = open.count { $0 == "[" || $0 == "{" }
    func nested(_ times: Int) -> [UInt8] {
      Array((String(repeating: open, count: times) + "1" + String(repeating: close, count: times)).utf8)
    }
    #expect(throws: Never.self) { try JSON.parse(nested(64 / levels)) }
    #expect(throws: JSONError.self) { try JSON.parse(nested(64 / levels + 1)) }
    #expect(throws: JSONError.self) { try JSON.parse(Array("[".utf8) + nested(64 / levels) + Array("]".utf8)) }
  }

  @Test("As many values as the limit says are taken, one more is not")
  func countsValues() {
    func numbers(_ count: Int) -> [UInt8] { Array(("[" + String(repeating: "1,", count: count - 1) + "1]").utf8) }
    #expect(throws: Never.self) { try JSON.parse(numbers(JSON.valuesMax - 1)) }
    #expect(throws: JSONError.self) { try JSON.parse(numbers(JSON.valuesMax)) }
  }

  @Test(
    "A member that is there twice is refused and named by its path (B-HTTP-9)",
    arguments: [
      (#"{"a":1,"a":1}"#, "a"),
      (#"{"a":1,"b":2,"\u0061":3}"#, "a"),
      (#"{"":1,"":2}"#, ""),
      (#"{"x":{"a":null,"a":null}}"#, "x.a"),
      (#"{"participants":[{"addresses":[{},{"channel":1,"channel":2}]}]}"#, "participants[0].addresses[1].channel"),
      ("{" + (0..<40).map { #""m\#($0)":0,"# }.joined() + #""m3":1}"#, "m3"),
      ("{" + (0..<40).map { #""m\#($0)":0,"# }.joined() + #""m39":1}"#, "m39"),
    ])
  func refusesTwins(json: String, path: String) {
    let error = #expect(throws: JSONError.self) { try JSON.parse(Array(json.utf8)) }
    #expect(error?.path.text == path)
    #expect(error?.message == "is there twice")
  }

  @Test(
    "Members whose names only look alike are two (B-HTTP-8)",
    arguments: [#"{"K":1,"\u212a":2}"#, #"{"\u00e9":1,"e\u0301":2}"#, #"{"a":1,"A":2}"#, #"{"a":1,"a\u0000":2}"#])
  func tellsMembersApart(json: String) throws {
    let object = try #require(try JSON.parse(Array(json.utf8)).object)
    #expect(object.members.map { object[$0.name] } == [.number(.init(text: "1")), .number(.init(text: "2"))])
  }

  @Test("Texts are the same when their bytes are (B-HTTP-8)")
  func comparesBytes() {
    #expect("K" == "\u{212A}", "which is why == will not do")
    #expect(!"K".isSame(as: "\u{212A}"))
    #expect(!"\u{e9}".isSame(as: "e\u{301}"))
    #expect("\u{e9}".isSame(as: "\u{e9}"))
    #expect(JSON.Object([("K", .null)]) != JSON.Object([("\u{212A}", .null)]))
  }

  @Test(
    "What is no JSON, or nests too deep, is wrong as a whole, at whatever depth that is seen (B-ERR-7, B-HTTP-9)",
    arguments: [
      ("", "ends too early"),
      ("  \n", "ends too early"),
      (#"{"a":[{"b":"#, "ends too early"),
      (#"{"a"}"#, "is not JSON at byte 4"),
      ("{} {}", "has more after its end, at byte 3"),
      (#"{"a":{"b":[nul]}}"#, "is not JSON at byte 11"),
      (#"{"a":["\ud800"]}"#, "has a lone surrogate before byte 13"),
      (#"{"a":["\x"]}"#, "has an unknown escape at byte 8"),
      ("{\"a\":[\"\n\"]}", "has an unescaped control character at byte 7"),
      (String(repeating: "[", count: 65), "nests deeper than 64 levels"),
    ])
  func namesTheByte(json: String, message: String) {
    let error = #expect(throws: JSONError.self) { try JSON.parse(Array(json.utf8)) }
    #expect(error?.path == .root)
    #expect(error?.message == message)
  }

  @Test("Bytes that are no UTF-8 are refused in names and in values (B-HTTP-9)")
  func refusesBadBytes() {
    for bytes: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]] {
      // A text with an escape is read in another way.
      for start in ["\"", "\"\\n"] {
        let quoted = Array(start.utf8) + bytes + Array("\"".utf8)
        let value = #expect(throws: JSONError.self) { try JSON.parse(Array("[".utf8) + quoted + Array("]".utf8)) }
        let name = #expect(throws: JSONError.self) { try JSON.parse(Array("{".utf8) + quoted + Array(":1}".utf8)) }
        #expect([value, name].allSatisfy { $0?.message.starts(with: "is not valid UTF-8") ?? false })
      }
    }
  }

  @Test(
    "Texts keep every character, U+0000 too (B-HTTP-9)",
    arguments: [
      (#""\u0000""#, "\u{0}"),
      (#""a\u0000b\u001f\u007f""#, "a\u{0}b\u{1f}\u{7f}"),
      (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
      (#""\ud834\udd1e \uD834\uDD1E""#, "\u{1D11E} \u{1D11E}"),
      (#""\udbff\udfff\uffff""#, "\u{10FFFF}\u{FFFF}"),
      ("\"e\u{301}\u{212A}\"", "e\u{301}\u{212A}"),
    ])
  func keepsCharacters(json: String, text: String) throws {
    let read = try #require(try JSON.parse(Array(json.utf8)).string)
    #expect(Array(read.unicodeScalars) == Array(text.unicodeScalars))
  }

  @Test("Members stay in the order of the text, and null is not absent")
  func keepsOrder() throws {
    var object = try #require(try JSON.parse(Array(#"{"z":1,"a":null,"m":true}"#.utf8)).object)
    #expect(object.members.map(\.name) == ["z", "a", "m"])
    #expect(object["a"] == .null)
    #expect(object["b"] == nil)
    object["m"] = .bool(false)
    object["b"] = .string("new")
    object["z"] = nil
    object["y"] = nil
    #expect(text(JSON.object(object).bytes) == #"{"a":null,"m":false,"b":"new"}"#)
  }
}
