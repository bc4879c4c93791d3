import ParleyDomain
import ParleyEngine
import ParleyStorage
import ParleyTesting
import Testing

/// Many tasks at one thing, many times over: the outcome is always one that some order of them one after the other could have.
@Suite struct RaceTests {
  private static let tasks = 8

  @Test("Of eight that add one address to one conversation, one does, and the others are told which", arguments: TestDatabase.kinds)
  func sameAddress(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      for round in 0..<300 {
        let conversation = try await test.conversation(configuration)
        let outcomes = await race(Self.tasks) { number in
          try await test.add(participant(.agent, "CHAT same", name: "\(number)"), to: conversation).id
        }
        let winner = try #require(outcomes.only(), "round \(round)")
        #expect(outcomes.errors == Array(repeating: .conflict(.addressOwned(by: winner)), count: Self.tasks - 1), "round \(round)")
        #expect(try await test.participants(of: conversation).map { $0.text("id") } == [winner.text], "round \(round)")
      }
    }
  }

  @Test("Of eight that want the last of 100 places, one gets it", arguments: TestDatabase.kinds)
  func lastPlace(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      for round in 0..<200 {
        let conversation = try await test.conversation(configuration)
        try await test.fill(conversation, to: Conversation.participantsMax - 1)
        let outcomes = await race(Self.tasks) { number in try await test.add(participant(.agent, "CHAT \(number)"), to: conversation).id }
        let winner = try #require(outcomes.only(), "round \(round)")
        #expect(outcomes.errors == Array(repeating: .refusedByState(.participantsFull), count: Self.tasks - 1), "round \(round)")
        let listed = try await test.participants(of: conversation)
        #expect(listed.count == Conversation.participantsMax && listed.last?.text("id") == winner.text, "round \(round)")
      }
    }
  }

  @Test(
    "Of one that closes and eight that add, what was added before the end is there, the rest is refused, and no key is left",
    arguments: TestDatabase.kinds)
  func closeAgainstAdd(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      var addedInAll = 0
      for round in 0..<300 {
        let customer = participant(.customer, "CHAT customer")
        let conversation = try await test.conversation(configuration, [customer])
        // The one that closes takes another place in the row each round.
        let outcomes = await race(Self.tasks + 1) { number -> Participant.ID? in
          if number == round % (Self.tasks + 1) {
            try await test.put(.closed, conversation)
            return nil
          }
          return try await test.add(participant(.agent, "CHAT agent-\(number)"), to: conversation).id
        }
        let added = outcomes.values.compactMap { $0 }
        addedInAll += added.count
        #expect(outcomes.values.count == added.count + 1, "round \(round): closing is never refused")
        #expect(outcomes.errors.allSatisfy { $0 == .refusedByState(.conversationClosed) }, "round \(round)")
        let listed = try await test.participants(of: conversation).dropFirst()
        #expect(Set(listed.compactMap { $0.text("id") }) == Set(added.map(\.text)), "round \(round)")

        // All that the closed one could hold is free.
        let next = try await test.conversation(configuration, [customer] + (0...Self.tasks).map { participant(.agent, "CHAT agent-\($0)") })
        try await test.put(.closed, next)
      }
      // Both ends happen, or there was no race.
      #expect((1..<300 * Self.tasks).contains(addedInAll))
    }
  }

  @Test("B-CONV-12: of eight identical creates, one makes the conversation and the others are pointed to it", arguments: TestDatabase.kinds)
  func identicalCreates(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      for round in 0..<300 {
        let pair = [participant(.customer, "CHAT customer-\(round)"), participant(.agent, "CHAT agent-\(round)")]
        let outcomes = await race(Self.tasks) { _ in try await test.conversation(configuration, pair) }
        let winner = try #require(outcomes.only(), "round \(round)")
        #expect(outcomes.errors == Array(repeating: .conflict(.grouping(with: winner)), count: Self.tasks - 1), "round \(round)")
        #expect(try await test.participants(of: winner).count == 2, "round \(round)")
      }
      #expect(try await test.conversations().count == 300)
    }
  }
}

/// What became of tasks that ran at once.
private struct Outcomes<Value: Sendable>: Sendable {
  var values: [Value] = []
  var errors: [ParleyError] = []

  /// The one value; nil if there are none or several.
  func only() -> Value? { values.count == 1 ? values[0] : nil }
}

private func race<Value: Sendable>(_ count: Int, _ work: @escaping @Sendable (_ number: Int) async throws -> Value) async -> Outcomes<Value>
{
  await withTaskGroup(of: Result<Value, any Error>.self) { group in
    for number in 0..<count {
      group.addTask {
        do { return .success(try await work(number)) } catch { return .failure(error) }
      }
    }
    return await group.reduce(into: Outcomes()) { outcomes, result in
      switch result {
      case .success(let value): outcomes.values.append(value)
      case .failure(let error as ParleyError): outcomes.errors.append(error)
      case .failure(let error): Issue.record(error)
      }
    }
  }
}

extension TestEngine {
  /// Adds participants without addresses until there are `count`, in one transaction, which is much quicker than asking for each.
  fileprivate func fill(_ id: Conversation.ID, to count: Int) async throws {
    let draft = try Body(participant(.unknown)).draft { ParticipantDraft($0) }.get()
    let ids = IDGenerator()
    let account = account
    let now = clock.now
    try await engine.database.write(for: account) { tx in
      while let held = try tx.lockConversation(id), held.participantCount < Int64(count) {
        _ = try tx.insert(Participant(draft, id: ids.next(at: now), in: id, of: account, at: now), into: held)
      }
    }
  }
}
