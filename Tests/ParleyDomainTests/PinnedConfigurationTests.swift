import ParleyDomain
import Testing

@Suite("Settings of one conversation")
struct PinnedConfigurationTests {
  private static let store = "mem_store_01h2xcejqtf2nbrexx3vqjhp41"
  private static let base = #"""
    {"displayName":"Tea","description":"","conversationGroupingType":"GROUP_BY_PROFILE",\#
    "memoryStoreId":"mem_store_01h2xcejqtf2nbrexx3vqjhp41",\#
    "channelSettings":{"SMS":{"statusTimeouts":{"inactive":20,"closed":90},"captureRules":[]},"CHAT":{"statusTimeouts":{"closed":5}}},\#
    "statusCallbacks":[{"url":"https://tea.example","method":"POST"}],"intelligenceConfigurationIds":["GA1"],"memoryExtractionEnabled":true}
    """#

  @Test("Without own settings the pinned ones hold, byte by byte (B-CONV-5)")
  func holdsPinned() throws {
    #expect(text(try PinnedConfiguration(base: Self.kept(Self.base), override: nil).settings()) == Self.base)
    #expect(text(try PinnedConfiguration(base: nil, override: nil).settings()) == "{}")
    for body in [
      "{}", #"{"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(Self.store)"}"#,
      #"{"channelSettings":{"SMS":{"captureRules":[]}}}"#,
    ] {
      #expect(try inline(body).get().override == nil, "nothing that differs")
    }
  }

  @Test(
    "Own settings win over the pinned ones (B-CONV-4)",
    arguments: [
      (#"{"statusCallbacks":[]}"#, #""statusCallbacks":[]"#),
      (
        #"{"statusCallbacks":[{"url":"https://own.example","method":"GET"}]}"#,
        #""statusCallbacks":[{"url":"https://own.example","method":"GET"}]"#
      ),
      (#"{"intelligenceConfigurationIds":["GA2","GA3"]}"#, #""intelligenceConfigurationIds":["GA2","GA3"]"#),
      (#"{"memoryExtractionEnabled":false}"#, #""memoryExtractionEnabled":false"#),
      (
        #"{"channelSettings":{"SMS":{"statusTimeouts":{"closed":7}}}}"#,
        #""channelSettings":{"SMS":{"statusTimeouts":{"closed":7},"captureRules":[]},"CHAT":{"statusTimeouts":{"closed":5}}}"#
      ),
      (
        #"{"channelSettings":{"VOICE":{"statusTimeouts":{"inactive":1}},"CHAT":{"captureRules":[{"from":"*","to":"*"}]}}}"#,
        #"""
        "channelSettings":{"SMS":{"statusTimeouts":{"inactive":20,"closed":90},"captureRules":[]},"CHAT":{"statusTimeouts":{"closed":5}},
        "VOICE":{"statusTimeouts":{"inactive":1}}}
        """#
      ),
    ])
  func overrides(body: String, member: String) throws {
    let pinned = PinnedConfiguration(base: Self.kept(Self.base), override: try inline(body).get().override)
    let settings = try #require(try JSON.parse(pinned.settings()).object)
    let expected = try #require(try JSON.parse(Array("{\(member)}".utf8)).object)
    for own in try #require(try JSON.parse(Array(Self.base.utf8)).object).members {
      #expect(settings[own.name] == expected[own.name] ?? own.value, "\(own.name)")
    }
  }

  @Test("Settings of a conversation without a configuration are whole, without rules and what nothing acts on (B-CONV-3, B-CONV-4)")
  func isWhole() throws {
    let given = #"""
      {"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(Self.store)",
      "channelSettings":{"SMS":{"statusTimeouts":{"closed":7},
      "captureRules":[{"from":"*","to":"*"}]},"CHAT":{"captureRules":[]}},"traitExtractionStrategyIds":["x"],
      "observationExtractionStrategyIds":["y"],"workflows":[{"flowId":"FW0123456789abcdefABCDEF0123456789"}]}
      """#
    let pinned = PinnedConfiguration(base: nil, override: try inline(given).get().whole)
    #expect(
      text(try pinned.settings()) == #"""
        {"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"mem_store_01h2xcejqtf2nbrexx3vqjhp41",\#
        "channelSettings":{"SMS":{"statusTimeouts":{"closed":7}}},"statusCallbacks":[],"intelligenceConfigurationIds":[],\#
        "memoryExtractionEnabled":false}
        """#)
  }

  @Test(
    "Inline settings are checked, those that are not kept too (B-CONV-3, B-CONV-4, B-CFG-4)",
    arguments: [
      (#"{"traitExtractionStrategyIds":["a","b"]}"#, "traitExtractionStrategyIds"),
      (#"{"observationExtractionStrategyIds":[7]}"#, "observationExtractionStrategyIds[0]"),
      (#"{"workflows":[{"flowId":"FW0"}]}"#, "workflows[0].flowId"), (#"{"workflows":[{}]}"#, "workflows[0].flowId"),
      (#"{"workflows":[{"flowId":"FWg123456789abcdefABCDEF0123456789"}]}"#, "workflows[0].flowId"),
      (#"{"workflows":[{},{},{},{},{},{}]}"#, "workflows"),
      (#"{"channelSettings":{"SMS":{"captureRules":[{"from":"+1555*","to":"*"}]}}}"#, "channelSettings.SMS.captureRules[0].from"),
      (#"{"channelSettings":{"SMS":{"statusTimeouts":{"closed":0}}}}"#, "channelSettings.SMS.statusTimeouts.closed"),
      (#"{"statusCallbacks":\#(list(of: 3) { #"{"url":"https://tea.example/\#($0)"}"# })}"#, "statusCallbacks"),
      (#"{"statusCallbacks":[{"url":"http://tea.example"}]}"#, "statusCallbacks[0].url"),
      (#"{"memoryExtractionEnabled":1}"#, "memoryExtractionEnabled"),
      (#"{"conversationGroupingType":"X"}"#, "conversationGroupingType"), (#"{"memoryStoreId":"x"}"#, "memoryStoreId"),
      (#"{"intelligenceConfigurationIds":["1","2","3","4","5","6"]}"#, "intelligenceConfigurationIds"),
    ])
  func checksInline(body: String, path: String) {
    #expect(inline(body).paths == ["configuration.\(path)"])
  }

  @Test("Grouping type and memory store that differ from the configuration's are told (B-CONV-4)")
  func agrees() throws {
    let other = "mem_store_7zzzzzzzzzzzzzzzzzzzzzzzzz"
    let same = try inline(#"{"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(Self.store)"}"#).get()
    #expect(same.problems(beside: .profile, memoryStoreId: Self.store).isEmpty)
    #expect(same.problems(beside: .addresses, memoryStoreId: Self.store).map(\.path) == ["configuration.conversationGroupingType"])
    #expect(same.problems(beside: .profile, memoryStoreId: other).map(\.path) == ["configuration.memoryStoreId"])
    #expect(same.problems(beside: .addresses, memoryStoreId: other).count == 2)
    #expect(try inline("{}").get().problems(beside: .addresses, memoryStoreId: other).isEmpty)
  }

  private static let ownText = #"[{"url":"https://own.example","method":"GET"}]"#
  private static let baseText = #"[{"url":"https://tea.example","method":"POST"}]"#

  private static let changes: [(String, String?, String?, String?, String?)] = [
    ("absent keeps", base, nil, nil, nil),
    ("a list replaces", base, nil, ownText, ownText),
    ("an empty list stops", base, nil, "[]", "[]"),
    ("the list that holds is no change", base, nil, #"[{"url":"https://tea.example"}]"#, nil),
    ("null without an override is no change", base, nil, "null", nil),
    ("null drops the override of the creation", base, #"{"statusCallbacks":[],"memoryExtractionEnabled":false}"#, "null", baseText),
    ("null drops the only override", base, #"{"statusCallbacks":[]}"#, "null", baseText),
    ("an override is replaced", base, #"{"statusCallbacks":[]}"#, ownText, ownText),
    ("without a configuration null is empty", nil, #"{"statusCallbacks":\#(ownText)}"#, "null", "[]"),
    ("without a configuration null may change nothing", nil, #"{"statusCallbacks":[]}"#, "null", nil),
    ("without a configuration a list is set", nil, #"{"statusCallbacks":[]}"#, ownText, ownText),
  ]

  @Test("A change of callbacks sets, stops or drops the conversation's own (B-CONV-24)", arguments: changes)
  func changesCallbacks(name: String, base: String?, override: String?, change: String?, after: String?) throws {
    let pinned = PinnedConfiguration(base: base.map(Self.kept), override: override.map { Array($0.utf8) })
    let body = change.map { #"{"configuration":{"statusCallbacks":\#($0)}}"# } ?? "{}"
    let patch = try Reading(body) { ConversationChange.patch($0, callbacks: CallbackPolicy(allowPrivate: false)) }.get()
    let changed = try pinned.changed(by: patch.callbacks)
    #expect((changed == nil) == (after == nil), "\(name)")
    guard let changed, let after else { return }
    let settings = try #require(try JSON.parse(changed.settings()).object)
    #expect(settings["statusCallbacks"] == (try JSON.parse(Array(after.utf8))), "\(name)")
    let before = try #require(try JSON.parse(pinned.settings()).object)
    for member in before.members where member.name != "statusCallbacks" { #expect(settings[member.name] == member.value, "\(name)") }
  }

  @Test("Kept settings that are no object are damage, not a crash")
  func refusesDamage() {
    for damaged in ["", "[]", "{"] {
      #expect(throws: (any Error).self) { try PinnedConfiguration(base: Self.kept(damaged), override: Array("{}".utf8)).settings() }
    }
  }

  /// Both forms give the same, so one is enough here.
  private static func kept(_ text: String) -> KeptSettings { KeptSettings(text: Array(text.utf8), rules: nil, isWhole: true) }

  private func inline(_ configuration: String) -> Reading<InlineConfiguration> {
    let body = #"{"configurationId":"\#(ConversationTests.configurationId)","configuration":\#(configuration)}"#
    return Reading(body) { ConversationDraft($0, callbacks: CallbackPolicy(allowPrivate: false))?.configuration }
  }
}
