import ParleyDomain
import Testing

@Suite("Addresses")
struct AddressTests {
  struct Row: Sendable {
    let channel: Channel
    let texts: [String]

    init(_ channel: Channel, _ texts: String...) { (self.channel, self.texts) = (channel, texts) }
  }

  private static let long = String(repeating: "a", count: 254)

  @Test(
    "An address of its channel's form is taken, and kept as given (B-ADDR-1, B-ADDR-2, B-ADDR-3)",
    arguments: [
      Row(.sms, "+14155550117", "+10", "+123456789012345", "123", "12345678", "012", "H", "HARBOR TEA", "Abcdefghij1", "1 2 3 a"),
      Row(
        .voice, "+14155550117", "client:mira", "CLIENT:mira", "mira", "sip:mira@tea.example", "sip:mira@tea.example;x=+1", "tel:+1", "1",
        "ä", "a+b"),
      Row(.whatsapp, "whatsapp:+14155550117", "WhatsApp:+14155550117", "WHATSAPP:+14155550117", "+14155550117"),
      Row(.rcs, "rcs:brand_agent", "RCS:Brand-Agent.2", "rcs:1", "rcs:+14155550117", "Rcs:+14155550117", "+14155550117"),
      Row(.chat, "mira", "client:mira", "+1 (555) 010-0001", "*", "@", "\u{1F600}", long),
      Row(.video, "mira", "room 7", long),
      Row(.email, "mira@tea.example", "a@b", "Mira+tea@TEA.example", " spaced in@side", "ä@ö"),
    ])
  func takes(row: Row) throws {
    for text in row.texts {
      let address = try read(row.channel.rawValue, text).get()
      #expect(address.channel == row.channel)
      #expect(address.text.isSame(as: text.trimmingSpaces), "\(row.channel) \(text)")
    }
  }

  @Test(
    "An address of another form is refused (B-ADDR-2, B-ADDR-4, B-ADDR-8)",
    arguments: [
      Row(.sms, "", "+", "+1", "+0123456", "+1234567890123456", "14155550117", "+1 (555) 010-0001", "+1415555O117", "+\u{661}4155550117"),
      Row(
        .sms, "12", "123456789", "1 2", "Abcdefghijkl", "Tea-Shop", "T\u{e9}a", "\u{212A}iwi", "sms:+14155550117", "whatsapp:+14155550117",
        "a\u{a0}b"),
      Row(
        .voice, "", "+", "+1", "+mira", "+1 (555) 010-0001", "+0123456", "+1234567890123456", "+\u{301}14155550117", "client:", "CLIENT:",
        "tel:"),
      Row(.whatsapp, "", "whatsapp:", "whatsapp:14155550117", "whatsapp: +14155550117", "whatsapp:mira", "14155550117", "mira"),
      Row(.whatsapp, "whatsapp:whatsapp:+14155550117", "rcs:+14155550117", "whats\u{212A}pp:+14155550117", "whatsapp:+\u{301}14155550117"),
      Row(
        .rcs, "", "rcs:", "brand_agent", "rcs:brand agent", "rcs:brand/agent", "rcs:brändagent", "rcs:\u{212A}iwi", "rcs:+0", "rcs:+brand",
        "14155550117"),
      Row(.chat, "", "client:", "whatsapp:", "tel:", "rcs:"),
      Row(.video, "", "client:"),
      Row(.email, "", "@", "mira", "mira@", "@tea.example", "mira@tea@example", "client:", "mira\u{FF20}tea.example"),
    ])
  func refuses(row: Row) {
    for text in row.texts {
      let reading = read(row.channel.rawValue, text)
      #expect(reading.value == nil && reading.paths == ["address"], "\(row.channel) \(text)")
    }
  }

  @Test("Spaces around an address are left out before it is checked; others are not (B-ADDR-3)", arguments: Channel.allCases)
  func trims(channel: Channel) throws {
    let own = Self.sample(channel)
    #expect(try read(channel.rawValue, "  \(own)   ").get().text == own)
    #expect(read(channel.rawValue, "   ").paths == ["address"])
    #expect(try read(channel.rawValue, String(repeating: " ", count: 300) + own).get().text == own, "the limit is on what is left")
    for other in ["\t", "\n", "\u{0}", "\u{7f}", "\u{85}", "\u{9f}"] {
      #expect(read(channel.rawValue, other + own).paths == ["address"], "a control character in front (B-HTTP-9)")
      #expect(read(channel.rawValue, own + other).paths == ["address"], "a control character behind (B-HTTP-9)")
    }
  }

  @Test("Other spaces than U+0020 belong to the address (B-ADDR-3)")
  func keepsOtherSpaces() throws {
    #expect(try read("CHAT", "\u{a0}mira\u{3000}").get().text.isSame(as: "\u{a0}mira\u{3000}"))
    #expect(" \u{301}a ".trimmingSpaces.isSame(as: "\u{301}a"))
  }

  @Test("An address has at most 254 code points (B-ADDR-2, B-HTTP-8)", arguments: ["a", "ä", "\u{1F600}", "e\u{301}"])
  func limitsLength(piece: String) throws {
    let pieces = 254 / piece.unicodeScalars.count
    let longest = String(repeating: piece, count: pieces)
    for channel in ["CHAT", "VIDEO", "VOICE"] {
      #expect(try read(channel, longest).get().text.isSame(as: longest))
      #expect(read(channel, longest + "a").paths == ["address"])
    }
    #expect(try read("EMAIL", "a@" + String(longest.unicodeScalars.dropLast(2))).get().channel == .email)
    #expect(read("EMAIL", "a@" + String(longest.unicodeScalars.dropLast(1))).paths == ["address"])
  }

  @Test(
    "There are seven channels; API, SYSTEM and other spellings are none (B-ADDR-1)",
    arguments: ["API", "SYSTEM", "sms", "", "SMS ", "RC\u{17F}"])
  func knowsChannels(other: String) {
    #expect(Channel.allCases.map(\.rawValue) == ["VOICE", "SMS", "RCS", "WHATSAPP", "CHAT", "VIDEO", "EMAIL"])
    #expect(read(other, "+14155550117").paths == ["channel"])
  }

  @Test(
    "Channel and address must be there, and each is told (B-ERR-7)",
    arguments: [
      ("{}", ["channel", "address"]), (#"{"channel":"SMS"}"#, ["address"]), (#"{"address":"+14155550117"}"#, ["channel"]),
      (#"{"channel":null,"address":null,"channelId":null}"#, ["channel", "address"]),
      (#"{"channel":1,"address":2,"channelId":3}"#, ["channel", "address", "channelId"]),
      (#"{"channel":"FAX","address":"\t","channelId":""}"#, ["channel", "address", "channelId"]),
    ])
  func requires(body: String, paths: [String]) {
    #expect(Reading(body) { Address($0) }.paths == paths)
  }

  @Test(
    "A channelId is 1 to 256 characters without control characters, otherwise opaque (B-ADDR-5)",
    arguments: [
      ("x", true), (String(repeating: "x", count: 256), true), (String(repeating: "\u{1F600}", count: 256), true), (" spaced ", true),
      ("", false), (String(repeating: "x", count: 257), false), ("a\u{0}", false), ("a\u{85}b", false), ("a\tb", false),
    ])
  func readsChannelIds(id: String, isTaken: Bool) {
    let reading = read("SMS", "+14155550117", channelId: id)
    #expect(reading.value?.channelId == (isTaken ? id : nil))
    #expect(reading.paths == (isTaken ? [] : ["channelId"]))
  }

  @Test(
    "The normal form leaves out one prefix of any case, and lowers e-mail in ASCII (B-ADDR-8)",
    arguments: [
      (.sms, "+14155550117", "+14155550117"), (.sms, "Harbor Tea", "Harbor Tea"),
      (.whatsapp, "whatsapp:+14155550117", "+14155550117"), (.whatsapp, "WhatsApp:+14155550117", "+14155550117"),
      (.rcs, "rcs:Brand", "Brand"), (.rcs, "RCS:rcs:x", "rcs:x"), (.voice, "client:Mira", "Mira"), (.voice, "tel:+1415", "+1415"),
      (.voice, "sip:Mira@tea", "sip:Mira@tea"), (.chat, "client:client:a", "client:a"), (.chat, "whatsapp", "whatsapp"),
      (.chat, "xclient:a", "xclient:a"), (.video, "Mira", "Mira"), (.email, "Mira@TEA.Example", "mira@tea.example"),
      (.email, "\u{c4}\u{212A}@K", "\u{c4}\u{212A}@k"), (.chat, "client\u{ff1a}a", "client\u{ff1a}a"),
    ] as [(Channel, String, String)])
  func normalizes(channel: Channel, text: String, normalForm: String) {
    #expect(Address(channel: channel, text: text).normalForm.isSame(as: normalForm))
  }

  @Test("An address is written with a channelId only when it has one, and read back the same (B-PART-4)")
  func roundTrips() throws {
    for address in [Address(channel: .voice, text: "client:\"x\"", channelId: "CA1"), Address(channel: .email, text: "Mira@Tea")] {
      var writer = JSONWriter()
      address.write(to: &writer)
      let again = try #require(try JSON.parse(writer.bytes).object.flatMap { Address(document: $0) })
      #expect(again.channel == address.channel && again.text == address.text && again.channelId == address.channelId)
      #expect(text(writer.bytes).contains("channelId") == (address.channelId != nil))
    }
  }

  private func read(_ channel: String, _ address: String, channelId: String? = nil) -> Reading<Address> {
    var members: [(String, JSON)] = [("channel", .string(channel)), ("address", .string(address))]
    if let channelId { members.append(("channelId", .string(channelId))) }
    return Reading(JSON.object(.init(members)).bytes) { Address($0) }
  }

  private static func sample(_ channel: Channel) -> String {
    switch channel {
    case .sms, .voice, .whatsapp: "+14155550117"
    case .rcs: "rcs:brand"
    case .chat, .video: "mira"
    case .email: "mira@tea.example"
    }
  }
}
