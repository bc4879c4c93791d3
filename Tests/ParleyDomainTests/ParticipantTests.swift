import ParleyDomain
import Testing

@Suite("Participants")
struct ParticipantTests {
  private static let profile = "mem_profile_01h2xcejqtf2nbrexx3vqjhp41"
  private static let addresses =
    #"[{"channel":"SMS","address":" +14155550117 ","channelId":"SM1"},{"channel":"CHAT","address":"client:mira"}]"#

  @Test("A draft says what the body says, and nil where it says nothing (B-PART-2)")
  func drafts() throws {
    let whole = try draft(#"{"name":"Mira","type":"CUSTOMER","profileId":"\#(Self.profile)","addresses":\#(Self.addresses)}"#).get()
    #expect(whole.name == "Mira" && whole.type == .customer && whole.profileId == Self.profile)
    #expect(whole.addresses?.map(\.text) == ["+14155550117", "client:mira"])
    #expect(whole.addresses?.map(\.channelId) == ["SM1", nil])
    for body in ["{}", #"{"name":null,"type":null,"profileId":null,"addresses":null}"#] {
      let empty = try draft(body).get()
      #expect(empty.name == nil && empty.type == nil && empty.profileId == nil && empty.addresses == nil)
    }
  }

  @Test(
    "A POST must say its addresses, even if none (B-PART-2)",
    arguments: [
      ("{}", ["addresses"]), (#"{"addresses":null}"#, ["addresses"]), (#"{"addresses":[]}"#, []), (#"{"name":7}"#, ["name", "addresses"]),
    ])
  func requiresAddresses(body: String, paths: [String]) {
    #expect(Reading(body) { ParticipantDraft.new($0) }.paths == paths)
    #expect(draft(body).paths == paths.filter { $0 != "addresses" }, "inline and in a PUT they may be left out")
  }

  @Test("There are five types; omitted is UNKNOWN (B-PART-1)")
  func hasTypes() throws {
    #expect(Participant.Kind.allCases.map(\.rawValue) == ["HUMAN_AGENT", "CUSTOMER", "AI_AGENT", "AGENT", "UNKNOWN"])
    for type in Participant.Kind.allCases { #expect(try draft(#"{"type":"\#(type.rawValue)"}"#).get().type == type) }
    for other in ["customer", "", "BOT", "UN\u{212A}NOWN"] { #expect(draft(#"{"type":"\#(other)"}"#).paths == ["type"]) }
    #expect(try made("{}").type == .unknown)
    #expect(Participant.Kind.allCases.filter(\.isAgent) == [.humanAgent, .aiAgent, .agent])
  }

  @Test(
    "A name is always there: the given one as it is, else the first address, else the type (B-PART-3)",
    arguments: [
      (#"{"name":"Mira"}"#, "Mira"), (#"{"name":""}"#, ""), (#"{"name":"  M\u0000\n "}"#, "  M\u{0}\n "),
      (#"{"addresses":\#(addresses)}"#, "+14155550117"), (#"{"name":null,"addresses":\#(addresses),"type":"CUSTOMER"}"#, "+14155550117"),
      (#"{"addresses":[],"type":"AI_AGENT"}"#, "AI_AGENT"), ("{}", "UNKNOWN"),
    ])
  func names(body: String, name: String) throws {
    #expect(try made(body).name.isSame(as: name))
  }

  @Test("A name has at most 256 code points (B-PART-3, B-HTTP-8)", arguments: ["x", "ä", "\u{1F600}", "\u{301}"])
  func limitsNames(character: String) throws {
    func body(_ count: Int) -> String { #"{"name":"\#(String(repeating: character, count: count))"}"# }
    #expect(try made(body(256)).name.unicodeScalars.count == 256)
    #expect(draft(body(257)).paths == ["name"])
  }

  @Test(
    "A profile id has the form of one and need not exist, on any type (B-PROF-5, B-HTTP-12)",
    arguments: [
      (profile, true), ("mem_profile_7zzzzzzzzzzzzzzzzzzzzzzzzz", true), ("", false), ("mem_profile_8zzzzzzzzzzzzzzzzzzzzzzzzz", false),
      ("mem_store_01h2xcejqtf2nbrexx3vqjhp41", false), ("mem_profile_01h2xcejqtf2nbrexx3vqjhp4", false), (profile + " ", false),
    ])
  func readsProfiles(id: String, isTaken: Bool) {
    for type in Participant.Kind.allCases {
      #expect(draft(#"{"type":"\#(type.rawValue)","profileId":"\#(id)"}"#).paths == (isTaken ? [] : ["profileId"]))
    }
  }

  @Test("A participant has at most 50 addresses (B-PART-7)", arguments: [(0, true), (50, true), (51, false)])
  func limitsAddresses(count: Int, fits: Bool) {
    let reading = draft(#"{"addresses":\#(list(of: count) { #"{"channel":"CHAT","address":"\#($0)"}"# })}"#)
    #expect(reading.value?.addresses?.count == (fits ? count : nil))
    #expect(reading.paths == (fits ? [] : ["addresses"]))
  }

  @Test("Every wrong address is named by its place (B-ERR-7)")
  func namesWrongAddresses() {
    let body = #"""
      {"type":"BOT","addresses":[{"channel":"SMS","address":"x-y"},null,{"channel":"FAX","address":"1"},
      {"channel":"CHAT","address":"ok"},{}]}
      """#
    #expect(
      draft(body).paths == [
        "type", "addresses[0].address", "addresses[1]", "addresses[2].channel", "addresses[4].channel", "addresses[4].address",
      ])
  }

  private static let twice: [(String, [String])] = [
    (#"[{"channel":"SMS","address":"+14155550117"},{"channel":"SMS","address":"+14155550117"}]"#, ["addresses[1]"]),
    (#"[{"channel":"SMS","address":"+14155550117","channelId":null},{"channel":"SMS","address":"+14155550117"}]"#, ["addresses[1]"]),
    (
      #"[{"channel":"CHAT","address":"mira","channelId":"CH1"},{"channel":"CHAT","address":"client:mira","channelId":"CH1"}]"#,
      ["addresses[1]"]
    ),
    (#"[{"channel":"EMAIL","address":"Mira@Tea"},{"channel":"EMAIL","address":" mira@tea"}]"#, ["addresses[1]"]),
    (
      #"[{"channel":"CHAT","address":"a"},{"channel":"CHAT","address":"a"},{"channel":"CHAT","address":"a"}]"#,
      ["addresses[1]", "addresses[2]"]
    ),
    (#"[{"channel":"CHAT","address":"a"},{"channel":"CHAT"},{"channel":"CHAT","address":"a"}]"#, ["addresses[1].address", "addresses[2]"]),
    (
      #"[{"channel":"VOICE","address":"+14155550117","channelId":"CA1"},{"channel":"VOICE","address":"+14155550117","channelId":"CA2"}]"#,
      []
    ),
    (#"[{"channel":"VOICE","address":"+14155550117","channelId":"CA1"},{"channel":"VOICE","address":"+14155550117"}]"#, []),
    (#"[{"channel":"SMS","address":"+14155550117"},{"channel":"WHATSAPP","address":"+14155550117"}]"#, []),
    (#"[{"channel":"CHAT","address":"K"},{"channel":"CHAT","address":"\u212a"},{"channel":"CHAT","address":"k"}]"#, []),
  ]

  @Test("One address may stand twice only with different channelIds (B-PART-6)", arguments: twice)
  func refusesRepeated(addresses: String, paths: [String]) {
    #expect(draft(#"{"addresses":\#(addresses)}"#).paths == paths)
  }

  @Test("For ownership an address counts once, and each channelId once (B-PART-5, B-ADDR-5)")
  func givesMember() throws {
    let body = #"""
      {"addresses":[{"channel":"CHAT","address":"mira","channelId":"CH1"},{"channel":"CHAT","address":"client:mira","channelId":"CH2"},
      {"channel":"VOICE","address":"+14155550117","channelId":"CH1"},{"channel":"SMS","address":"+14155550117"}]}
      """#
    let participant = try made(body)
    #expect(
      participant.member.addresses == [
        OwnedAddress(channel: .chat, normalForm: "mira"), OwnedAddress(channel: .voice, normalForm: "+14155550117"),
        OwnedAddress(channel: .sms, normalForm: "+14155550117"),
      ])
    #expect(participant.channelIds == ["CH1", "CH2"])
    #expect(OwnedAddress(channel: .chat, normalForm: "K") != OwnedAddress(channel: .chat, normalForm: "\u{212A}"))
  }

  private func draft(_ body: String) -> Reading<ParticipantDraft> { Reading(body) { ParticipantDraft($0) } }

  private func made(_ body: String) throws -> Participant {
    Participant(try draft(body).get(), id: try .init(7), in: try .init(1), of: .init(1), at: .at(0))
  }
}
