import ParleyDomain
import Testing

@Suite("Configurations")
struct ConfigurationTests {
  private static let store = "mem_store_01h2xcejqtf2nbrexx3vqjhp41"
  private static let needed =
    #""displayName":"Tea","description":"","conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(store)""#

  @Test("What a create needs must be there, and is told in the contract's order (B-CFG-1, B-ERR-7)")
  func requires() {
    let needed = ["displayName", "description", "conversationGroupingType", "memoryStoreId"]
    #expect(read("{}").paths == needed)
    #expect(read(#"{"displayName":null,"description":null,"conversationGroupingType":null,"memoryStoreId":null}"#).paths == needed)
    let wrong =
      needed + ["channelSettings", "statusCallbacks", "intelligenceConfigurationIds", "memoryExtractionEnabled", "conversationsV1Bridge"]
    #expect(read("{" + wrong.reversed().map { #""\#($0)":7"# }.joined(separator: ",") + "}").paths == wrong)
  }

  @Test(
    "A displayName is 1 to 32 letters, digits, spaces, - and _ (B-CFG-1)",
    arguments: [
      ("T", true), ("Harbor Tea_Support-2", true), (String(repeating: "x", count: 32), true), (" ", true),
      ("", false), (String(repeating: "x", count: 33), false), ("Tea!", false), ("T\u{e9}a", false), ("\u{212A}", false), ("a\tb", false),
      ("a.b", false),
    ])
  func readsDisplayNames(name: String, isTaken: Bool) {
    #expect(
      draft(#""displayName":"\#(name.replacing("\t", with: "\\t"))""#, without: #""displayName":"Tea","#).paths
        == (isTaken ? [] : ["displayName"]))
  }

  @Test("A description may be empty and has at most 512 code points (B-CFG-1, B-HTTP-8)", arguments: ["x", "\u{1F600}", "\u{301}"])
  func limitsDescriptions(character: String) throws {
    func description(_ count: Int) -> Reading<ConfigurationDraft> {
      draft(#""description":"\#(String(repeating: character, count: count))""#, without: #""description":"","#)
    }
    #expect(try description(512).get().description.unicodeScalars.count == 512)
    #expect(try description(0).get().description == "")
    #expect(description(513).paths == ["description"])
  }

  @Test("There are three grouping types, by their exact spelling (B-GROUP-5)")
  func hasGroupingTypes() throws {
    func type(_ name: String) -> Reading<ConfigurationDraft> {
      draft(#""conversationGroupingType":"\#(name)""#, without: #""conversationGroupingType":"GROUP_BY_PROFILE","#)
    }
    for name in ["GROUP_BY_PROFILE", "GROUP_BY_PARTICIPANT_ADDRESSES", "GROUP_BY_PARTICIPANT_ADDRESSES_AND_CHANNEL_TYPE"] {
      #expect(try type(name).get().groupingType.rawValue == name)
    }
    for name in ["group_by_profile", "", "GROUP_BY_NOTHING"] { #expect(type(name).paths == ["conversationGroupingType"]) }
  }

  @Test(
    "A memory store's id has the form of one and need not exist (B-CFG-2)",
    arguments: [
      (store, true), ("mem_service_7zzzzzzzzzzzzzzzzzzzzzzzzz", true), ("mem_store_8zzzzzzzzzzzzzzzzzzzzzzzzz", false),
      ("mem_profile_01h2xcejqtf2nbrexx3vqjhp41", false), ("mem_store_01H2XCEJQTF2NBREXX3VQJHP41", false), ("mem_store_", false),
      ("", false),
    ])
  func readsStores(id: String, isTaken: Bool) {
    #expect(draft(#""memoryStoreId":"\#(id)""#, without: #","memoryStoreId":"\#(Self.store)""#).paths == (isTaken ? [] : ["memoryStoreId"]))
  }

  @Test("A Config has at most 2 callbacks and 5 intelligence configurations (B-CFG-4)")
  func limitsLists() {
    func hooks(_ count: Int) -> String { #""statusCallbacks":\#(list(of: count) { #"{"url":"https://tea.example/\#($0)"}"# })"# }
    #expect(draft(hooks(2)).value?.callbacks.count == 2)
    #expect(draft(hooks(3)).paths == ["statusCallbacks"])
    func ids(_ count: Int) -> String { #""intelligenceConfigurationIds":\#(list(of: count) { #""GA\#($0)""# })"# }
    #expect(draft(ids(5)).value?.intelligenceConfigurationIds == ["GA0", "GA1", "GA2", "GA3", "GA4"])
    #expect(draft(ids(6)).paths == ["intelligenceConfigurationIds"])
    #expect(draft(#""intelligenceConfigurationIds":["",7,null,"a\u0000"]"#).paths == (0..<4).map { "intelligenceConfigurationIds[\($0)]" })
  }

  @Test(
    "A callback is a URL with POST or GET (B-HOOK-10, B-HOOK-20)",
    arguments: [
      (#"{"url":"https://tea.example"}"#, []), (#"{"url":"https://tea.example","method":"GET"}"#, []),
      (#"{"url":"https://tea.example","method":null}"#, []),
      (#"{"url":"https://tea.example","method":"get"}"#, ["method"]), (#"{"url":"https://tea.example","method":"PUT"}"#, ["method"]),
      (#"{"url":"http://tea.example"}"#, ["url"]), (#"{"url":"https://10.0.0.1"}"#, ["url"]), (#"{"url":null}"#, ["url"]),
      (#"{"method":7}"#, ["url", "method"]),
    ] as [(String, [String])])
  func readsCallbacks(callback: String, members: [String]) {
    #expect(draft(#""statusCallbacks":[\#(callback)]"#).paths == members.map { "statusCallbacks[0].\($0)" })
  }

  @Test(
    "A bridge names a service by IS and 32 hexadecimal digits (B-CFG-6)",
    arguments: [
      (#"{"serviceId":"IS0123456789abcdef0123456789abcdef"}"#, true), ("null", true),
      (#"{"serviceId":"IS0123456789abcdef0123456789abcde"}"#, false),
      (#"{"serviceId":"AC0123456789abcdef0123456789abcdef"}"#, false), (#"{"serviceId":null}"#, false), ("{}", false),
    ])
  func readsBridges(bridge: String, isTaken: Bool) {
    #expect(draft(#""conversationsV1Bridge":\#(bridge)"#).paths == (isTaken ? [] : ["conversationsV1Bridge.serviceId"]))
  }

  @Test(
    "Omitted and null parts are answered as their defaults, the bridge not at all (B-CFG-15)",
    arguments: [
      "",
      ["channelSettings", "statusCallbacks", "intelligenceConfigurationIds", "memoryExtractionEnabled", "conversationsV1Bridge"]
        .map { #""\#($0)":null"# }.joined(separator: ","),
    ])
  func fillsIn(members: String) throws {
    #expect(
      text(try draft(members).get().settings.shown()) == #"""
        {"displayName":"Tea","description":"","conversationGroupingType":"GROUP_BY_PROFILE",\#
        "memoryStoreId":"mem_store_01h2xcejqtf2nbrexx3vqjhp41","channelSettings":{},"statusCallbacks":[],\#
        "intelligenceConfigurationIds":[],"memoryExtractionEnabled":false}
        """#)
  }

  @Test("Settings are answered as they were given, nulls inside left out (B-CFG-3, B-CFG-15, B-LIFE-1, B-LIFE-13)")
  func answers() throws {
    let given = #"""
      "channelSettings":{"SMS":{"statusTimeouts":{"inactive":20,"closed":null},"captureRules":null},"EMAIL":{},"CHAT":null,
      "VOICE":{"statusTimeouts":null,"captureRules":[{"from":"*","to":"+14155550100","metadata":{"callType":"SIP"}},
      {"from":"*","to":"*"}]}},"statusCallbacks":[{"url":"https://tea.example/x"},{"url":"https://tea.example/y","method":"GET"}],
      "intelligenceConfigurationIds":["GA1"],"memoryExtractionEnabled":true,
      "conversationsV1Bridge":{"serviceId":"IS0123456789abcdef0123456789abcdef"}
      """#
    #expect(
      text(try draft(given).get().settings.shown()) == #"""
        {"displayName":"Tea","description":"","conversationGroupingType":"GROUP_BY_PROFILE",\#
        "memoryStoreId":"mem_store_01h2xcejqtf2nbrexx3vqjhp41","channelSettings":{"SMS":{"statusTimeouts":{"inactive":20}},"EMAIL":{},\#
        "VOICE":{"captureRules":[{"from":"*","to":"+14155550100","metadata":{"callType":"SIP"}},{"from":"*","to":"*","metadata":{}}]}},\#
        "statusCallbacks":[{"url":"https://tea.example/x","method":"POST"},{"url":"https://tea.example/y","method":"GET"}],\#
        "intelligenceConfigurationIds":["GA1"],"memoryExtractionEnabled":true,\#
        "conversationsV1Bridge":{"serviceId":"IS0123456789abcdef0123456789abcdef"}}
        """#)
  }

  @Test("A configuration's document is its own members and its settings")
  func writes() throws {
    let configuration = Configuration(
      id: try .init(3), version: 2, createdAt: .at(0), updatedAt: .at(60),
      settings: KeptSettings(text: Array(#"{"displayName":"Tea"}"#.utf8), rules: nil))
    #expect(
      text(try configuration.document()) == #"""
        {"id":"conv_configuration_00000000000000000000000003","version":2,"createdAt":"2026-01-01T00:00:00Z",\#
        "updatedAt":"2026-01-01T00:01:00Z","displayName":"Tea"}
        """#)
  }

  private func read(_ body: String) -> Reading<ConfigurationDraft> {
    Reading(body) { ConfigurationDraft($0, callbacks: CallbackPolicy(allowPrivate: false)) }
  }

  /// A whole body with more members, in place of some.
  private func draft(_ members: String, without left: String = "") -> Reading<ConfigurationDraft> {
    read("{" + [Self.needed.replacing(left, with: ""), members].filter { !$0.isEmpty }.joined(separator: ",") + "}")
  }
}
