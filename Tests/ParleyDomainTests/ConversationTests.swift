import ParleyDomain
import Testing

@Suite("New conversations")
struct ConversationTests {
  static let configurationId = "conv_configuration_01h2xcejqtf2nbrexx3vqjhp41"
  static let storeId = "mem_store_01h2xcejqtf2nbrexx3vqjhp41"
  private static let inline = #"{"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(storeId)"}"#

  @Test("A new conversation is ACTIVE and as old as its last change (B-CONV-1, B-CONV-9, B-CONV-10, B-TIME-3)")
  func makes() throws {
    let made = Conversation(
      try draft(#""name":"Late parcel","metadata":{"order.id":"HT-2041"}"#).get(), id: try .init(1), of: .init(1), at: .at(0))
    #expect(
      text(Stored(made).document) == #"""
        {"id":"conv_conversation_00000000000000000000000001","accountId":"AC01010101010101010101010101010101",\#
        "configurationId":"conv_configuration_01h2xcejqtf2nbrexx3vqjhp41","status":"ACTIVE","name":"Late parcel",\#
        "metadata":{"order.id":"HT-2041"},"createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}
        """#)
    #expect(Stored(try Stored(made).value()).document == Stored(made).document)
  }

  @Test("What is unset is null or empty in the document, which is read back (B-CONV-3, B-CONV-9, B-CONV-10)")
  func makesInline() throws {
    let made = Conversation(try read(#"{"configuration":\#(Self.inline)}"#).get(), id: try .init(1), of: .init(1), at: .at(0))
    #expect(
      text(Stored(made).document) == #"""
        {"id":"conv_conversation_00000000000000000000000001","accountId":"AC01010101010101010101010101010101",\#
        "configurationId":null,"status":"ACTIVE","name":null,"metadata":{},\#
        "createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}
        """#)
    #expect(Stored(try Stored(made).value()).document == Stored(made).document)
  }

  @Test(
    "A conversation names a configuration or gives grouping type and memory store inline (B-CONV-3, B-HTTP-6)",
    arguments: [
      (#"{"configurationId":"\#(configurationId)"}"#, []),
      (#"{"configuration":\#(inline)}"#, []),
      (#"{"configurationId":"\#(configurationId)","configuration":\#(inline)}"#, []),
      (#"{"configurationId":null,"configuration":\#(inline)}"#, []),
      ("{}", ["configurationId"]),
      (#"{"configuration":{}}"#, ["configurationId"]),
      (#"{"configuration":{"memoryStoreId":"\#(storeId)"}}"#, ["configurationId"]),
      (#"{"configuration":{"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":null}}"#, ["configurationId"]),
      (#"{"configurationId":""}"#, ["configurationId"]),
      (#"{"configurationId":"cfg_configuration_01h2xcejqtf2nbrexx3vqjhp41"}"#, ["configurationId"]),
      (#"{"configurationId":"\#(storeId)","configuration":\#(inline)}"#, ["configurationId"]),
      (#"{"configurationId":7}"#, ["configurationId"]),
    ] as [(String, [String])])
  func needsConfiguration(body: String, paths: [String]) {
    #expect(read(body).paths == paths)
  }

  @Test("Problems of a create stand in the contract's order (B-ERR-7)")
  func keepsOrder() {
    let body = #"""
      {"action":{},"metadata":{"a b":""},"participants":[{"type":1}],"configuration":{"workflows":1,"memoryStoreId":2},"name":3,
      "configurationId":4}
      """#
    #expect(
      read(body).paths == [
        "configurationId", "name", "configuration.memoryStoreId", "configuration.workflows", "participants[0].type", "metadata", "action",
      ])
    #expect(read(#"{"name":3}"#).paths == ["configurationId", "name"])
  }

  @Test(
    "A name has at most 256 code points, may be empty, and is kept as it is (B-CONV-9, B-HTTP-8, B-HTTP-9)",
    arguments: ["x", "\u{1F600}", "\u{0}"])
  func limitsNames(character: String) throws {
    func name(_ count: Int) -> String { #""name":\#(text(JSON.string(String(repeating: character, count: count)).bytes))"# }
    #expect(try draft(name(256)).get().name?.unicodeScalars.count == 256)
    #expect(try draft(name(0)).get().name == "")
    #expect(draft(name(257)).paths == ["name"])
  }

  @Test("An action is refused, since not to send would mislead; null is none (B-CONV-11)")
  func refusesActions() throws {
    #expect(draft(#""action":{"type":"SEND_MESSAGE"}"#).problems == [Problem(path: "action", message: "is not supported")])
    #expect(try draft(#""action":null"#).get().name == nil)
  }

  private static let metadata: [(String, Bool)] = [
    ("{}", true), ("null", true), (#"{"a":""}"#, true), (#"{"A.b-C_9":"x"}"#, true),
    (#"{"\#(String(repeating: "k", count: 128))":"x"}"#, true), (#"{"\#(String(repeating: "k", count: 129))":"x"}"#, false),
    (#"{"a":"\#(String(repeating: "\u{1F600}", count: 512))"}"#, true), (#"{"a":"\#(String(repeating: "x", count: 513))"}"#, false),
    (#"{"":"x"}"#, false), (#"{"a b":"x"}"#, false), (#"{"é":"x"}"#, false), (#"{"\u212a":"x"}"#, false), (#"{"a\u0000":"x"}"#, false),
    (#"{"a":1}"#, false), (#"{"a":true}"#, false), (#"{"a":{}}"#, false), (#"{"a":["x"]}"#, false), ("[]", false), (#""a""#, false),
    (entries(8), true), (entries(9), false), (#"{"null":null,\#(entries(8).dropFirst())"#, true), (#"{"a":"\u0000\n"}"#, true),
  ]

  @Test("Metadata are up to 8 texts of 512 characters under names of 1 to 128 plain ones (B-CONV-10, B-HTTP-4)", arguments: metadata)
  func readsMetadata(metadata: String, isTaken: Bool) {
    let reading = draft(#""metadata":\#(metadata)"#)
    #expect((reading.value != nil) == isTaken)
    #expect(reading.paths.allSatisfy { $0.hasPrefix("metadata") } && reading.problems.isEmpty == isTaken)
  }

  @Test("Metadata of a great many members are refused once (B-CONV-10)")
  func limitsMetadata() {
    #expect(draft(#""metadata":\#(Self.entries(Metadata.namesMax))"#).paths == ["metadata"])
    #expect(draft(#""metadata":\#(Self.entries(Metadata.namesMax + 1))"#).paths == ["metadata"])
  }

  @Test(
    "A conversation comes with at most 50 participants, and each problem of them is told (B-CONV-6, B-PART-2)",
    arguments: [(0, true), (50, true), (51, false)])
  func limitsParticipants(count: Int, fits: Bool) {
    let reading = draft(#""participants":\#(list(of: count) { #"{"addresses":[{"channel":"CHAT","address":"\#($0)"}]}"# })"#)
    #expect(reading.value?.participants.count == (fits ? count : nil))
    #expect(reading.paths == (fits ? [] : ["participants"]))
    #expect(
      draft(#""participants":[{},null,{"addresses":[{}]}]"#).paths == [
        "participants[1]", "participants[2].addresses[0].channel", "participants[2].addresses[0].address",
      ])
  }

  private static let shared: [(String, [String])] = [
    (#"[{"addresses":[\#(a)]},{"addresses":[\#(a)]}]"#, ["participants[1].addresses[0]"]),
    (
      #"[{"addresses":[\#(a)]},{"addresses":[\#(b),\#(clientA)]},{"addresses":[\#(a)]}]"#,
      ["participants[1].addresses[1]", "participants[2].addresses[0]"]
    ),
    (#"[{"addresses":[\#(a)]},{"addresses":[\#(a7)]}]"#, ["participants[1].addresses[0]"]),
    (#"[{"addresses":[\#(a),\#(a)]},{"addresses":[\#(b)]}]"#, ["participants[0].addresses[1]"]),
    (
      #"[{"addresses":[\#(a)]},{"addresses":[{},\#(a)]}]"#,
      ["participants[1].addresses[0].channel", "participants[1].addresses[0].address", "participants[1].addresses[1]"]
    ),
    (#"[{"addresses":[\#(a)]},null,{"addresses":[\#(a)]}]"#, ["participants[1]", "participants[2].addresses[0]"]),
    (#"[{"addresses":[\#(a),\#(a7)]},{"addresses":[\#(b)]}]"#, []),
    (#"[{"addresses":[\#(a)]},{"addresses":[{"channel":"VIDEO","address":"a"}]}]"#, []),
  ]
  private static let a = #"{"channel":"CHAT","address":"a"}"#
  private static let a7 = #"{"channel":"CHAT","address":"a","channelId":"7"}"#
  private static let clientA = #"{"channel":"CHAT","address":"client:a"}"#
  private static let b = #"{"channel":"CHAT","address":"b"}"#

  @Test(
    "An address under two participants of one request is refused at the later one, with or without channelId (B-PART-6)", arguments: shared)
  func refusesShared(participants: String, paths: [String]) {
    #expect(draft(#""participants":\#(participants)"#).paths == paths)
  }

  static func entries(_ count: Int) -> String { "{" + (0..<count).map { #""k\#($0)":"v""# }.joined(separator: ",") + "}" }

  private func read(_ body: String) -> Reading<ConversationDraft> {
    Reading(body) { ConversationDraft($0, callbacks: CallbackPolicy(allowPrivate: false)) }
  }

  private func draft(_ members: String) -> Reading<ConversationDraft> {
    read(#"{"configurationId":"\#(Self.configurationId)",\#(members)}"#)
  }
}
