import ParleyDomain
import Testing

@Suite("Lists, objects and problems of a body")
struct FieldsListTests {
  @Test("A list may be as long as its limit and no longer", arguments: [(0, true), (1, true), (3, true), (4, false)])
  func limitsLists(count: Int, fits: Bool) {
    let objects = Reading(#"{"a":\#(list(of: count) { _ in "{}" })}"#) { $0.list("a", max: 3) { _ in 1 } }
    let texts = Reading(#"{"a":\#(list(of: count) { _ in #""x""# })}"#) { $0.strings("a", max: 3, characters: 1...1) }
    #expect(objects.value?.count == (fits ? count : nil))
    #expect(texts.value?.count == (fits ? count : nil))
    let problems = fits ? [] : [Problem(path: "a", message: "must have at most 3 elements")]
    #expect(objects.problems == problems)
    #expect(texts.problems == problems)
  }

  @Test("One bad element gives one problem, a null among them (B-HTTP-4)")
  func namesBadElements() {
    let objects = Reading(#"{"a":[{"n":1},null,{"n":true},[],{"n":2}]}"#) { $0.list("a", max: 5) { $0.integer("n", in: 1...2) } }
    #expect(objects.paths == ["a[1]", "a[2].n", "a[3]"])
    let texts = Reading(#"{"a":["x",null,"",7,"y"]}"#) { $0.strings("a", max: 5, characters: 1...1) }
    #expect(texts.paths == ["a[1]", "a[2]", "a[3]"])
  }

  @Test("Problems are told in the order of the reading, with their JSON paths (B-ERR-7)")
  func keepsOrder() {
    let body = #"{"last":1,"first":1,"inner":{"list":[{"n":0},{"deep":{"n":0}}]}}"#
    let reading = Reading(body) { fields -> Bool? in
      _ = fields.string("first", characters: 0...1)
      _ = fields.object("inner")?.list("list", max: 2) { element -> Int64? in
        element.object("deep")?.integer("n", in: 1...1) ?? element.integer("n", in: 1...1)
      }
      fields.require("missing")
      _ = fields.bool("last")
      return true
    }
    #expect(reading.paths == ["first", "inner.list[0].n", "inner.list[1].deep.n", "missing", "last"])
    #expect(reading.value == nil, "a draft that exists is valid")
  }

  @Test("At most 100 problems are told (B-ERR-7)", arguments: [(99, 99), (100, 100), (101, 100), (500, 100)])
  func limitsProblems(bad: Int, told: Int) {
    let reading = Reading(#"{"a":\#(list(of: bad) { _ in "0" })}"#) { $0.strings("a", max: 500, characters: 1...1) }
    #expect(reading.paths == (0..<told).map { "a[\($0)]" })
  }

  @Test("What a change says of a member: absent keeps, null clears, a value sets, a wrong value is a problem")
  func reads() {
    func change(_ body: String) -> Reading<Change<String>> {
      Reading(body) { fields in fields.change("a") { fields.string($0, characters: 0...3) } }
    }
    guard case .keep? = change("{}").value else { Issue.record("an absent member keeps"); return }
    guard case .clear? = change(#"{"a":null}"#).value else { Issue.record("a null clears"); return }
    guard case .set("")? = change(#"{"a":""}"#).value else { Issue.record("an empty text is a text"); return }
    guard case .set("new")? = change(#"{"a":"new"}"#).value else { Issue.record("a value sets"); return }
    #expect(change(#"{"a":"long"}"#).paths == ["a"])
    #expect(change(#"{"a":1}"#).paths == ["a"])
  }

  @Test("An object whose names are the caller's own gives them in order")
  func givesNames() {
    #expect(Reading(#"{"a":{"z":1,"a":null,"\u212a":2}}"#) { $0.object("a")?.names }.value == ["z", "a", "\u{212A}"])
  }

  @Test("Unknown members are ignored (B-HTTP-3)")
  func ignoresUnknown() {
    #expect(Reading(#"{"id":1,"createdAt":[],"a":"x"}"#) { $0.string("a", characters: 1...1) }.value == "x")
  }

  @Test(
    "A body that is no JSON object is one problem of the whole body or of the place that breaks (B-HTTP-1, B-HTTP-9, B-ERR-7)",
    arguments: [
      ("", ""), (" ", ""), ("[]", ""), ("null", ""), ("\"a\"", ""), ("1", ""), ("{", ""), ("{}{}", ""),
      (#"{"a":1,"a":2}"#, "a"), (#"{"list":[{"n":1,"n":1}]}"#, "list[0].n"), (#"{"list":[{"n":+1}]}"#, ""), (#"{"a":"\ud800"}"#, ""),
    ])
  func refusesOtherBodies(body: String, path: String) {
    let reading = Reading(body) { _ in true }
    #expect(reading.value == nil)
    #expect(reading.paths == [path])
  }

  @Test("An empty object is a body")
  func takesEmptyObject() {
    #expect(Reading("{}") { _ in true }.value == true)
    #expect(Reading(" {\n} ") { _ in true }.value == true)
  }

  @Test("A problem reads as a sentence that names its place (B-ERR-7)")
  func readsAsSentence() {
    #expect(Problem(path: "", message: "must be a JSON object").text == "The body must be a JSON object")
    let path = Path.member(.element(.member(.element(.member(.root, "participants"), 0), "addresses"), 1), "channel")
    #expect(Problem(path: path.text, message: "is required").text == "participants[0].addresses[1].channel is required")
  }
}
