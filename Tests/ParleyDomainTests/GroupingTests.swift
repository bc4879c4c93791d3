import ParleyDomain
import Testing

@Suite("Grouping keys")
struct GroupingTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let members: [Someone]
    let keys: [GroupingType: [String]]

    init(_ name: String, _ members: [Someone], addresses: [String], withChannel: [String], profile: [String]) {
      (testDescription, self.members) = (name, members)
      keys = [.addresses: addresses, .addressesAndChannel: withChannel, .profile: profile]
    }
  }

  @Test(
    "A conversation holds the keys that its participants and its grouping type give (B-GROUP-5)",
    arguments: [
      Row("nobody has no key", [], addresses: [], withChannel: [], profile: []),
      Row("no addresses are no key", [.customer(), .agent()], addresses: [], withChannel: [], profile: []),
      Row(
        "a customer beside an agent on the same channel is a pair", [.customer("SMS +2"), .agent("SMS +1")],
        addresses: ["pair +1 +2"], withChannel: ["pair SMS +1 +2"], profile: ["pair +1 +2"]),
      Row(
        "the same the other way round is the same pair", [.agent("SMS +2"), .customer("SMS +1")],
        addresses: ["pair +1 +2"], withChannel: ["pair SMS +1 +2"], profile: ["pair +1 +2"]),
      Row(
        "on different channels there is no pair, and who is no agent is alone", [.customer("SMS +1", "EMAIL A@b"), .agent("VOICE +2")],
        addresses: ["alone +1", "alone a@b"], withChannel: ["alone EMAIL a@b", "alone SMS +1"], profile: ["alone +1", "alone a@b"]),
      Row(
        "two agents are no pair, and never alone", [.agent("SMS +1"), .init(.humanAgent, "SMS +2"), .init(.aiAgent, "SMS +3")],
        addresses: [], withChannel: [], profile: []),
      Row(
        "two customers are no pair", [.customer("SMS +1"), .customer("SMS +2")],
        addresses: ["alone +1", "alone +2"], withChannel: ["alone SMS +1", "alone SMS +2"], profile: ["alone +1", "alone +2"]),
      Row(
        "who is unknown pairs with everyone", [.unknown("SMS +1"), .unknown("SMS +2"), .customer("SMS +3"), .agent("SMS +4")],
        addresses: ["pair +1 +2", "pair +1 +3", "pair +1 +4", "pair +2 +3", "pair +2 +4", "pair +3 +4"],
        withChannel: ["pair SMS +1 +2", "pair SMS +1 +3", "pair SMS +1 +4", "pair SMS +2 +3", "pair SMS +2 +4", "pair SMS +3 +4"],
        profile: ["pair +1 +2", "pair +1 +3", "pair +1 +4", "pair +2 +3", "pair +2 +4", "pair +3 +4"]),
      Row(
        "one pair on several channels is one key without the channel",
        [.customer("SMS +1", "WHATSAPP whatsapp:+1"), .agent("SMS +2", "WHATSAPP WHATSAPP:+2")],
        addresses: ["pair +1 +2"], withChannel: ["pair SMS +1 +2", "pair WHATSAPP +1 +2"], profile: ["pair +1 +2"]),
      Row(
        "with a pair nobody is alone", [.customer("SMS +1"), .customer("SMS +3"), .agent("SMS +2"), .unknown("CHAT x")],
        addresses: ["pair +1 +2", "pair +2 +3"], withChannel: ["pair SMS +1 +2", "pair SMS +2 +3"], profile: ["pair +1 +2", "pair +2 +3"]),
      Row(
        "a customer's profile counts for profiles alone", [.customer("SMS +1", profile: 7), .agent("SMS +2")],
        addresses: ["pair +1 +2"], withChannel: ["pair SMS +1 +2"], profile: ["profile 7"]),
      Row(
        "each profile of a customer is a key, once",
        [.customer("SMS +1", profile: 7), .customer("SMS +2", profile: 7), .customer("SMS +3", profile: 5)],
        addresses: ["alone +1", "alone +2", "alone +3"], withChannel: ["alone SMS +1", "alone SMS +2", "alone SMS +3"],
        profile: ["profile 5", "profile 7"]),
      Row(
        "a customer without a profile hides behind one with", [.customer("SMS +1", profile: 7), .customer("SMS +2"), .agent("SMS +3")],
        addresses: ["pair +1 +3", "pair +2 +3"], withChannel: ["pair SMS +1 +3", "pair SMS +2 +3"], profile: ["profile 7"]),
      Row(
        "profiles of others than customers count for nothing", [.unknown("SMS +1", profile: 7), .agent("SMS +2", profile: 8)],
        addresses: ["pair +1 +2"], withChannel: ["pair SMS +1 +2"], profile: ["pair +1 +2"]),
      Row(
        "a profile needs no address", [.customer(profile: 7)], addresses: [], withChannel: [], profile: ["profile 7"]),
      Row(
        "e-mail pairs by lower case", [.customer("EMAIL Mira@Tea"), .agent("EMAIL shop@tea")],
        addresses: ["pair mira@tea shop@tea"], withChannel: ["pair EMAIL mira@tea shop@tea"], profile: ["pair mira@tea shop@tea"]),
    ])
  func gives(row: Row) throws {
    for type in GroupingType.allCases {
      #expect(try row.members.keys(by: type) == row.keys[type], "\(type.rawValue)")
    }
  }

  struct Example: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let open: [Someone]
    let new: [Someone]
    let conflicts: Set<GroupingType>

    init(_ name: String, _ open: [Someone], _ new: [Someone], conflictsBy conflicts: Set<GroupingType>) {
      (testDescription, self.open, self.new, self.conflicts) = (name, open, new, conflicts)
    }
  }

  private static let open = [Someone.customer("SMS +1"), .agent("SMS +2")]

  @Test(
    "Conversations exclude each other by any key in common (B-GROUP-6, B-GROUP-10)",
    arguments: [
      Example("(a) the same numbers by voice", open, [.customer("VOICE +1"), .agent("VOICE +2")], conflictsBy: [.addresses, .profile]),
      Example(
        "(b) the same numbers by WhatsApp", open, [.customer("WHATSAPP whatsapp:+1"), .agent("WHATSAPP whatsapp:+2")],
        conflictsBy: [.addresses, .profile]),
      Example("(c) the customer with another agent", open, [.customer("SMS +1"), .agent("SMS +3")], conflictsBy: []),
      Example(
        "(c) the same with one profile", [.customer("SMS +1", profile: 7), .agent("SMS +2")],
        [.customer("SMS +1", profile: 7), .agent("SMS +3")],
        conflictsBy: [.profile]),
      Example("(d) the same again", open, open, conflictsBy: [.addresses, .addressesAndChannel, .profile]),
      Example(
        "(f) roles swapped", open, [.customer("SMS +2"), .agent("SMS +1")], conflictsBy: [.addresses, .addressesAndChannel, .profile]),
      Example("one who is alone does not meet a pair", open, [.customer("SMS +1")], conflictsBy: []),
      Example(
        "one who is alone meets the same alone", [.customer("SMS +1")], [.unknown("SMS +1")],
        conflictsBy: [.addresses, .addressesAndChannel, .profile]),
      Example("one who is alone, on another channel", [.customer("SMS +1")], [.customer("VOICE +1")], conflictsBy: [.addresses, .profile]),
      Example(
        "a profile does not meet the address of the same person", [.customer("SMS +1", profile: 7)], [.customer("SMS +1")],
        conflictsBy: [.addresses, .addressesAndChannel]),
      Example("a number is not compared by guess (B-ADDR-7)", [.customer("SMS +1")], [.customer("SMS +01")], conflictsBy: []),
      Example("what only looks alike is different (B-HTTP-8)", [.customer("CHAT K")], [.customer("CHAT \u{212A}")], conflictsBy: []),
    ])
  func conflicts(example: Example) throws {
    for type in GroupingType.allCases {
      let held = try #require(Grouping.keys(of: example.open.members(), by: type))
      let wanted = try #require(Grouping.keys(of: example.new.members(), by: type))
      let common = Set(held).intersection(wanted)
      #expect(common.isEmpty != example.conflicts.contains(type), "\(type.rawValue)")
    }
  }

  @Test("99 of unknown type hold 4,851 pairs, and 100 hold 4,950 (B-PART-7)", arguments: [(99, 4851), (100, 4950)])
  func pairsEveryone(count: Int, keys: Int) throws {
    let members = try (0..<count).map { Someone.unknown("SMS +\(10_000 + $0)") }.members()
    let held = try #require(Grouping.keys(of: members, by: .addresses))
    #expect(held.count == keys)
    #expect(Set(held).count == keys)
  }

  @Test("A conversation holds 5,000 keys and not 5,001 (B-PART-7)", arguments: GroupingType.allCases)
  func limitsKeys(type: GroupingType) throws {
    func numbers(_ count: Int, from first: Int) -> [String] { (0..<count).map { "SMS +\(first + $0)" } }
    let full = [
      Someone(.customer, numbers(50, from: 1000)), Someone(.agent, numbers(50, from: 2000)), Someone(.aiAgent, numbers(50, from: 3000)),
    ]
    #expect(try Grouping.keys(of: full.members(), by: type)?.count == Grouping.keysMax)
    let beyond = full + [.customer("CHAT mira"), .agent("CHAT shop")]
    #expect(try Grouping.keys(of: beyond.members(), by: type) == nil)
    #expect(try Grouping.keys(of: (full + [.customer(profile: 1)]).members(), by: .profile)?.count == 1, "profiles leave the pairs aside")
  }

  @Test("5,000 who are alone are no more than 5,000 keys, and 5,001 are too many (B-PART-7)")
  func limitsAlone() throws {
    let alone = (0..<100).map { customer in Someone(.customer, (0..<50).map { "CHAT \(customer)-\($0)" }) }
    #expect(try Grouping.keys(of: alone.members(), by: .addressesAndChannel)?.count == 5000)
    #expect(try Grouping.keys(of: (alone + [.customer("CHAT x")]).members(), by: .addressesAndChannel) == nil)
  }
}
