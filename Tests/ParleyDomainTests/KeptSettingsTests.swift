import Testing

@testable import ParleyDomain

@Suite("Settings as they are kept: capture rules apart (B-CFG-23)")
struct KeptSettingsTests {
  private static let store = "mem_store_01h2xcejqtf2nbrexx3vqjhp41"

  private static func body(_ channels: String, more: String = "") -> String {
    #"""
    {"displayName":"Tea","description":"a \"captureRules\":[ and }\\","conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(store)",\#
    "channelSettings":{\#(channels)}\#(more)}
    """#
  }

  private static func read(_ body: String) -> Reading<ConfigurationDraft> {
    Reading(body) { ConfigurationDraft($0, callbacks: CallbackPolicy(allowPrivate: false)) }
  }

  private static let channels = [
    "", #""SMS":{}"#, #""SMS":{"captureRules":[]}"#, #""SMS":{"statusTimeouts":{"closed":5}}"#,
    #""SMS":{"captureRules":[{"from":"*","to":"*"}]}"#,
    #""SMS":{"captureRules":[{"from":"*","to":"*"},{"to":"*","from":"+14155550100"}],"statusTimeouts":{"inactive":1,"closed":2}},"CHAT":{}"#,
    #""CHAT":{"captureRules":[]},"VOICE":{"statusTimeouts":{}},"SMS":{"captureRules":[{"from":"*","to":"*"}]},"EMAIL":{"captureRules":[]}"#,
    #""CHAT":{"captureRules":[{"from":"*","to":"*","metadata":{"captureRules":"[","a":"]]}}","b":"\"","c":"\\","d":"\\\"]","e":"\n\u0001 é💬"}}]}"#,
  ]

  @Test("what is shown is the same whether rules are kept apart or were kept among the settings", arguments: channels)
  func forms(_ channels: String) throws {
    let kept = try Self.read(Self.body(channels)).get().settings
    let shown = try kept.shown()
    #expect(
      try JSON.parse(shown).object?["channelSettings"]?.object?.members.count
        == JSON.parse(Array("{\(channels)}".utf8)).object?.members.count)
    let whole = KeptSettings(text: shown, rules: nil, isWhole: true)
    #expect(try whole.shown() == shown)
    #expect(try whole.apart() == kept)
    #expect(try kept.apart() == kept)
    // No rule is left among the rest.
    #expect(!text(kept.text).contains(#""from""#))
  }

  @Test("settings of a conversation's own are merged into both forms alike", arguments: channels)
  func merged(_ channels: String) throws {
    let kept = try Self.read(Self.body(channels, more: #","statusCallbacks":[{"url":"https://tea.example"}]"#)).get().settings
    let whole = KeptSettings(text: try kept.shown(), rules: nil, isWhole: true)
    for override in [
      "{}", #"{"statusCallbacks":[]}"#,
      #"{"channelSettings":{"SMS":{"statusTimeouts":{"closed":9}},"WHATSAPP":{"statusTimeouts":{"closed":9}}}}"#,
      #"{"channelSettings":{"CHAT":{"statusTimeouts":{"inactive":3}}},"memoryExtractionEnabled":true}"#,
    ] {
      let (apart, among) = (
        PinnedConfiguration(base: kept, override: Array(override.utf8)), PinnedConfiguration(base: whole, override: Array(override.utf8))
      )
      #expect(try text(apart.settings()) == text(among.settings()))
      #expect(try apart.callbacks() == among.callbacks())
    }
  }

  @Test("rules are not looked at where callbacks are asked for or changed")
  func unread() throws {
    let kept = try Self.read(Self.body(Self.channels[4], more: #","statusCallbacks":[{"url":"https://tea.example"}]"#)).get().settings
    let pinned = PinnedConfiguration(base: KeptSettings(text: kept.text, rules: Array("no JSON".utf8)), override: nil)
    #expect(try pinned.callbacks().map(\.url) == ["https://tea.example"])
    let changed = try #require(try pinned.changed(by: .set([])))
    #expect(try changed.callbacks().isEmpty)
    #expect(try text(changed.settings()).contains(#""captureRules":no JSON"#))
  }

  @Test(
    "rules that do not fit their places, and lists without an end, are damage",
    arguments: [
      ("{}", "[]"), (#"{"captureRules":null}"#, "[]\n[]"), (#"{"captureRules":null,"a":{"captureRules":null}}"#, "[]"),
      (#"{"captureRules":[]}"#, "[]"), (#"{"captureRules":"#, "[]"),
    ])
  func damage(_ text: String, _ rules: String) {
    #expect(throws: DamagedDocument.self) { try KeptSettings(text: Array(text.utf8), rules: Array(rules.utf8)).shown() }
  }

  @Test(
    "a list without an end is damage",
    arguments: [#"{"captureRules":[{"#, #"{"captureRules":["]"#, #"{"captureRules":["\"#, #"{"captureRules":"#])
  func endless(_ text: String) {
    #expect(throws: DamagedDocument.self) { try KeptSettings(text: Array(text.utf8), rules: nil, isWhole: true).apart() }
  }

  // MARK: - Sizes

  /// Settings whose rules, on several channels, have so many bytes of JSON as they are shown.
  private static func channels(ofRuleBytes bytes: Int) -> String {
    let empty = #"[{"from":"*","to":"*","metadata":{}}]"#.utf8.count
    // The bytes of an entry of metadata beside its text, and its comma.
    let entry = #""00":"","#.utf8.count
    var missing = bytes
    var lists: [String] = []
    while missing > 0, lists.count < 7 {
      var rules: [String] = []
      while missing > 0, rules.count < 100 {
        missing -= rules.isEmpty ? empty : empty - 1
        var metadata: [String] = []
        while missing > 0, metadata.count < 20 {
          missing -= metadata.isEmpty ? entry - 1 : entry
          let length = max(0, min(512, missing))
          missing -= length
          metadata.append(#""\#(metadata.count + 10)":"\#(String(repeating: "x", count: length))""#)
        }
        rules.append(#"{"from":"*","to":"*","metadata":{\#(metadata.joined(separator: ","))}}"#)
      }
      lists.append("[\(rules.joined(separator: ","))]")
      if missing > 0 { missing -= 1 }
    }
    return zip(Channel.allCases, lists).map { #""\#($0.rawValue)":{"captureRules":\#($1)}"# }.joined(separator: ",")
  }

  @Test("capture rules have 1 MiB of JSON together at most, on all channels")
  func ruleBytes() throws {
    let most = try Self.read(Self.body(Self.channels(ofRuleBytes: 1 << 20))).get().settings
    #expect(most.rules?.count == 1 << 20)
    let more = Self.read(Self.body(Self.channels(ofRuleBytes: 1 << 20 + 1)))
    #expect(more.paths == ["channelSettings"])
    #expect(more.problems.first?.message == "must have capture rules of at most 1048576 bytes of JSON together, but they have 1048577")
    // The other problems are said with it.
    let wrong = Self.body(Self.channels(ofRuleBytes: 3 << 20), more: #","memoryExtractionEnabled":1"#).replacing("Tea", with: "Té")
    #expect(Self.read(wrong).paths == ["displayName", "channelSettings", "memoryExtractionEnabled"])
  }

  @Test("what is escaped counts as it is shown")
  func escapedBytes() {
    let metadata = #"{"a":"\#(String(repeating: #"\u0001"#, count: 512))"}"#
    let rules = list(of: 100) { _ in #"{"from":"*","to":"*","metadata":\#(metadata)}"# }
    #expect(Self.read(Self.body(#""SMS":{"captureRules":\#(rules)},"CHAT":{"captureRules":\#(rules)}"#)).paths.isEmpty)
    let four = ["SMS", "CHAT", "VOICE", "EMAIL"].map { #""\#($0)":{"captureRules":\#(rules)}"# }
    #expect(Self.read(Self.body(four.joined(separator: ","))).paths == ["channelSettings"])
  }

  @Test("settings beside the rules, a conversation's own too, have 256 KiB at most")
  func otherBytes() throws {
    let most = Array(repeating: UInt8(ascii: "x"), count: 256 << 10)
    #expect(KeptSettings.objection(to: most) == nil)
    #expect(KeptSettings.objection(to: most + [0])?.contains("262144") == true)
    // No field is so large that a body gets there; what was kept before may be.
    func pinned(_ size: Int) -> PinnedConfiguration {
      let rest = #"{"statusCallbacks":[],"x":"#
      return PinnedConfiguration(
        base: nil, override: Array(#"\#(rest)"\#(String(repeating: "x", count: size - rest.utf8.count - 3))"}"#.utf8))
    }
    let change = Change.set([StatusCallback(url: "https://tea.example", method: .post)])
    let added = #"{"url":"https://tea.example","method":"POST"}"#.utf8.count
    #expect(try pinned(256 << 10 - added).changed(by: change)?.override?.count == 256 << 10)
    #expect(throws: ParleyError.self) { try pinned(256 << 10 - added + 1).changed(by: change) }
  }
}
