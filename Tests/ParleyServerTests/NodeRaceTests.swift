import Foundation
import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

/// Tests of several nodes over one database, one after the other, beside all others.
@Suite(.serialized) enum NodeTests {}

extension NodeTests {
  /// The races of one engine, over three processes: the outcome is one that some order of the requests could have.
  @Suite struct NodeRaceTests {
    private static let tasks = 8

    @Test("Of eight that add one address to one conversation by three nodes, one does, and the others are told which")
    func sameAddress() async throws {
      try await Racers.with(Self.tasks) { racers in
        let configuration = try await racers.cluster.node(0).makeConfiguration()
        for round in 0..<120 {
          let conversation = try await racers.cluster.node(round).makeConversation(configuration)
          let answers = try await racers.race { number in
            ("POST", "/v2/Conversations/\(conversation)/Participants", Bodies.participant("same", name: "\(number)"))
          }
          #expect(answers.statuses == [201] + Array(repeating: 409, count: Self.tasks - 1), "round \(round)")
          let winner = try #require(answers.first { $0.status == 201 }).string("id")
          for answer in answers where answer.status == 409 { #expect(answer["X-Conflicting-Resource-Id"] == winner, "round \(round)") }
          let listed = try await racers.cluster.node(round + 1).participants(of: conversation)
          #expect(listed.compactMap { $0.object?["id"]?.string } == [winner], "round \(round)")
        }
      }
    }

    @Test("Of eight that want the last of 100 places by three nodes, one gets it")
    func lastPlace() async throws {
      try await Racers.with(Self.tasks) { racers in
        let configuration = try await racers.cluster.node(0).makeConfiguration()
        let database = try TestDatabase.open(racers.cluster.place, as: .command) { $0 ?? "" }
        for round in 0..<60 {
          let conversation = try await racers.cluster.node(round).makeConversation(configuration)
          try await Self.fill(conversation, to: Conversation.participantsMax - 1, in: database)
          let answers = try await racers.race { number in
            ("POST", "/v2/Conversations/\(conversation)/Participants", Bodies.participant("\(number)"))
          }
          #expect(answers.statuses == [201] + Array(repeating: 400, count: Self.tasks - 1), "round \(round)")
          let listed = try await racers.cluster.node(round + 1).participants(of: conversation)
          let winner = try answers.first { $0.status == 201 }?.json()
          #expect(listed.count == Conversation.participantsMax && listed.last == winner, "round \(round)")
        }
        await database.close()
      }
    }

    @Test("Of one that closes and eight that add by three nodes, what was added before the end is there, the rest is refused")
    func closeAgainstAdd() async throws {
      try await Racers.with(Self.tasks + 1) { racers in
        let configuration = try await racers.cluster.node(0).makeConfiguration()
        let rounds = 80
        var addedInAll = 0
        for round in 0..<rounds {
          let conversation = try await racers.cluster.node(round).makeConversation(configuration)
          // The one that closes takes another place in the row each round.
          let closing = round % (Self.tasks + 1)
          let answers = try await racers.race { number in
            number == closing
              ? ("PUT", "/v2/Conversations/\(conversation)", #"{"status":"CLOSED"}"#)
              : ("POST", "/v2/Conversations/\(conversation)/Participants", Bodies.participant("agent-\(number)"))
          }
          #expect(answers[closing].status == 200, "round \(round): closing is never refused")
          let others = answers.enumerated().filter { $0.offset != closing }.map(\.element)
          #expect(others.allSatisfy { [201, 400].contains($0.status) }, "round \(round): \(others.map(\.status))")
          let added = try others.filter { $0.status == 201 }.map { try $0.string("id") }
          addedInAll += added.count
          let listed = try await racers.cluster.node(round + 1).participants(of: conversation)
          #expect(Set(listed.compactMap { $0.object?["id"]?.string }) == Set(added) && listed.count == added.count, "round \(round)")
        }
        // Both ends happen, or there was no race.
        #expect((1..<rounds * Self.tasks).contains(addedInAll))
        #expect(try racers.cluster.count(NodeLoad.wrongCounts) == 0)
        #expect(try racers.cluster.count("grouping_key") == 0)
      }
    }

    @Test("B-CONV-12: of eight identical creates by three nodes, one makes the conversation and the others are pointed to it")
    func identicalCreates() async throws {
      try await Racers.with(Self.tasks) { racers in
        let configuration = try await racers.cluster.node(0).makeConfiguration()
        let rounds = 120
        for round in 0..<rounds {
          let pair = [Bodies.participant("customer-\(round)", type: "CUSTOMER"), Bodies.participant("agent-\(round)")]
          let body = #"{"configurationId":"\#(configuration)","participants":[\#(pair.joined(separator: ","))]}"#
          let answers = try await racers.race { _ in ("POST", "/v2/Conversations", body) }
          #expect(answers.statuses == [201] + Array(repeating: 409, count: Self.tasks - 1), "round \(round)")
          let winner = try #require(answers.first { $0.status == 201 }).string("id")
          for answer in answers where answer.status == 409 { #expect(answer["X-Conflicting-Resource-Id"] == winner, "round \(round)") }
          #expect(try await racers.cluster.node(round + 1).participants(of: winner).count == 2, "round \(round)")
        }
        #expect(try racers.cluster.count("conversation") == rounds)
      }
    }

    @Test("B-IDEM-2: a configuration asked for with one Idempotency-Key by nine at once is made once, and all get the one answer")
    func idempotencyKey() async throws {
      try await Racers.with(9) { racers in
        let rounds = 40
        for round in 0..<rounds {
          let key = UUID().uuidString
          let answers = try await racers.race(headers: [("Idempotency-Key", key)]) { _ in
            ("POST", "/v2/ControlPlane/Configurations", Bodies.configuration)
          }
          #expect(answers.statuses == Array(repeating: 202, count: answers.count), "round \(round)")
          let operations = try answers.map { "\($0["Operation-Id"] ?? "") \(try $0.string("related.configurationId"))" }
          #expect(Set(operations).count == 1, "round \(round)")
        }
        #expect(try racers.cluster.count("configuration") == rounds)
        #expect(try racers.cluster.count("operation") == rounds)
      }
    }

    /// Adds participants without addresses until there are `count`, in one transaction, which is much quicker than asking for each.
    private static func fill(_ conversation: String, to count: Int, in database: any Database) async throws {
      let account = try #require(Account.ID(NodeCluster.sid))
      let id = try #require(Conversation.ID(conversation))
      let draft = try Body(Array(#"{"type":"UNKNOWN"}"#.utf8)).draft { ParticipantDraft($0) }.get()
      let ids = IDGenerator()
      let now = database.now()
      try await database.write(for: account) { tx in
        while let held = try tx.lockConversation(id), held.participantCount < Int64(count) {
          _ = try tx.insert(Participant(draft, id: ids.next(at: now), in: id, of: account, at: now), into: held)
        }
      }
    }
  }
}

/// Those who ask at once, each on a connection of its own, spread over the nodes.
private struct Racers {
  let cluster: NodeCluster
  let wires: [Wire]

  static func with(_ count: Int, _ test: (Racers) async throws -> Void) async throws {
    try await NodeCluster.with { cluster in
      try await connected((0..<count).map { cluster.node($0).port }) { wires in
        try await test(Racers(cluster: cluster, wires: wires))
      }
    }
  }

  private static func connected(_ ports: [Int], _ wires: [Wire] = [], _ test: ([Wire]) async throws -> Void) async throws {
    guard wires.count < ports.count else { return try await test(wires) }
    try await Wire.with(port: ports[wires.count]) { wire in try await connected(ports, wires + [wire], test) }
  }

  /// Sends each one's request at once, and answers what each was told.
  func race(
    headers: [(name: String, value: String)] = [], _ request: (Int) -> (method: String, target: String, body: String)
  ) async throws -> [WireAnswer] {
    let requests = wires.indices.map { number in
      let (method, target, body) = request(number)
      var whole = cluster.node(number).request(method, target, body)
      whole.headers += headers
      return whole.bytes
    }
    return try await withThrowingTaskGroup(of: (Int, WireAnswer).self) { group in
      for (number, wire) in wires.enumerated() {
        group.addTask {
          try await wire.send(requests[number])
          return (number, try await wire.receive())
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }
}

extension [WireAnswer] {
  /// From the smallest on.
  fileprivate var statuses: [Int] { map(\.status).sorted() }
}
