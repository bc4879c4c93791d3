import Foundation
import ParleyTesting
import Testing

extension NodeTests {
  /// The network between the nodes and the database fails, in all the ways it has.
  @Suite struct NodeNetworkTests {
    @Test("Connections are dropped, refused and cut at a COMMIT under load: nothing acknowledged is lost, nothing is done twice")
    func drops() async throws {
      try await Self.with { cluster, proxy in
        let load = try await NodeLoad(cluster)
        let rounds = 8
        try await load.during {
          for round in 0..<rounds {
            await load.acknowledged(10)
            proxy.drop()
            await load.acknowledged(10)
            // What is acknowledged next may have been committed before.
            proxy.cutNextCommit(.before)
            try await eventually { proxy.cuts == round * 2 + 1 }
            await load.acknowledged(10)
            proxy.cutNextCommit(.after)
            try await eventually { proxy.cuts == round * 2 + 2 }
          }
          await load.acknowledged(10)
          proxy.become(.refuse)
          proxy.drop()
          for node in cluster.nodes { #expect(try await node.send("GET", "/ready").status == 503) }
          proxy.become(.pass)
          for node in cluster.nodes { try await eventually { try await node.isReady() } }
        }
        let done = load.done
        #expect(proxy.cuts == rounds * 2)
        #expect(done.unavailable >= rounds * 2 && done.unanswered == 0, "\(done.unavailable), \(done.unanswered)")
        // Whoever was cut off behind the COMMIT found his wish done, or gave a name that was there already.
        #expect(done.doneUntold > 0)
        #expect(done.longest < .seconds(25))
      }
    }

    /// Waits until the nodes commit nothing by themselves for a minute: each has prepared its work, and the purge is done for now.
    private static func untilAtRest(_ cluster: NodeCluster) async throws {
      try await eventually {
        // The first node has made a configuration and a conversation besides.
        for (node, commits) in zip(cluster.nodes, [3, 1, 1]) {
          let metrics = try await node.expect(200, "GET", "/metrics").text.split(separator: "\n")
          let line = metrics.first { $0.hasPrefix("parley_database_commits_total ") }
          guard let count = line?.split(separator: " ").last.flatMap({ Int($0) }), count >= commits else { return false }
        }
        let now = Int(Date.now.timeIntervalSince1970 * 1000)
        return try cluster.count("lane WHERE id = 'purge' AND lease = '' AND due_at > \(now + 30_000)") == 1
      }
    }

    @Test(
      "A COMMIT that is cut off is answered 503 and not repeated; asking again does it once", arguments: [TestProxy.Cut.before, .after])
    func commit(_ cut: TestProxy.Cut) async throws {
      try await Self.with { cluster, proxy in
        let isDone = cut == .after
        let configuration = try await cluster.node(0).makeConfiguration()
        let conversation = try await cluster.node(0).makeConversation(configuration)
        try await Self.untilAtRest(cluster)
        var cuts = 0
        func ask(_ node: Int, _ target: String, _ body: String, headers: [(name: String, value: String)] = []) async throws -> WireAnswer {
          var request = cluster.node(node).request("POST", target, body)
          request.headers += headers
          return try await Wire.with(port: cluster.node(node).port) { wire in
            try await wire.send(request.bytes)
            return try await wire.receive()
          }
        }
        func askCut(_ node: Int, _ target: String, _ body: String, headers: [(name: String, value: String)] = []) async throws {
          proxy.cutNextCommit(cut)
          let answer = try await ask(node, target, body, headers: headers)
          cuts += 1
          #expect(answer.status == 503, "\(answer.text)")
          #expect(proxy.cuts == cuts)
        }

        for round in 0..<6 {
          let address = "agent-\(round)"
          let target = "/v2/Conversations/\(conversation)/Participants"
          try await askCut(round, target, Bodies.participant(address))
          let held = "owned_address WHERE normal_form = '\(address)'"
          #expect(try cluster.count(held) == (isDone ? 1 : 0))
          let again = try await ask(round + round % 2, target, Bodies.participant(address))
          #expect(again.status == (isDone ? 409 : 201), "\(again.text)")
          #expect(try cluster.count(held) == 1)
          #expect(try await cluster.node(round + 1).participants(of: conversation).count == round + 1)

          let pair = [Bodies.participant("customer-\(round)", type: "CUSTOMER"), Bodies.participant("agent")].joined(separator: ",")
          let body = #"{"configurationId":"\#(configuration)","participants":[\#(pair)]}"#
          try await askCut(round, "/v2/Conversations", body)
          #expect(try cluster.count("conversation") == (isDone ? round + 2 : round + 1))
          let made = try await ask(round + 1, "/v2/Conversations", body)
          #expect(made.status == (isDone ? 409 : 201) && (made["X-Conflicting-Resource-Id"] != nil) == isDone, "\(made.text)")
          #expect(try cluster.count("conversation") == round + 2)

          let key = [(name: "Idempotency-Key", value: UUID().uuidString)]
          try await askCut(round, "/v2/ControlPlane/Configurations", Bodies.configuration, headers: key)
          #expect(try cluster.count("configuration") == (isDone ? round + 2 : round + 1))
          #expect(try await ask(round + 1, "/v2/ControlPlane/Configurations", Bodies.configuration, headers: key).status == 202)
          #expect(try cluster.count("configuration") == round + 2)
        }
        #expect(try cluster.count(NodeLoad.wrongCounts) == 0)
      }
    }

    /// Runs a test with three nodes behind one proxy, who sign in with a password that nobody must ever see.
    static func with(
      _ environment: [String: String] = [:], _ test: (NodeCluster, TestProxy) async throws -> Void
    ) async throws {
      try await TestProxy.with(to: TestCluster.get().port) { proxy in
        try await NodeCluster.with([[], [], []], environment, nodesURL: { try Guarded.url($0, port: proxy.port) }) { cluster in
          try await test(cluster, proxy)
          #expect(!cluster.output.contains(Guarded.password))
          for node in cluster.nodes {
            let metrics = try await node.send("GET", "/metrics").text
            #expect(metrics.contains("parley_database_connections ") && !metrics.contains(Guarded.password))
          }
        }
      }
    }
  }
}

/// What takes long because somebody has to give up waiting. Beside all others, and beside each other.
@Suite struct NodePatienceTests {
  @Test(
    "A network that swallows bytes is found out: every request is answered in time, /ready tells it, and the nodes recover by themselves",
    arguments: [Set([TestProxy.Direction.toDatabase]), [.fromDatabase]])
  func swallowed(_ directions: Set<TestProxy.Direction>) async throws {
    try await NodeTests.NodeNetworkTests.with(["PARLEY_DATABASE_CONNECTIONS": "4"]) { cluster, proxy in
      let conversation = try await cluster.node(0).makeConversation(cluster.node(0).makeConfiguration())
      let target = "/v2/Conversations/\(conversation)/Participants"
      for node in cluster.nodes { try await node.expect(200, "GET", target) }
      proxy.become(.swallow(directions))
      // More than there are connections: some wait for the database, others for a connection.
      let answers = try await withThrowingTaskGroup(of: (WireAnswer, Duration).self) { group in
        for number in 0..<24 {
          group.addTask {
            let node = cluster.node(number)
            let start = ContinuousClock.now
            let answer =
              switch number % 4 {
              case 0: try await node.send("GET", "/ready")
              case 1: try await node.send("GET", target)
              default: try await node.send("POST", target, Bodies.participant("agent-\(number)"))
              }
            return (answer, ContinuousClock.now - start)
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(answers.map(\.0.status) == Array(repeating: 503, count: answers.count))
      #expect(answers.allSatisfy { $0.1 < .seconds(75) }, "\(answers.map(\.1).max() ?? .zero)")
      #expect(!answers.contains { $0.0.text.contains(Guarded.password) })

      proxy.become(.pass)
      for node in cluster.nodes { try await eventually { try await node.isReady() } }
      // What was asked for may have been done or not, but never twice.
      for number in 0..<24 where number % 4 > 1 {
        var status = 0
        try await eventually {
          status = try await cluster.node(number).send("POST", target, Bodies.participant("agent-\(number)")).status
          return status != 503
        }
        #expect([201, 409].contains(status))
      }
      #expect(try await cluster.node(0).participants(of: conversation).count == 12)
      #expect(try cluster.count(NodeLoad.wrongCounts) == 0)
    }
  }

  @Test("A key that is revoked by a command stops working on every node")
  func revoked() async throws {
    try await NodeCluster.with { cluster in
      let environment = NodeCluster.settings(cluster.place)
      let made = try await Command.run(
        ["key", "create", "--account", NodeCluster.sid, "--name", "ci", "--json"], in: cluster.folder, environment)
      let key = try KeyMade(made.output)
      for node in cluster.nodes { #expect(try await node.send("GET", "/v2/Conversations", as: key.credentials).status == 200) }
      #expect(try await Command.run(["key", "revoke", key.credentials.user], in: cluster.folder, environment).status == 0)
      for node in cluster.nodes {
        try await eventually { try await node.send("GET", "/v2/Conversations", as: key.credentials).status == 401 }
      }
    }
  }
}
