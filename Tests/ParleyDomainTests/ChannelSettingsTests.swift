import ParleyDomain
import Testing

@Suite("Channel settings and capture rules")
struct ChannelSettingsTests {
  @Test("Settings are taken for the seven channels and no others (B-CFG-3)")
  func knowsChannels() {
    for channel in Channel.allCases { #expect(read(#"{"\#(channel.rawValue)":{}}"#).value?.map(\.channel) == [channel]) }
    for other in ["API", "sms", "", "SYSTEM"] { #expect(read(#"{"\#(other)":{}}"#).paths == ["channelSettings.\(other)"]) }
    #expect(read(#"{"FAX":null,"SMS":{}}"#).paths == ["channelSettings.FAX"])
    #expect(read(#"{"SMS":[]}"#).paths == ["channelSettings.SMS"])
    #expect(read(#"{"SMS":null}"#).value?.isEmpty == true)
  }

  @Test(
    "Timeouts are whole minutes from 1, each alone if wanted (B-LIFE-1, B-CFG-3)",
    arguments: [
      ("1", 1), ("90", 90), ("1e1", 10), ("10.0", 10), ("2147483647", 2_147_483_647),
      ("0", nil), ("-1", nil), ("1.5", nil), (#""20""#, nil), ("true", nil), ("1e400", nil),
    ] as [(String, Int64?)])
  func readsTimeouts(minutes: String, value: Int64?) {
    for name in ["inactive", "closed"] {
      let reading = read(#"{"SMS":{"statusTimeouts":{"\#(name)":\#(minutes)}}}"#)
      #expect(reading.paths == (value == nil ? ["channelSettings.SMS.statusTimeouts.\(name)"] : []))
      let timeouts = reading.value?.first?.timeouts
      #expect(timeouts?.inactive == (name == "inactive" ? value : nil))
      #expect(timeouts?.closed == (name == "closed" ? value : nil))
    }
  }

  @Test("Inactive may be later than closed (B-LIFE-5)")
  func takesLateInactive() throws {
    let timeouts = try #require(try read(#"{"SMS":{"statusTimeouts":{"inactive":90,"closed":20}}}"#).get().first?.timeouts)
    #expect(timeouts.inactive == 90 && timeouts.closed == 20)
  }

  @Test(
    "A side of a rule is * alone or one address of the channel's form (B-RULE-1, B-RULE-4, B-RULE-6)",
    arguments: [
      ("SMS", "*", true), ("SMS", "+14155550100", true), ("SMS", "TEA", true), ("WHATSAPP", "whatsapp:+14155550100", true),
      ("CHAT", "*", true), ("WHATSAPP", "+14155550100", true), ("RCS", "+14155550100", true), ("VOICE", "sip:mira@tea.example", true),
      ("VOICE", "client:mira", true), ("EMAIL", "a@b", true), ("RCS", "rcs:brand", true), ("SMS", " +14155550100 ", true),
      ("SMS", "+1555*", false), ("SMS", "**", false), ("CHAT", "a*", false), ("VOICE", "*x", false), ("EMAIL", "*@b", false),
      ("SMS", "", false), ("SMS", "x-y", false), ("EMAIL", "+14155550100", false), ("CHAT", "a\\tb", false), ("CHAT", "client:", false),
      ("CHAT", String(repeating: "a", count: 254), true), ("CHAT", String(repeating: "a", count: 255), false),
    ])
  func readsSides(channel: String, side: String, isTaken: Bool) throws {
    let path = "channelSettings.\(channel).captureRules[0]"
    let from = read(#"{"\#(channel)":{"captureRules":[{"from":"\#(side)","to":"*"}]}}"#)
    #expect(from.paths == (isTaken ? [] : ["\(path).from"]))
    let to = read(#"{"\#(channel)":{"captureRules":[{"from":"*","to":"\#(side)"}]}}"#)
    #expect(to.paths == (isTaken ? [] : ["\(path).to"]))
    #expect(to.value?.first?.captureRules?.first?.to == (isTaken ? side.trimmingSpaces : nil))
  }

  @Test(
    "Both sides must be there, and each fault is told (B-RULE-1, B-ERR-7)",
    arguments: [
      ("{}", ["from", "to"]), (#"{"from":"*"}"#, ["to"]), (#"{"from":null,"to":null,"metadata":null}"#, ["from", "to"]),
      (#"{"from":7,"to":[],"metadata":7}"#, ["from", "to", "metadata"]),
      (#"{"from":"*","to":"*","metadata":{"a":1,"b":null}}"#, ["metadata.a"]),
    ])
  func requiresSides(rule: String, members: [String]) {
    #expect(read(#"{"CHAT":{"captureRules":[\#(rule)]}}"#).paths == members.map { "channelSettings.CHAT.captureRules[0].\($0)" })
  }

  @Test("A channel has at most 100 rules, equal ones among them (B-CFG-4, B-RULE-6)", arguments: [(0, true), (100, true), (101, false)])
  func limitsRules(count: Int, fits: Bool) {
    let reading = read(#"{"SMS":{"captureRules":\#(list(of: count) { _ in #"{"from":"*","to":"*"}"# })}}"#)
    #expect(reading.value?.first?.captureRules?.count == (fits ? count : nil))
    #expect(reading.paths == (fits ? [] : ["channelSettings.SMS.captureRules"]))
  }

  @Test(
    "A voice rule's callType is one of the kinds of calls, and of no matter elsewhere (B-RULE-2)",
    arguments: [("PSTN", true), ("CLIENT", true), ("PUBLIC_SIP", true), ("SIP", true), ("pstn", false), ("", false), ("CHAT", false)])
  func readsCallTypes(type: String, isTaken: Bool) {
    func rule(_ channel: String) -> Reading<[ChannelSettings]> {
      read(#"{"\#(channel)":{"captureRules":[{"from":"*","to":"*","metadata":{"callType":"\#(type)"}}]}}"#)
    }
    #expect(rule("VOICE").paths == (isTaken ? [] : ["channelSettings.VOICE.captureRules[0].metadata.callType"]))
    #expect(rule("CHAT").paths == [])
  }

  @Test("A rule's metadata are kept in order, an empty one is none (B-RULE-2)")
  func readsMetadata() throws {
    let metadata = [#"{"z":"1","chatService":"IS7","no":null}"#, "{}"]
    let given = list(of: 2) { #"{"from":"*","to":"*","metadata":\#(metadata[$0])}"# }
    let rules = try #require(try read(#"{"CHAT":{"captureRules":\#(given)}}"#).get().first?.captureRules)
    #expect(rules[0].metadata.map(\.name) == ["z", "chatService"])
    #expect(rules[1].metadata.isEmpty)
  }

  private func read(_ settings: String) -> Reading<[ChannelSettings]> {
    Reading(#"{"channelSettings":\#(settings)}"#) { ChannelSettings.all($0) }
  }
}
