import ParleyDomain
import Testing

@Suite("Adding and replacing participants of a conversation")
struct AdmissionTests {
  @Test("Who is alone becomes one of a pair when another side comes (B-GROUP-5)", arguments: GroupingType.allCases)
  func aloneToPair(type: GroupingType) throws {
    let admission = try held(type, 1).admit(
      draft(.agent("SMS +14155550100")), beside: [.customer("SMS +14155550117")].members(), id: .init(9), at: .at(5))
    let channel = type == .addressesAndChannel ? "SMS " : ""
    #expect(admission.released.map(\.inWords) == ["alone \(channel)+14155550117"])
    #expect(admission.claimed.map(\.inWords) == ["pair \(channel)+14155550100 +14155550117"])
    #expect(admission.participant.id == (try .init(9)))
    #expect(admission.participant.conversationId == (try .init(1)))
    #expect(admission.participant.createdAt == .at(5) && admission.participant.updatedAt == .at(5))
  }

  @Test("A second pair is claimed and the first is kept (B-GROUP-5)")
  func addsPair() throws {
    let members = try [Someone.customer("SMS +14155550117"), .agent("SMS +14155550100")].members()
    let admission = try held(.addresses, 2).admit(draft(.agent("SMS +14155550101")), beside: members, id: .init(9), at: .at(5))
    #expect(admission.released.isEmpty)
    #expect(admission.claimed.map(\.inWords) == ["pair +14155550101 +14155550117"])
  }

  @Test("A profile that comes takes the place of the pairs, one that is cleared gives it back (B-GROUP-5, B-PART-21)")
  func profileAndFallback() throws {
    let with = [Someone.customer("SMS +14155550117", profile: 7), .agent("SMS +14155550100")]
    let without = [Someone.customer("SMS +14155550117"), .agent("SMS +14155550100")]
    let given = try #require(try replace(0, of: without, by: with[0], .profile))
    #expect(given.released.map(\.inWords) == ["pair +14155550100 +14155550117"])
    #expect(given.claimed.map(\.inWords) == ["profile 7"])
    let cleared = try #require(try replace(0, of: with, by: without[0], .profile))
    #expect(cleared.released.map(\.inWords) == ["profile 7"])
    #expect(cleared.claimed.map(\.inWords) == ["pair +14155550100 +14155550117"])
    #expect(cleared.participant.profileId == nil)
    let nameOnly = try #require(try replace(0, of: with, by: #"{"name":"Mira"}"#, .profile))
    #expect(nameOnly.released.map(\.inWords) == ["profile 7"], "an omitted profile is cleared")
  }

  @Test("The last profile of a conversation that stops to count gives way to the pairs (B-GROUP-5)")
  func profileToFallback() throws {
    let members = [Someone.customer("SMS +14155550117", profile: 7), .customer("SMS +14155550118", profile: 5), .agent("SMS +14155550100")]
    let first = try #require(try replace(0, of: members, by: .unknown("SMS +14155550117", profile: 7), .profile))
    #expect(first.released.map(\.inWords) == ["profile 7"])
    #expect(first.claimed.isEmpty, "the other customer's profile still holds")
    let second = try #require(
      try replace(1, of: [.unknown("SMS +14155550117", profile: 7)] + members[1...], by: .customer("SMS +14155550118"), .profile))
    #expect(second.released.map(\.inWords) == ["profile 5"])
    #expect(
      second.claimed.map(\.inWords) == [
        "pair +14155550100 +14155550117", "pair +14155550100 +14155550118", "pair +14155550117 +14155550118",
      ])
  }

  @Test(
    "A change of type makes and dissolves pairs (B-GROUP-5, B-PART-23)",
    arguments: [
      (.customer, .agent, ["pair SMS +14155550100 +14155550117"], []),
      (.customer, .unknown, [], []),
      (.agent, .unknown, [], ["pair SMS +14155550100 +14155550117"]),
      (.humanAgent, .customer, [], ["pair SMS +14155550100 +14155550117"]),
      (.aiAgent, .humanAgent, [], []),
      (.unknown, .aiAgent, ["pair SMS +14155550100 +14155550117"], []),
    ] as [(Participant.Kind, Participant.Kind, [String], [String])])
  func changesType(from: Participant.Kind, to: Participant.Kind, released: [String], claimed: [String]) throws {
    let members = [Someone(from, "SMS +14155550117"), .agent("SMS +14155550100")]
    let admission = try #require(try replace(0, of: members, by: #"{"type":"\#(to.rawValue)"}"#, .addressesAndChannel))
    #expect(admission.released.map(\.inWords) == released)
    #expect(admission.claimed.map(\.inWords) == claimed)
    #expect(admission.participant.addresses.map(\.text) == ["+14155550117"], "omitted addresses are kept (B-PART-21)")
  }

  @Test("Cleared addresses give their keys back (B-PART-21)")
  func clearsAddresses() throws {
    let members = [Someone.customer("SMS +14155550117"), .unknown("SMS +14155550100")]
    let admission = try #require(try replace(0, of: members, by: #"{"addresses":[]}"#, .addresses))
    #expect(admission.released.map(\.inWords) == ["pair +14155550100 +14155550117"])
    #expect(admission.claimed.map(\.inWords) == ["alone +14155550100"])
  }

  @Test("A replacement that changes nothing is none (B-PART-22)")
  func changesNothing() throws {
    let members = [Someone.customer("SMS +14155550117", profile: 7)]
    #expect(try replace(0, of: members, by: #"{"name":"","profileId":"mem_profile_00000000000000000000000007"}"#, .profile) == nil)
    #expect(
      try replace(0, of: members, by: #"{"profileId":"mem_profile_00000000000000000000000007"}"#, .profile) != nil,
      "the default name is another")
  }

  @Test("An address belongs to one participant: the owner of the first such address is named (B-PART-5)")
  func namesOwner() throws {
    let members = try [Someone.customer("SMS +14155550117"), .unknown("CHAT mira", "WHATSAPP +14155550119")].members()
    func owner(of someone: Someone) -> ParleyError? {
      refusal { _ = try held(.addresses, 2).admit(draft(someone), beside: members, id: .init(9), at: .at(0)) }
    }
    #expect(owner(of: .agent("SMS +14155550100", "CHAT client:mira", "SMS +14155550117")) == .conflict(.addressOwned(by: try .init(2))))
    #expect(owner(of: .agent("SMS +14155550117", "CHAT mira")) == .conflict(.addressOwned(by: try .init(1))))
    #expect(owner(of: .customer("WHATSAPP WhatsApp:+14155550119")) == .conflict(.addressOwned(by: try .init(2))))
    _ = try held(.addresses, 2).admit(draft(.agent("VOICE +14155550117", "CHAT Mira")), beside: members, id: .init(9), at: .at(0))
  }

  @Test("A participant may keep its own address, and may not take another's (B-PART-5)")
  func keepsOwnAddress() throws {
    let members = [Someone.customer("SMS +14155550117"), .agent("SMS +14155550100")]
    #expect(try replace(0, of: members, by: .customer("SMS +14155550117", "CHAT mira"), .addresses) != nil)
    let error = #expect(throws: ParleyError.self) { try replace(0, of: members, by: .customer("SMS +14155550100"), .addresses) }
    #expect(error == .conflict(.addressOwned(by: try .init(2))))
  }

  @Test("A conversation takes 100 participants and not 101; a replacement is no new one (B-PART-7)")
  func limitsParticipants() throws {
    let newcomer = try draft(.agent("SMS +14155550100"))
    _ = try held(.addresses, 99).admit(newcomer, beside: [], id: .init(9), at: .at(0))
    let error = #expect(throws: ParleyError.self) { try held(.addresses, 100).admit(newcomer, beside: [], id: .init(9), at: .at(0)) }
    #expect(error == .refusedByState(.participantsFull))
    #expect(
      try held(.addresses, 100).replace(Someone.agent().participant(1), by: newcomer, among: [Someone.agent()].members(), at: .at(0)) != nil
    )
  }

  @Test("Too many grouping keys are refused by POST, PUT and create, and said before an owned address (B-PART-7)")
  func limitsKeys() throws {
    func fifty(_ type: Participant.Kind, from first: Int) -> Someone { Someone(type, (0..<50).map { "CHAT \(first + $0)" }) }
    let half = [fifty(.customer, from: 1000), fifty(.agent, from: 2000)]
    let full = half + [fifty(.agent, from: 3000), .agent()]
    let conversation = try held(.addresses, 4)
    #expect(try conversation.keys(of: full.members()).count == 5000)

    let greedy = try draft(.agent("CHAT 9999", "CHAT 1000"))
    func add(to members: [Someone]) throws { _ = try conversation.admit(greedy, beside: members.members(), id: .init(9), at: .at(0)) }
    #expect(refusal { try add(to: half) } == .conflict(.addressOwned(by: try .init(1))))
    #expect(refusal { try add(to: full) } == .refusedByState(.groupingKeysFull))
    #expect(
      refusal { _ = try replace(3, of: full, by: .agent("CHAT 9999", "CHAT 1000"), .addresses) } == .refusedByState(.groupingKeysFull))
    #expect(refusal { _ = try conversation.keys(of: (full + [.agent("CHAT 9999")]).members()) } == .refusedByState(.groupingKeysFull))
  }

  @Test(
    "A CLOSED conversation takes nobody and changes nobody, not even to the same (B-CONV-28, B-PART-22); others do",
    arguments: Conversation.Status.allCases)
  func respectsStatus(status: Conversation.Status) throws {
    let someone = try Someone.customer("SMS +14155550117").participant(1)
    let same = try Reading(#"{"name":""}"#) { ParticipantDraft($0) }.get()
    let conversation = try held(.addresses, 1, status)
    func admit() throws {
      _ = try conversation.admit(draft(.agent("SMS +14155550117")), beside: [someone.member], id: .init(9), at: .at(0))
    }
    func replace() throws { _ = try conversation.replace(someone, by: same, among: [someone.member], at: .at(0)) }
    if status == .closed {
      #expect(refusal(admit) == .refusedByState(.conversationClosed), "state is said before conflicts (B-ERR-8)")
      #expect(refusal(replace) == .refusedByState(.conversationClosed))
    } else {
      #expect(refusal(admit) == .conflict(.addressOwned(by: try .init(1))))
      try replace()
    }
  }

  @Test("Inline conversations share a scope by memory store and grouping type (B-CONV-3)")
  func hasScopes() {
    let scopes = ["mem_store_1", "mem_store_2"].flatMap { store in
      GroupingType.allCases.map { HeldConversation.inlineScope(memoryStoreId: store, groupingType: $0) }
    }
    #expect(Set(scopes).count == 6)
    #expect(scopes.allSatisfy { Configuration.ID($0) == nil }, "and none with a configuration")
  }

  private func held(_ type: GroupingType, _ count: Int64, _ status: Conversation.Status = .active) throws -> HeldConversation {
    HeldConversation(
      id: try .init(1), accountId: .init(1), status: status, groupingScope: "scope", groupingType: type, participantCount: count,
      nextPosition: count)
  }

  private func draft(_ someone: Someone) throws -> ParticipantDraft { try Reading(someone.body) { ParticipantDraft($0) }.get() }

  private func replace(_ index: Int, of members: [Someone], by someone: Someone, _ type: GroupingType) throws -> Admission? {
    try replace(index, of: members, by: someone.body, type)
  }

  private func replace(_ index: Int, of members: [Someone], by body: String, _ type: GroupingType) throws -> Admission? {
    let draft = try Reading(body) { ParticipantDraft($0) }.get()
    return try held(type, Int64(members.count)).replace(
      members[index].participant(index + 1), by: draft, among: members.members(), at: .at(5))
  }

  private func refusal(_ work: () throws -> Void) -> ParleyError? { #expect(throws: ParleyError.self, performing: work) }
}
