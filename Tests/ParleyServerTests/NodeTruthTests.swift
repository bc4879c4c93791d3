import Foundation
import ParleyDomain
import ParleyTesting
import Testing

extension NodeTests {
  /// What nodes must agree on without asking each other.
  @Suite struct NodeTruthTests {
    @Test("What one node acknowledges the others show at once; each node's page tokens lead on at the others; thousands of ids differ")
    func oneTruth() async throws {
      try await NodeCluster.with { cluster in
        let configuration = try await cluster.node(0).makeConfiguration()
        var made: [String] = []
        for round in 0..<20 {
          let conversation = try await cluster.node(round).makeConversation(configuration)
          made.append(conversation)
          for number in 0..<3 {
            let answer = try await cluster.node(round + number).expect(
              201, "POST", "/v2/Conversations/\(conversation)/Participants", Bodies.participant("agent-\(number)"))
            let id = try answer.string("id")
            for other in cluster.nodes {
              #expect(try await other.expect(200, "GET", "/v2/Conversations/\(conversation)/Participants/\(id)").text == answer.text)
              #expect(try await other.participants(of: conversation).count == number + 1)
            }
          }
        }
        try await pages(of: made, cluster)
        try await ids(configuration, cluster)
      }
    }

    /// Forth and back in pages of six, each page from another node.
    private func pages(of made: [String], _ cluster: NodeCluster) async throws {
      var tokens: [String] = [""]
      var seen: [String] = []
      var texts: [String] = []
      while let token = tokens.last, tokens.count <= made.count {
        let query = token.isEmpty ? "pageSize=6" : "pageSize=6&pageToken=\(token)"
        let page = try await cluster.node(tokens.count).expect(200, "GET", "/v2/Conversations?\(query)")
        guard case .array(let conversations) = try page.value("conversations") else { throw WireFailure("no list") }
        let ids = conversations.compactMap { $0.object?["id"]?.string }
        (seen, texts) = (seen + ids, texts + [ids.joined()])
        guard let next = try page.value("meta.nextToken")?.string else {
          let back = try page.string("meta.previousToken")
          let before = try await cluster.node(tokens.count + 1).expect(200, "GET", "/v2/Conversations?pageSize=6&pageToken=\(back)")
          guard case .array(let earlier) = try before.value("conversations") else { throw WireFailure("no list") }
          #expect(earlier.compactMap { $0.object?["id"]?.string }.joined() == texts.dropLast().last)
          break
        }
        tokens.append(next)
      }
      #expect(tokens.count == 4)
      // Newest first. Of one millisecond or not, ids of several nodes are in some order, and that is the list's.
      #expect(seen == made.sorted(by: >))
    }

    private func ids(_ configuration: String, _ cluster: NodeCluster) async throws {
      let participants = Array(repeating: #"{"type":"UNKNOWN"}"#, count: 50).joined(separator: ",")
      let body = #"{"configurationId":"\#(configuration)","participants":[\#(participants)]}"#
      let answers = try await withThrowingTaskGroup(of: [String].self) { group in
        for writer in 0..<6 {
          group.addTask {
            var ids: [String] = []
            for _ in 0..<10 {
              let answer = try await cluster.node(writer).expect(201, "POST", "/v2/Conversations", body)
              ids += answer.text.matches(of: /"id":"(conv_[a-z]+_[0-9a-z]{26})"/).map { String($0.1) }
            }
            return ids
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(answers.count == 6 * 10 * 51)
      #expect(Set(answers).count == answers.count)
    }

    @Test("Nodes whose clocks are minutes apart agree on the database's: times are true, order is by position, sign-in works")
    func clocks() async throws {
      // The command stays the server's parent, and a signal ends the parent alone: the server is to go with it.
      let launchers = ["+5m", "-5m", "+0"].map { ["/usr/bin/env", "faketime", "-m", "-f", $0, "setpriv", "--pdeathsig", "KILL"] }
      try await NodeCluster.with(launchers) { cluster in
        let start = try now(cluster)
        let configuration = try await cluster.node(0).makeConfiguration()
        let conversation = try await cluster.node(1).makeConversation(configuration)
        var names: [String] = []
        for number in 0..<30 {
          let answer = try await cluster.node(number).expect(
            201, "POST", "/v2/Conversations/\(conversation)/Participants", Bodies.participant("agent-\(number)"))
          names.append("agent-\(number)")
          let id = try answer.string("id")
          let renamed = try await cluster.node(number + 1).expect(
            200, "PUT", "/v2/Conversations/\(conversation)/Participants/\(id)", #"{"name":"agent-\#(number)-b"}"#)
          names[number] += "-b"
          let times = [try answer.string("createdAt"), try renamed.string("createdAt"), try renamed.string("updatedAt")]
          #expect(times[0] == times[1] && times[1] <= times[2])
          let seconds = try times.map { try #require(ISO8601DateFormatter().date(from: $0)).timeIntervalSince1970 }
          let end = try now(cluster)
          #expect(seconds.allSatisfy { (start - 2...end + 2).contains($0) }, "\(times)")
        }
        for (launcher, offset) in zip(launchers, [300.0, -300, 0]) {
          let date = try await Command.shell((launcher + ["date", "+%s"]).map { "'\($0)'" }.joined(separator: " "), in: cluster.folder)
          let seconds = try #require(Double(date.output.trimmingCharacters(in: .whitespacesAndNewlines)), "\(date)")
          #expect(try abs(seconds - now(cluster) - offset) < 60)
        }
        // Logs of all nodes can be read as one, too.
        for node in cluster.nodes { #expect(try abs(logged(by: node) - now(cluster)) < 60) }
        for node in cluster.nodes {
          #expect(try await node.participants(of: conversation).compactMap { $0.object?["name"]?.string } == names)
          try await node.expect(200, "GET", "/ready")
          let wrong = Credentials(user: NodeCluster.sid, password: "not-the-token-of-this-account")
          #expect(try await node.send("GET", "/v2/Conversations", as: wrong).status == 401)
        }
      }
    }

    /// The time of a node's last line in its log, in seconds; 0 if there is none.
    private func logged(by node: ServerProcess) -> Double {
      let times = node.child.errors.matches(of: /"time":"([0-9-]+T[0-9:]+)\.[0-9]+Z"/)
      return times.last.flatMap { ISO8601DateFormatter().date(from: "\($0.1)Z") }?.timeIntervalSince1970 ?? 0
    }

    /// The database's time, in seconds.
    private func now(_ cluster: NodeCluster) throws -> Double {
      Double(try cluster.rows("SELECT extract(epoch FROM clock_timestamp())").first?.first ?? "") ?? 0
    }
  }
}

/// What `parley key create --json` printed.
struct KeyMade {
  let credentials: Credentials

  init(_ output: String) throws {
    let fields = try JSON.parse(Array(output.utf8)).object
    guard let sid = fields?["keySid"]?.string, let secret = fields?["secret"]?.string else { throw WireFailure("no key in \(output)") }
    credentials = Credentials(user: sid, password: secret)
  }
}
