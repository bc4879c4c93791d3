import ParleyDomain
import Testing

@Suite("Changes of conversations")
struct ConversationChangeTests {
  private enum Way: CaseIterable { case put, patch }

  private static let table: [(Conversation.Status, Conversation.Status, Bool?)] = [
    (.active, .active, false), (.active, .inactive, true), (.active, .closed, true),
    (.inactive, .active, true), (.inactive, .inactive, false), (.inactive, .closed, true),
    (.closed, .active, nil), (.closed, .inactive, nil), (.closed, .closed, false),
  ]

  @Test("The status changes as the table says: yes, no change, or refused (B-CONV-25, B-CONV-26, B-TIME-3)", arguments: table)
  func changesStatus(from: Conversation.Status, to: Conversation.Status, changes: Bool?) throws {
    for way in Way.allCases {
      let change = try read(#"{"status":"\#(to.rawValue)"}"#, way).get()
      let before = try made(status: from)
      guard let changes else {
        let error = #expect(throws: ParleyError.self) { try before.changed(by: change, callbacksChange: false, at: .at(60)) }
        #expect(error == .refusedByState(.conversationClosed))
        continue
      }
      let after = try before.changed(by: change, callbacksChange: false, at: .at(60))
      #expect(after?.status == (changes ? to : nil))
      #expect(after?.updatedAt == (changes ? .at(60) : nil))
      #expect(after?.createdAt == (changes ? .at(0) : nil))
    }
  }

  struct Row: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let body: String
    /// Name and metadata after the change; nil if it changes nothing.
    let after: (name: String?, metadata: [String: String])?

    init(_ testDescription: String, _ body: String, _ after: (name: String?, metadata: [String: String])?) {
      (self.testDescription, self.body, self.after) = (testDescription, body, after)
    }
  }

  @Test(
    "A PUT replaces what it has and keeps what it leaves out (B-CONV-22)",
    arguments: [
      Row("status alone", #"{"status":"ACTIVE"}"#, nil),
      Row("another name", #"{"status":"ACTIVE","name":"new"}"#, ("new", ["a": "1", "b": "2"])),
      Row("an empty name is a name", #"{"status":"ACTIVE","name":""}"#, ("", ["a": "1", "b": "2"])),
      Row("a null is a member left out (B-HTTP-4)", #"{"status":"ACTIVE","name":null,"metadata":null}"#, nil),
      Row("metadata whole", #"{"status":"ACTIVE","metadata":{"b":"2","c":"3"}}"#, ("old", ["b": "2", "c": "3"])),
      Row("metadata emptied", #"{"status":"ACTIVE","metadata":{}}"#, ("old", [:])),
      Row("a null entry is one left out (B-HTTP-4)", #"{"status":"ACTIVE","metadata":{"a":null,"b":"2"}}"#, ("old", ["b": "2"])),
      Row("the same metadata in another order", #"{"status":"ACTIVE","name":"old","metadata":{"b":"2","a":"1"}}"#, nil),
      Row(
        "configuration and participants are ignored", #"{"status":"ACTIVE","configurationId":7,"configuration":[],"participants":"x"}"#, nil
      ),
    ])
  func puts(row: Row) throws { try check(row, .put) }

  @Test(
    "A PATCH changes what it has: null clears the name and removes metadata (B-CONV-23)",
    arguments: [
      Row("nothing", "{}", nil),
      Row("another name", #"{"name":"new"}"#, ("new", ["a": "1", "b": "2"])),
      Row("the same name", #"{"name":"old"}"#, nil),
      Row("a name cleared", #"{"name":null}"#, (nil, ["a": "1", "b": "2"])),
      Row("an entry set", #"{"metadata":{"a":"9"}}"#, ("old", ["a": "9", "b": "2"])),
      Row("an entry set to nothing", #"{"metadata":{"a":""}}"#, ("old", ["a": "", "b": "2"])),
      Row("an entry added, one removed", #"{"metadata":{"a":null,"c":"3"}}"#, ("old", ["b": "2", "c": "3"])),
      Row("an entry removed that is not there", #"{"metadata":{"x":null}}"#, nil),
      Row("an entry set to what it is", #"{"metadata":{"a":"1"}}"#, nil),
      Row("no entries", #"{"metadata":{}}"#, nil),
      Row("unknown settings and members are ignored", #"{"configuration":{"other":1},"participants":7,"configurationId":"x"}"#, nil),
    ])
  func patches(row: Row) throws { try check(row, .patch) }

  @Test("A name that only looks the same is another (B-HTTP-8)", arguments: [("K", "\u{212A}"), ("\u{e9}", "e\u{301}")])
  func comparesBytes(from: String, to: String) throws {
    for (name, value) in [("name", from), ("name", to)] {
      let change = try read(#"{"\#(name)":"\#(value)"}"#, .patch).get()
      #expect((try made(name: from).changed(by: change, callbacksChange: false, at: .at(60)) == nil) == value.isSame(as: from))
    }
    let change = try read(#"{"metadata":{"a":"\#(to)"}}"#, .patch).get()
    #expect(try made(metadata: [("a", from)]).changed(by: change, callbacksChange: false, at: .at(60)) != nil)
  }

  @Test("After a PATCH there are at most 8 entries (B-CONV-10, B-CONV-23)")
  func limitsMetadata() throws {
    let full = try made(metadata: (0..<8).map { ("k\($0)", "v") })
    func patch(_ body: String) throws(ParleyError) -> Conversation? {
      guard let change = read(body, .patch).value else { return nil }
      return try full.changed(by: change, callbacksChange: false, at: .at(60))
    }
    #expect(try patch(#"{"metadata":{"new":"x","k3":null}}"#)?.metadata.entries.count == 8)
    #expect(try patch(#"{"metadata":{"k3":"x"}}"#)?.metadata.entries.count == 8)
    let error = #expect(throws: ParleyError.self) { try patch(#"{"metadata":{"new":"x"}}"#) }
    #expect(error == .invalid([Problem(path: "metadata", message: "must have at most 8 entries")]))
  }

  @Test("A CLOSED conversation refuses every change and takes what is none (B-CONV-25, B-CONV-28)")
  func isFinal() throws {
    let closed = try made(status: .closed)
    for body in [#"{"name":"new"}"#, #"{"name":null}"#, #"{"metadata":{"a":null}}"#, #"{"status":"CLOSED","name":"new"}"#] {
      let error = #expect(throws: ParleyError.self) {
        try closed.changed(by: read(body, .patch).get(), callbacksChange: false, at: .at(60))
      }
      #expect(error == .refusedByState(.conversationClosed))
    }
    for body in ["{}", #"{"status":"CLOSED","name":"old"}"#, #"{"metadata":{"a":"1"}}"#] {
      let change = try read(body, .patch).get()
      #expect(try closed.changed(by: change, callbacksChange: false, at: .at(60)) == nil)
      #expect(throws: ParleyError.refusedByState(.conversationClosed)) {
        try closed.changed(by: change, callbacksChange: true, at: .at(60))
      }
    }
  }

  @Test(
    "updatedAt moves with every change, callbacks among them, and never goes back (B-TIME-3)",
    arguments: [(60, 60), (0, 0), (-60, 0)] as [(Int64, Int64)])
  func keepsTime(now: Int64, updatedAt: Int64) throws {
    let renamed = try made().changed(by: read(#"{"name":"new"}"#, .patch).get(), callbacksChange: false, at: .at(now))
    #expect(renamed?.updatedAt == .at(updatedAt))
    let told = try made().changed(by: read("{}", .patch).get(), callbacksChange: true, at: .at(now))
    #expect(told?.updatedAt == .at(updatedAt) && told?.name == "old")
  }

  @Test(
    "What is wrong with a PUT is told in order (B-CONV-22, B-ERR-7)",
    arguments: [
      ("{}", ["status"]), (#"{"status":null}"#, ["status"]), (#"{"status":"active"}"#, ["status"]), (#"{"status":"DELETED"}"#, ["status"]),
      (#"{"metadata":7,"name":7,"status":7}"#, ["status", "name", "metadata"]),
      (#"{"status":"CLOSED","metadata":\#(ConversationTests.entries(9))}"#, ["metadata"]),
    ])
  func refusesPut(body: String, paths: [String]) { #expect(read(body, .put).paths == paths) }

  private static let fixed = [
    "conversationGroupingType", "memoryStoreId", "channelSettings", "memoryExtractionEnabled", "intelligenceConfigurationIds",
    "displayName",
    "description", "conversationsV1Bridge", "traitExtractionStrategyIds", "observationExtractionStrategyIds", "workflows",
  ]

  @Test("A PATCH may carry no setting but statusCallbacks (B-CONV-23)", arguments: fixed)
  func refusesSettings(setting: String) {
    #expect(read(#"{"configuration":{"\#(setting)":"x","statusCallbacks":[]}}"#, .patch).paths == ["configuration.\(setting)"])
    #expect(read(#"{"configuration":{"\#(setting)":null}}"#, .patch).paths == [])
  }

  @Test("A PATCH takes up to 20 callbacks, none, or null (B-CONV-24, B-HOOK-10)")
  func readsCallbacks() throws {
    func callbacks(_ json: String) -> Reading<ConversationChange> { read(#"{"configuration":{"statusCallbacks":\#(json)}}"#, .patch) }
    func hooks(_ count: Int) -> String { list(of: count) { #"{"url":"https://tea.example/\#($0)"}"# } }
    guard case .set(let twenty) = try callbacks(hooks(20)).get().callbacks else { Issue.record("a list sets"); return }
    #expect(twenty.count == 20 && twenty[0].url == "https://tea.example/0" && twenty[0].method == .post)
    guard case .set(let none) = try callbacks("[]").get().callbacks, none.isEmpty else { Issue.record("an empty list sets"); return }
    guard case .clear = try callbacks("null").get().callbacks else { Issue.record("null clears"); return }
    for body in ["{}", #"{"configuration":null}"#, #"{"configuration":{}}"#] {
      guard case .keep = try read(body, .patch).get().callbacks else { Issue.record("absent keeps"); return }
    }
    #expect(callbacks(hooks(21)).paths == ["configuration.statusCallbacks"])
    #expect(
      callbacks(#"[{"url":"https://localhost"},{},{"url":"https://tea.example","method":"PUT"}]"#).paths == [
        "configuration.statusCallbacks[0].url", "configuration.statusCallbacks[1].url", "configuration.statusCallbacks[2].method",
      ])
  }

  private func check(_ row: Row, _ way: Way) throws {
    let after = try made().changed(by: read(row.body, way).get(), callbacksChange: false, at: .at(60))
    #expect((after == nil) == (row.after == nil))
    guard let after, let expected = row.after else { return }
    #expect(after.name == expected.name && after.status == .active && after.updatedAt == .at(60))
    #expect(Dictionary(uniqueKeysWithValues: after.metadata.entries.map { ($0.name, $0.value) }) == expected.metadata)
  }

  private func read(_ body: String, _ way: Way) -> Reading<ConversationChange> {
    switch way {
    case .put: Reading(body) { .put($0) }
    case .patch: Reading(body) { .patch($0, callbacks: CallbackPolicy(allowPrivate: false)) }
    }
  }

  private func made(
    status: Conversation.Status = .active, name: String = "old", metadata: [(name: String, value: String)] = [("a", "1"), ("b", "2")]
  ) throws -> Conversation {
    let draft = try Reading(#"{"configurationId":"\#(ConversationTests.configurationId)","name":"\#(name)"}"#) {
      ConversationDraft($0, callbacks: CallbackPolicy(allowPrivate: false))
    }.get()
    var made = Conversation(draft, id: try .init(1), of: .init(1), at: .at(0))
    (made.status, made.metadata) = (status, Metadata(metadata))
    return made
  }
}
