import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

@Suite struct ParticipantsTests {
  @Test(
    "B-PART-5: an address of another participant is a conflict that names its owner, however it is spelled", arguments: TestDatabase.kinds)
  func ownedAddress(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let conversation = try await test.conversation(test.configuration())
      let owner = try await test.add(participant(.customer, "WHATSAPP whatsapp:\(Text.a)", "EMAIL Ada@Example.org"), to: conversation)
      let other = try await test.add(participant(.agent, "SMS \(Text.a)"), to: conversation)  // another channel
      for address in ["WHATSAPP \(Text.a)", "WHATSAPP WhatsApp:\(Text.a)", "EMAIL ada@example.ORG", "WHATSAPP \(Text.a) CH1"] {
        await #expect(throws: ParleyError.conflict(.addressOwned(by: owner.id))) {
          try await test.add(participant(.unknown, address), to: conversation)
        }
        await #expect(throws: ParleyError.conflict(.addressOwned(by: owner.id))) {
          try await test.replace(other.id, by: participant(.agent, address), in: conversation)
        }
      }
      #expect(try await test.participants(of: conversation).count == 2)
      #expect(try await test.fetch(other.id, in: conversation).addresses.map(\.text) == [Text.a])
    }
  }

  @Test(
    "B-PART-5: of several owners, that of the first address in the request is named; ownership is said before grouping",
    arguments: TestDatabase.kinds)
  func severalOwners(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      try await test.create(configuration, [participant(.customer, "SMS \(Text.d)"), participant(.agent, "SMS \(Text.b)")])
      let conversation = try await test.conversation(configuration)
      let one = try await test.add(participant(.agent, "SMS \(Text.a)"), to: conversation)
      let two = try await test.add(participant(.agent, "SMS \(Text.b)"), to: conversation)
      await #expect(throws: ParleyError.conflict(.addressOwned(by: two.id))) {
        try await test.add(participant(.unknown, "SMS \(Text.c)", "SMS \(Text.b)", "SMS \(Text.a)"), to: conversation)
      }
      // With Text.d it would also meet the other conversation.
      await #expect(throws: ParleyError.conflict(.addressOwned(by: one.id))) {
        try await test.add(participant(.customer, "SMS \(Text.d)", "SMS \(Text.a)"), to: conversation)
      }
    }
  }

  @Test(
    "B-PART-5: an address that was given up may be taken, in the same conversation and in others at any time", arguments: TestDatabase.kinds
  )
  func freedAddress(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      let conversation = try await test.conversation(configuration)
      let first = try await test.add(participant(.agent, "SMS \(Text.a)", "SMS \(Text.b)"), to: conversation)
      try await test.replace(first.id, by: participant(.agent, "SMS \(Text.b)"), in: conversation)
      let second = try await test.add(participant(.agent, "SMS \(Text.a)"), to: conversation)
      await #expect(throws: ParleyError.conflict(.addressOwned(by: second.id))) {
        try await test.replace(first.id, by: participant(.agent, "SMS \(Text.a)"), in: conversation)
      }
      try await test.add(participant(.agent, "SMS \(Text.a)"), to: test.conversation(configuration))
    }
  }

  @Test(
    "B-PART-6: one participant may list an address with several channelIds, and owns it until the last is gone",
    arguments: TestDatabase.kinds)
  func severalChannelIds(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let conversation = try await test.conversation(test.configuration())
      let caller = try await test.add(
        participant(.customer, "VOICE \(Text.a) CA1", "VOICE \(Text.a) CA2", "VOICE \(Text.a)"), to: conversation)
      #expect(caller.addresses.map(\.channelId) == ["CA1", "CA2", nil])
      for channelId in ["CA1", "CA2"] {
        #expect(try await test.conversations(ConversationFilter(channelId: channelId)).count == 1)
      }
      try await test.replace(caller.id, by: participant(.customer, "VOICE \(Text.a) CA2"), in: conversation)
      #expect(try await test.conversations(ConversationFilter(channelId: "CA1")).isEmpty)
      await #expect(throws: ParleyError.conflict(.addressOwned(by: caller.id))) {
        try await test.add(participant(.agent, "VOICE \(Text.a) CA9"), to: conversation)
      }
      try await test.replace(caller.id, by: participant(.customer), in: conversation)
      #expect(try await test.conversations(ConversationFilter(channelId: "CA2")).isEmpty)
      try await test.add(participant(.agent, "VOICE \(Text.a)"), to: conversation)
    }
  }

  @Test(
    "B-PART-7: the hundredth participant is taken, the next is refused, and that is said before any conflict", arguments: TestDatabase.kinds
  )
  func participantsMax(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let fifty = (0..<50).map { participant(.agent, "CHAT first-\($0)") }
      let conversation = try await test.conversation(test.configuration(), fifty)
      try await withThrowingTaskGroup { group in
        for number in 0..<50 { group.addTask { try await test.add(participant(.agent, "CHAT second-\(number)"), to: conversation) } }
        try await group.waitForAll()
      }
      #expect(try await test.participants(of: conversation).count == 100)
      for address in ["CHAT first-0", "CHAT new"] {
        await #expect(throws: ParleyError.refusedByState(.participantsFull)) {
          try await test.add(participant(.agent, address), to: conversation)
        }
      }
      // A full conversation still changes the ones it has, and the whole of it is still read.
      let last = try await test.participants(of: conversation)[99]
      try await test.replace(last.id(), by: #"{"name":"last"}"#, in: conversation)
      #expect(try await test.fetch(conversation).list("participants")?.last?.text("name") == "last")
    }
  }

  @Test(
    "B-PART-7: 5,000 grouping keys are taken, one more is refused before any conflict, by POST, PUT and inline",
    arguments: TestDatabase.kinds)
  func keysMax(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      func list(_ name: String, _ count: Int) -> [String] { (0..<count).map { "CHAT \(name)-\($0)" } }
      let configuration = try await test.configuration(.addresses)
      let many = [
        participant(.customer, list("customer", 50)), participant(.agent, list("one", 50)), participant(.agent, list("two", 50)),
      ]
      await #expect(throws: ParleyError.refusedByState(.groupingKeysFull)) {
        try await test.create(configuration, many + [participant(.agent, "CHAT three")])
      }
      let conversation = try await test.conversation(configuration, many)
      let free = try await test.add(participant(.agent), to: conversation)
      // The second has an address of another one as well.
      for addresses in [["CHAT three"], ["CHAT one-0", "CHAT three"]] {
        await #expect(throws: ParleyError.refusedByState(.groupingKeysFull)) {
          try await test.add(participant(.agent, addresses), to: conversation)
        }
        await #expect(throws: ParleyError.refusedByState(.groupingKeysFull)) {
          try await test.replace(free.id, by: participant(.agent, addresses), in: conversation)
        }
      }
      // All were claimed: the very last pair is taken for others.
      await #expect(throws: ParleyError.conflict(.grouping(with: conversation))) {
        try await test.create(configuration, [participant(.customer, "CHAT customer-49"), participant(.agent, "CHAT two-49")])
      }
    }
  }

  @Test(
    "B-PART-9: reading works in every status, and only inside the participant's own conversation", arguments: Conversation.Status.allCases,
    TestDatabase.kinds)
  func reading(_ status: Conversation.Status, kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      let conversation = try await test.conversation(configuration)
      let other = try await test.conversation(configuration)
      let added = try await test.add(participant(.customer, "SMS \(Text.a)"), to: conversation)
      try await test.put(status, conversation)
      #expect(try await test.fetch(added.id, in: conversation).name == Text.a)
      #expect(try await test.participants(of: conversation).map { $0.text("id") } == [added.id.text])
      #expect(try await test.participants(of: other).isEmpty)
      await #expect(throws: ParleyError.notFound(.participant)) { try await test.fetch(added.id, in: other) }
      await #expect(throws: ParleyError.notFound(.participant)) { try await test.replace(added.id, by: "{}", in: other) }
    }
  }

  @Test("B-AUTH-4: another account's conversation and participants are not there", arguments: TestDatabase.kinds)
  func otherAccount(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let conversation = try await test.conversation(test.configuration())
      let added = try await test.add(participant(.customer, "SMS \(Text.a)"), to: conversation)
      let other = try await test.engine.accounts.create(name: "other").account.id
      let participants = test.engine.participants
      await #expect(throws: ParleyError.notFound(.conversation)) {
        try await participants.create(Body(participant(.agent)), in: conversation, for: other)
      }
      await #expect(throws: ParleyError.notFound(.conversation)) { try await participants.fetch(added.id, in: conversation, for: other) }
      await #expect(throws: ParleyError.notFound(.conversation)) {
        try await participants.list(PageRequest(), in: conversation, for: other)
      }
      await #expect(throws: ParleyError.notFound(.conversation)) {
        try await participants.replace(added.id, by: Body("{}"), in: conversation, for: other)
      }
    }
  }

  @Test(
    "B-ERR-8: a missing conversation or participant is said before a wrong body, that before the state, that before a conflict",
    arguments: TestDatabase.kinds)
  func precedence(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      let conversation = try await test.conversation(configuration)
      let added = try await test.add(participant(.customer, "SMS \(Text.a)"), to: conversation)
      let missing = try #require(Conversation.ID("conv_conversation_00000000000000000000000000"))
      let wrong = #"{"type":"BOSS"}"#
      await #expect(throws: ParleyError.notFound(.conversation)) { try await test.add(wrong, to: missing) }
      await #expect(throws: ParleyError.notFound(.conversation)) { try await test.replace(added.id, by: wrong, in: missing) }
      let nobody = try #require(Participant.ID("conv_participant_00000000000000000000000000"))
      await #expect(throws: ParleyError.notFound(.participant)) { try await test.replace(nobody, by: wrong, in: conversation) }
      try await test.put(.closed, conversation)
      await #expect(
        throws: ParleyError.invalid([
          Problem(path: "type", message: "must be one of HUMAN_AGENT, CUSTOMER, AI_AGENT, AGENT, UNKNOWN"),
          Problem(path: "addresses", message: "is required"),
        ])
      ) { try await test.add(wrong, to: conversation) }
      await #expect(throws: ParleyError.refusedByState(.conversationClosed)) {
        try await test.add(participant(.agent, "SMS \(Text.a)"), to: conversation)
      }
    }
  }

  @Test("B-PART-10: a participant neither reopens a conversation nor moves its updatedAt (B-TIME-3)", arguments: TestDatabase.kinds)
  func inactiveStays(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let conversation = try await test.conversation(test.configuration())
      let before = try await test.put(.inactive, conversation)
      test.clock.advance(seconds: 60)
      try await test.add(participant(.customer, "SMS \(Text.a)"), to: conversation)
      let after = try await test.fetch(conversation)
      #expect(after.text("status") == "INACTIVE")
      #expect(after.text("updatedAt") == before.text("updatedAt"))
    }
  }

  @Test("B-PART-21: a PUT replaces name and profile, and keeps type and addresses that it does not name", arguments: TestDatabase.kinds)
  func replacing(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let conversation = try await test.conversation(test.configuration())
      let added = try await test.add(participant(.customer, "SMS \(Text.a) SM1", name: "Ada", profile: Text.profile), to: conversation)

      let renamed = try await test.replace(added.id, by: #"{"name":"Ada L."}"#, in: conversation)
      #expect((renamed.name, renamed.profileId, renamed.type) == ("Ada L.", nil, .customer))
      #expect(renamed.addresses.map(\.channelId) == ["SM1"])

      let emptied = try await test.replace(added.id, by: #"{"addresses":[],"profileId":"\#(Text.otherProfile)"}"#, in: conversation)
      #expect((emptied.name, emptied.profileId, emptied.addresses.count) == ("CUSTOMER", Text.otherProfile, 0))

      let whole = try await test.replace(added.id, by: participant(.aiAgent, "SMS \(Text.b)"), in: conversation)
      #expect((whole.name, whole.profileId, whole.type) == (Text.b, nil, .aiAgent))
      #expect(try await test.fetch(added.id, in: conversation).name == Text.b)
      #expect((whole.id, whole.createdAt) == (added.id, added.createdAt))
    }
  }

  @Test("B-PART-22: a PUT that changes nothing changes nothing, not even updatedAt", arguments: TestDatabase.kinds)
  func unchanged(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let conversation = try await test.conversation(test.configuration())
      let body = participant(.customer, "SMS \(Text.a)", "WHATSAPP whatsapp:\(Text.a)", name: "Ada", profile: Text.profile)
      let added = try await test.add(body, to: conversation)
      test.clock.advance(seconds: 60)
      let same = [
        body, #"{"name":"Ada","profileId":"\#(Text.profile)"}"#,
        #"{"name":"Ada","profileId":"\#(Text.profile)","id":"x","addresses":null}"#,
      ]
      for body in same {
        #expect(try await test.replace(added.id, by: body, in: conversation).updatedAt == added.createdAt)
      }
      // Another order or spelling is a change.
      let other = participant(.customer, "SMS \(Text.a)", "WHATSAPP \(Text.a)", name: "Ada", profile: Text.profile)
      let respelled = try await test.replace(added.id, by: other, in: conversation)
      #expect(respelled.updatedAt == test.clock.now)
      #expect(respelled.addresses.map(\.text) == [Text.a, Text.a])
    }
  }

  @Test("B-PART-22, B-CONV-28: on a CLOSED conversation every PUT is refused, also one that changes nothing", arguments: TestDatabase.kinds)
  func closed(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let conversation = try await test.conversation(test.configuration())
      let added = try await test.add(participant(.customer, "SMS \(Text.a)", name: "Ada"), to: conversation)
      try await test.put(.closed, conversation)
      for body in [#"{"name":"Ada"}"#, #"{"name":"Eve"}"#] {
        await #expect(throws: ParleyError.refusedByState(.conversationClosed)) {
          try await test.replace(added.id, by: body, in: conversation)
        }
      }
      await #expect(throws: ParleyError.refusedByState(.conversationClosed)) { try await test.add(participant(.agent), to: conversation) }
      #expect(try await test.participants(of: conversation).map { $0.text("name") } == ["Ada"])
    }
  }

  @Test("B-TIME-3: a change moves updatedAt, and a clock that was set back does not", arguments: TestDatabase.kinds)
  func updatedAt(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let conversation = try await test.conversation(test.configuration())
      let added = try await test.add(participant(.customer), to: conversation)
      #expect(added.updatedAt == added.createdAt)
      test.clock.advance(seconds: 10)
      let later = try await test.replace(added.id, by: #"{"name":"one"}"#, in: conversation)
      #expect((later.createdAt, later.updatedAt) == (added.createdAt, test.clock.now))
      test.clock.advance(seconds: -600)
      let back = try await test.replace(added.id, by: #"{"name":"two"}"#, in: conversation)
      #expect(back.updatedAt == later.updatedAt)
    }
  }
}
