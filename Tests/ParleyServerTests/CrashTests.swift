import Foundation
import ParleyDomain
import ParleyStorage
import ParleyTesting
import Synchronization
import Testing

extension ServerTests {
  /// The server is killed in the middle of writes, again and again, on one database.
  @Suite struct CrashTests {
    private static let rounds = 24

    @Test("After SIGKILL under concurrent writes nothing acknowledged is lost, nothing half-done is visible, nothing is there twice")
    func kill() async throws {
      try await TestDatabase.withFolder { folder in
        var server = try await ServerProcess.start(in: folder)
        let configuration = try await server.makeConfiguration()
        var acknowledgedInAll = 0
        var unansweredInAll = 0
        var keptInAll = 0
        for round in 0..<Self.rounds {
          let conversation = try await server.makeConversation(configuration)
          let renamed = try await server.expect(
            201, "POST", "/v2/Conversations/\(conversation)/Participants", Bodies.participant("0"))
          // What decides when the kill comes is how much was done, never a clock.
          let ledger = Ledger(killAfter: 1 + round * 7 % 90) { [server] in server.child.signal(SIGKILL) }
          let writers = Writers(server: server, round: round, configuration: configuration, conversation: conversation, ledger: ledger)
          await writers.run(renaming: try renamed.string("id"))
          #expect(await server.child.end() == 128 + SIGKILL)

          server = try await ServerProcess.start(in: folder)
          let done = ledger.done
          acknowledgedInAll += done.acknowledged
          unansweredInAll += done.unansweredAddresses.count + done.unansweredNames.count
          keptInAll += try await check(done, round: round, configuration: configuration, conversation: conversation, in: folder, on: server)
        }
        // There was something to lose in every round, and the kills came in the middle of writes.
        #expect(
          acknowledgedInAll >= Self.rounds * 10 && unansweredInAll >= Self.rounds, "\(acknowledgedInAll), \(unansweredInAll), \(keptInAll)")
        #expect(await server.stop() == 0)
      }
    }

    /// Answers how many requests were done though their answers never came.
    private func check(
      _ done: Ledger.Done, round: Int, configuration: String, conversation: String, in folder: URL, on server: ServerProcess
    ) async throws -> Int {
      let listed = try await server.participants(of: conversation).dropFirst()
      for participant in done.participants.values { #expect(listed.filter { $0 == participant }.count == 1, "round \(round)") }
      let addresses = listed.compactMap { $0.object?["name"]?.string }
      #expect(Set(addresses).count == addresses.count, "round \(round)")
      let extra = Set(addresses).subtracting(done.participants.keys)
      #expect(extra.isSubset(of: done.unansweredAddresses), "round \(round)")

      let name = try await server.participants(of: conversation).first?.object?["name"]?.string.flatMap { Int($0) }
      #expect((done.lastName...done.lastName + 1).contains(try #require(name)), "round \(round)")

      // Whoever got no answer asks again, and it is done once.
      for address in done.unansweredAddresses {
        let again = try await server.send("POST", "/v2/Conversations/\(conversation)/Participants", Bodies.participant(address))
        #expect(again.status == (extra.contains(address) ? 409 : 201), "round \(round)")
      }
      try await checkRows(of: conversation, in: folder, on: server)
      return try await extra.count + checkInline(done, round: round, configuration: configuration, on: server)
    }

    private func checkInline(_ done: Ledger.Done, round: Int, configuration: String, on server: ServerProcess) async throws -> Int {
      let page = try await server.expect(200, "GET", "/v2/Conversations?pageSize=1000")
      guard case .array(let all) = try page.value("conversations") else { throw WireFailure("no list") }
      var found: [String: String] = [:]
      for object in all.compactMap(\.object) {
        guard let name = object["name"]?.string, name.hasPrefix("\(round)-"), let id = object["id"]?.string else { continue }
        #expect(found[name] == nil, "\(name) is there twice")
        found[name] = id
        let whole = try await server.expect(200, "GET", "/v2/Conversations/\(id)")
        guard case .array(let participants) = try whole.value("participants") else { throw WireFailure("no participants in \(id)") }
        #expect(participants.count == Writers.inlineParticipants, "\(name) is there in part")
        if let acknowledged = done.conversations[name] { #expect(try whole.json() == acknowledged) }
      }
      #expect(Set(done.conversations.keys).isSubset(of: found.keys), "round \(round)")
      #expect(Set(found.keys).subtracting(done.conversations.keys).isSubset(of: done.unansweredNames), "round \(round)")
      for name in done.unansweredNames {
        let again = try await server.send("POST", "/v2/Conversations", Writers.inline(name, configuration))
        #expect(again.status == (found[name] == nil ? 201 : 409), "round \(round)")
        #expect(again["X-Conflicting-Resource-Id"] == found[name], "round \(round)")
      }
      return found.count - done.conversations.count
    }

    /// What the conversation's row counts is what there is.
    private func checkRows(of conversation: String, in folder: URL, on server: ServerProcess) async throws {
      let account = try #require(Account.ID(server.credentials.user))
      let id = try #require(Conversation.ID(conversation))
      let database = try SQLiteDatabase(path: folder.appendingPathComponent("parley.db").path, role: .command) { $0 ?? "" }
      let (counted, members, listed) = try await database.write(for: account) { tx in
        (try tx.lockConversation(id)?.participantCount, try tx.members(of: id), try tx.participants(of: id, PageRequest(size: 200)).count)
      }
      await database.close()
      #expect(counted == Int64(listed) && members.count == listed)
      // Each of these participants has one address.
      #expect(members.allSatisfy { $0.addresses.count == 1 })
    }
  }
}

/// Requests that run until the server is gone.
private struct Writers {
  static let inlineParticipants = 5

  let server: ServerProcess
  let round: Int
  let configuration: String
  let conversation: String
  let ledger: Ledger

  /// Participants by three, whole conversations by two, and one who gives `participant` the names 1, 2, 3 and so on.
  func run(renaming participant: String) async {
    await withTaskGroup { group in
      for writer in 0..<3 { group.addTask { await self.add(writer) } }
      for writer in 0..<2 { group.addTask { await self.create(writer) } }
      group.addTask { await self.rename(participant) }
    }
  }

  static func inline(_ name: String, _ configuration: String) -> String {
    let agents = (1..<inlineParticipants).map { Bodies.participant("\(name)-\($0)") }
    let participants = [Bodies.participant(name, type: "CUSTOMER")] + agents
    return #"{"configurationId":"\#(configuration)","name":"\#(name)","participants":[\#(participants.joined(separator: ","))]}"#
  }

  private func add(_ writer: Int) async {
    await untilGone { wire, number in
      let address = "\(round)-add-\(writer)-\(number)"
      ledger.ask(address: address)
      let answer = try await server.send(
        "POST", "/v2/Conversations/\(conversation)/Participants", Bodies.participant(address), on: wire)
      // A conversation takes 100.
      if answer.status == 400 { return ledger.withdraw(address: address) }
      ledger.acknowledge(address: address, try answer.created())
    }
  }

  private func create(_ writer: Int) async {
    await untilGone { wire, number in
      let name = "\(round)-create-\(writer)-\(number)"
      ledger.ask(conversation: name)
      let answer = try await server.send("POST", "/v2/Conversations", Self.inline(name, configuration), on: wire)
      ledger.acknowledge(conversation: name, try answer.created())
    }
  }

  private func rename(_ participant: String) async {
    await untilGone { wire, number in
      let body = #"{"name":"\#(number + 1)"}"#
      let answer = try await server.send("PUT", "/v2/Conversations/\(conversation)/Participants/\(participant)", body, on: wire)
      if answer.status != 200 { Issue.record("a PUT gave \(answer.status): \(answer.text)") }
      ledger.acknowledge(name: number + 1)
    }
  }

  /// Repeats a request until the connection breaks; what was asked for then stays without an answer.
  private func untilGone(_ request: (_ wire: Wire, _ number: Int) async throws -> Void) async {
    try? await Wire.with(port: server.port) { wire in
      var number = 0
      while true {
        try await request(wire, number)
        number += 1
      }
    }
  }
}

extension WireAnswer {
  /// The body of a 201; anything else is a fault of the server.
  fileprivate func created() throws -> JSON {
    if status != 201 { Issue.record("a create gave \(status): \(text)") }
    return try json()
  }
}

/// What writers asked for and what they were told.
private final class Ledger: Sendable {
  struct Done {
    /// By address.
    var participants: [String: JSON] = [:]
    /// By name.
    var conversations: [String: JSON] = [:]
    var lastName = 0
    var unansweredAddresses: Set<String> = []
    var unansweredNames: Set<String> = []
    fileprivate(set) var acknowledged = 0
  }

  private let state = Mutex(Done())
  private let killAfter: Int
  private let kill: @Sendable () -> Void

  init(killAfter: Int, kill: @escaping @Sendable () -> Void) {
    self.killAfter = killAfter
    self.kill = kill
  }

  var done: Done { state.withLock { $0 } }

  func ask(address: String) { state.withLock { _ = $0.unansweredAddresses.insert(address) } }
  func ask(conversation: String) { state.withLock { _ = $0.unansweredNames.insert(conversation) } }
  func withdraw(address: String) { state.withLock { _ = $0.unansweredAddresses.remove(address) } }

  func acknowledge(address: String, _ participant: JSON) {
    acknowledge { done in
      done.unansweredAddresses.remove(address)
      done.participants[address] = participant
    }
  }

  func acknowledge(conversation: String, _ whole: JSON) {
    acknowledge { done in
      done.unansweredNames.remove(conversation)
      done.conversations[conversation] = whole
    }
  }

  func acknowledge(name: Int) { acknowledge { $0.lastName = name } }

  private func acknowledge(_ change: (inout Done) -> Void) {
    let isEnough = state.withLock { done in
      change(&done)
      done.acknowledged += 1
      return done.acknowledged == killAfter
    }
    if isEnough { kill() }
  }
}
