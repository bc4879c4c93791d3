import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

/// Open conversations exclude each other by their grouping keys.
@Suite struct GroupingTests {
  @Test(
    "B-GROUP-1, B-GROUP-2: a second conversation of the same pair is a conflict that names the first, and makes nothing",
    arguments: TestDatabase.kinds)
  func samePair(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      let pair = [participant(.customer, "SMS \(Text.a)"), participant(.aiAgent, "SMS \(Text.b)")]
      let first = try await test.conversation(configuration, pair)
      await #expect(throws: ParleyError.conflict(.grouping(with: first))) { try await test.create(configuration, pair) }
      #expect(try await test.conversations().map { $0.text("id") } == [first.text])
    }
  }

  @Test("B-GROUP-10: who meets whom", arguments: Example.all, TestDatabase.kinds)
  func example(_ example: Example, kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(example.type)
      let open = try await test.conversation(configuration, example.open)
      if example.status != .active { try await test.put(example.status, open) }
      if example.isConflict {
        await #expect(throws: ParleyError.conflict(.grouping(with: open))) { try await test.create(configuration, example.wanted) }
      } else {
        #expect(try await test.create(configuration, example.wanted).list("participants")?.count == example.wanted.count)
      }
    }
  }

  struct Example: CustomTestStringConvertible, Sendable {
    let name: String
    let type: GroupingType
    let open: [String]
    let wanted: [String]
    var status = Conversation.Status.active
    let isConflict: Bool

    var testDescription: String { "\(name), \(type.rawValue): \(isConflict ? 409 : 201)" }

    static let all: [Example] = {
      let sms = [participant(.customer, "SMS \(Text.a)"), participant(.agent, "SMS \(Text.b)")]
      let voice = [participant(.customer, "VOICE \(Text.a)"), participant(.agent, "VOICE \(Text.b)")]
      let whatsapp = [participant(.customer, "WHATSAPP whatsapp:\(Text.a)"), participant(.agent, "WHATSAPP whatsapp:\(Text.b)")]
      let otherAgent = [participant(.customer, "SMS \(Text.a)"), participant(.agent, "SMS \(Text.c)")]
      let swapped = [participant(.agent, "SMS \(Text.a)"), participant(.customer, "SMS \(Text.b)")]
      let known = [participant(.customer, "SMS \(Text.a)", profile: Text.profile), participant(.agent, "SMS \(Text.b)")]
      let knownOtherAgent = [participant(.customer, "SMS \(Text.a)", profile: Text.profile), participant(.agent, "SMS \(Text.c)")]
      let alone = [participant(.customer, "SMS \(Text.a)")]
      let aloneByVoice = [participant(.unknown, "VOICE \(Text.a)")]
      return [
        Example(name: "(a) another channel", type: .addressesAndChannel, open: sms, wanted: voice, isConflict: false),
        Example(name: "(a) another channel", type: .addresses, open: sms, wanted: voice, isConflict: true),
        Example(name: "(b) WhatsApp's prefix", type: .addressesAndChannel, open: sms, wanted: whatsapp, isConflict: false),
        Example(name: "(b) WhatsApp's prefix", type: .addresses, open: sms, wanted: whatsapp, isConflict: true),
        Example(name: "(c) another agent", type: .addressesAndChannel, open: sms, wanted: otherAgent, isConflict: false),
        Example(name: "(c) another agent", type: .addresses, open: sms, wanted: otherAgent, isConflict: false),
        Example(name: "(c) the same profile with another agent", type: .profile, open: known, wanted: knownOtherAgent, isConflict: true),
        Example(name: "(c) the same profile with another agent", type: .addresses, open: known, wanted: knownOtherAgent, isConflict: false),
        Example(name: "(d) an INACTIVE one", type: .addresses, open: sms, wanted: sms, status: .inactive, isConflict: true),
        Example(name: "(e) a CLOSED one", type: .addresses, open: sms, wanted: sms, status: .closed, isConflict: false),
        Example(name: "(f) roles swapped", type: .addressesAndChannel, open: sms, wanted: swapped, isConflict: true),
        Example(name: "(f) roles swapped", type: .addresses, open: sms, wanted: swapped, isConflict: true),
        Example(
          name: "B-GROUP-5: no profile falls back to pairs without channel", type: .profile, open: sms, wanted: voice, isConflict: true),
        Example(name: "B-GROUP-5: a profile never meets a pair", type: .profile, open: sms, wanted: known, isConflict: false),
        Example(name: "B-GROUP-5: alone meets alone", type: .addresses, open: alone, wanted: aloneByVoice, isConflict: true),
        Example(
          name: "B-GROUP-5: alone on another channel", type: .addressesAndChannel, open: alone, wanted: aloneByVoice, isConflict: false),
        Example(name: "B-GROUP-5: alone never meets a pair", type: .addresses, open: sms, wanted: alone, isConflict: false),
        Example(name: "B-GROUP-5: without addresses nobody meets", type: .addresses, open: [], wanted: [], isConflict: false),
      ]
    }()
  }

  @Test("B-GROUP-3: keys of one configuration or of one account are nothing to another", arguments: TestDatabase.kinds)
  func scopes(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let pair = [participant(.customer, "SMS \(Text.a)"), participant(.agent, "SMS \(Text.b)")]
      let other = try await test.engine.accounts.create(name: "other").account.id
      try await test.create(test.configuration(), pair)
      try await test.create(test.configuration(), pair)
      try await test.create(test.configuration(for: other), pair, for: other)
      #expect(try await test.conversations().count == 2)
    }
  }

  @Test("B-GROUP-3, B-CONV-3: inline conversations meet those of the same store and grouping type", arguments: TestDatabase.kinds)
  func inlineScopes(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      func create(_ type: GroupingType, _ store: String) async throws -> Conversation.ID {
        let body = """
          {"configuration":{"conversationGroupingType":"\(type.rawValue)","memoryStoreId":"\(store)"},
           "participants":[\(participant(.customer, "SMS \(Text.a)"))]}
          """
        return try await Answer(test.engine.conversations.create(Body(body), for: test.account)).id()
      }
      let first = try await create(.addresses, Text.store)
      _ = try await create(.addresses, Text.otherStore)
      _ = try await create(.addressesAndChannel, Text.store)
      await #expect(throws: ParleyError.conflict(.grouping(with: first))) { try await create(.addresses, Text.store) }
    }
  }

  @Test("B-GROUP-4: closing frees the keys for the next conversation, by PUT and by PATCH", arguments: TestDatabase.kinds)
  func closingFrees(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      let pair = [participant(.customer, "SMS \(Text.a)"), participant(.agent, "SMS \(Text.b)")]
      let first = try await test.conversation(configuration, pair)
      try await test.put(.inactive, first)
      await #expect(throws: ParleyError.conflict(.grouping(with: first))) { try await test.create(configuration, pair) }
      try await test.put(.closed, first)
      let second = try await test.conversation(configuration, pair)
      try await test.patch(second, #"{"status":"CLOSED"}"#)
      try await test.create(configuration, pair)
    }
  }

  @Test("B-GROUP-6: of several conversations in the way, the most recent one is named", arguments: TestDatabase.kinds)
  func newestHolder(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      let (customer, one, two) = (
        participant(.customer, "SMS \(Text.a)"), participant(.agent, "SMS \(Text.b)"), participant(.agent, "SMS \(Text.c)")
      )
      try await test.create(configuration, [customer, one])
      let newer = try await test.conversation(configuration, [customer, two])
      await #expect(throws: ParleyError.conflict(.grouping(with: newer))) { try await test.create(configuration, [customer, one, two]) }
      await #expect(throws: ParleyError.conflict(.grouping(with: newer))) { try await test.create(configuration, [customer, two, one]) }
    }
  }

  @Test(
    "B-GROUP-7: a participant that would give a conversation another's key is a conflict, and nothing changes",
    arguments: TestDatabase.kinds)
  func participantWrites(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      let holder = try await test.conversation(
        configuration, [participant(.customer, "SMS \(Text.a)"), participant(.agent, "SMS \(Text.b)")])
      let conversation = try await test.conversation(configuration, [participant(.agent, "SMS \(Text.b)")])

      await #expect(throws: ParleyError.conflict(.grouping(with: holder))) {
        try await test.add(participant(.customer, "SMS \(Text.a)"), to: conversation)
      }
      #expect(try await test.participants(of: conversation).count == 1)

      // As an agent the address makes no pair; the promotion would.
      let added = try await test.add(participant(.aiAgent, "SMS \(Text.a)"), to: conversation)
      await #expect(throws: ParleyError.conflict(.grouping(with: holder))) {
        try await test.replace(added.id, by: #"{"type":"CUSTOMER"}"#, in: conversation)
      }
      #expect(try await test.fetch(added.id, in: conversation).type == .aiAgent)

      try await test.put(.closed, holder)
      #expect(try await test.replace(added.id, by: #"{"type":"CUSTOMER"}"#, in: conversation).type == .customer)
    }
  }

  @Test(
    "B-GROUP-5, B-GROUP-13: a key goes with what made it: alone, pair, profile and back", arguments: [GroupingType.addresses, .profile],
    TestDatabase.kinds)
  func transitions(_ type: GroupingType, kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(type)
      let customer = participant(.customer, "SMS \(Text.a)")
      let agent = participant(.agent, "SMS \(Text.b)")
      let conversation = try await test.conversation(configuration, [customer])
      await #expect(throws: ParleyError.conflict(.grouping(with: conversation))) { try await test.create(configuration, [customer]) }

      // Alone no more: another may be.
      let agentId = try await test.add(agent, to: conversation).id
      let alone = try await test.conversation(configuration, [customer])
      await #expect(throws: ParleyError.conflict(.grouping(with: conversation))) {
        try await test.create(configuration, [customer, agent])
      }

      // Without the agent's address it would be alone again, where another is by now.
      await #expect(throws: ParleyError.conflict(.grouping(with: alone))) {
        try await test.replace(agentId, by: #"{"addresses":[]}"#, in: conversation)
      }
      try await test.put(.closed, alone)
      try await test.replace(agentId, by: #"{"addresses":[]}"#, in: conversation)
      try await test.create(configuration, [customer, agent])
      await #expect(throws: ParleyError.conflict(.grouping(with: conversation))) { try await test.create(configuration, [customer]) }
    }
  }

  @Test("B-GROUP-5: a profile given later takes the pair's place, and gives it back when it is cleared", arguments: TestDatabase.kinds)
  func profileTransitions(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(.profile)
      let pair = [participant(.customer, "SMS \(Text.a)"), participant(.agent, "SMS \(Text.b)")]
      let created = try await test.create(configuration, pair)
      let conversation: Conversation.ID = try created.id()
      let customer: Participant.ID = try #require(created.list("participants")).first.unwrapped().id()

      try await test.replace(customer, by: #"{"profileId":"\#(Text.profile)"}"#, in: conversation)
      let second = try await test.conversation(configuration, pair)
      await #expect(throws: ParleyError.conflict(.grouping(with: conversation))) {
        try await test.create(configuration, [participant(.customer, "SMS \(Text.d)", profile: Text.profile)])
      }

      await #expect(throws: ParleyError.conflict(.grouping(with: second))) { try await test.replace(customer, by: "{}", in: conversation) }
      #expect(try await test.fetch(customer, in: conversation).profileId == Text.profile)
      try await test.put(.closed, second)
      #expect(try await test.replace(customer, by: "{}", in: conversation).profileId == nil)
      try await test.create(configuration, [participant(.customer, "SMS \(Text.d)", profile: Text.profile)])
    }
  }
}

extension Optional {
  /// The value, which the test needs.
  func unwrapped() throws -> Wrapped { try #require(self) }
}
