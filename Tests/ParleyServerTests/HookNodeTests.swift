import Foundation
import ParleyTesting
import Testing

extension NodeTests {
  /// Webhooks of several nodes on one database.
  @Suite struct HookNodeTests {
    @Test(
      "Three nodes, one of them killed again and again, and a receiver that fails at random: every event arrives, those of each conversation in order"
    )
    func kills() async throws {
      let unreliable = Unreliable()
      try await TestReceiver.with({ request, _ in unreliable.answer(request) }) { receiver in
        try await NodeCluster.with([[], [], []], HookLoad.settings) { cluster in
          let load = HookLoad()
          let configuration = try await HookLoad.configuration(receiver.url, on: cluster.node(0))
          try await withThrowingTaskGroup(of: Void.self) { group in
            defer { load.end() }
            for writer in 0..<10 {
              group.addTask {
                var made = 0
                // However long the nodes take to come back, the last kill is under load.
                while made < 5 || !load.isOver {
                  try await Self.write(load, configuration, writer, on: cluster)
                  made += 1
                }
              }
            }
            for round in 0..<4 {
              let child = cluster.node(round).child
              load.after(60 + round * 37 % 60) { child.signal(SIGKILL) }
              #expect(await child.end() == 128 + SIGKILL)
              try await cluster.replace(round)
            }
            load.end()
            try await group.waitForAll()
          }
          let node = cluster.node(0)
          try await HookLoad.untilNothingWaits(on: node)
          let twice = try await load.check(receiver, on: node, taken: unreliable.took)
          #expect(receiver.received.count >= 1000, "\(twice.count) of \(receiver.received.count) came again though they were taken")
        }
      }
    }

    @Test(
      "A node that is killed in the middle of a delivery loses nothing: another sends it within the lease and a second, with the same token"
    )
    func lease() async throws {
      let gate = TestReceiver.Gate()
      try await TestReceiver.with(always: .held(gate, then: .status(200))) { receiver in
        try await NodeCluster.with([[]], HookLoad.settings) { cluster in
          let first = cluster.node(0)
          _ = try await first.makeConversation(HookLoad.configuration(receiver.url, on: first))
          _ = try await receiver.requests(count: 1)
          // The other runs by then: it finds the lane by looking, not by starting.
          try await cluster.replace(0)
          await first.kill()
          #expect(try cluster.dueLanes(within: .seconds(21)) == 1)
          let start = ContinuousClock.now
          gate.open()
          let requests = try await receiver.requests(count: 2)
          #expect(requests[0]["I-Twilio-Idempotency-Token"] == requests[1]["I-Twilio-Idempotency-Token"])
          // The 21 seconds, and what a busy machine needs.
          #expect(.now - start < .seconds(120), "\(ContinuousClock.now - start)")
          try await HookLoad.untilNothingWaits(on: cluster.node(0))
        }
      }
    }

    @Test("A node that stops hands back what does not finish: it is due at once, and another sends it with the same token")
    func stop() async throws {
      let gate = TestReceiver.Gate()
      try await TestReceiver.with(always: .held(gate, then: .status(200))) { receiver in
        try await NodeCluster.with([[]], HookLoad.settings) { cluster in
          let first = cluster.node(0)
          _ = try await first.makeConversation(HookLoad.configuration(receiver.url, on: first))
          _ = try await receiver.requests(count: 1)
          #expect(await first.stop() == 0)
          // Nobody else is there yet: so the stop left it, and not the end of the lease.
          #expect(try cluster.dueLanes(within: .seconds(2), "AND lease = ''") == 1)
          gate.open()
          try await cluster.replace(0)
          let requests = try await receiver.requests(count: 2)
          #expect(requests[0]["I-Twilio-Idempotency-Token"] == requests[1]["I-Twilio-Idempotency-Token"])
          try await HookLoad.untilNothingWaits(on: cluster.node(0))
        }
      }
    }

    /// One conversation with the names up to 19, asked for again on another node where there was no answer.
    private static func write(_ load: HookLoad, _ configuration: String, _ writer: Int, on cluster: NodeCluster) async throws {
      var turn = writer
      func asking<Answer>(_ ask: (ServerProcess, Wire) async throws -> Answer) async throws -> Answer {
        for _ in 0..<200 {
          let node = cluster.node(turn)
          if let answer = try? await Wire.with(port: node.port, { wire in try await ask(node, wire) }) { return answer }
          turn += 1
        }
        throw WireFailure("no node answers")
      }
      let conversation = try await asking { node, wire in try await load.make(configuration, on: node, wire) }
      for name in 1..<20 { try await asking { node, wire in try await load.rename(conversation, name, on: node, wire) } }
    }
  }
}

extension NodeCluster {
  /// Lanes with events that anybody may take within this time, by the database's own clock.
  fileprivate func dueLanes(within time: Duration, _ condition: String = "") throws -> Int {
    let milliseconds = time.components.seconds * 1000
    return try count("lane WHERE host <> '' AND due_at <= extract(epoch FROM clock_timestamp()) * 1000 + \(milliseconds) \(condition)")
  }
}
