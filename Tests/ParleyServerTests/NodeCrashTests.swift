import Foundation
import ParleyTesting
import Testing

extension NodeTests {
  /// Nodes and the database die in the middle of writes.
  @Suite struct NodeCrashTests {
    @Test("Nodes are killed in turn under load: the others go on, nothing acknowledged is lost, nothing is done twice")
    func nodes() async throws {
      try await NodeCluster.with { cluster in
        let load = try await NodeLoad(cluster)
        let rounds = 9
        try await load.during {
          for round in 0..<rounds {
            let child = cluster.node(round).child
            // What decides when the kill comes is how much was done, never a clock.
            load.after(10 + round * 7 % 30) { child.signal(SIGKILL) }
            #expect(await child.end() == 128 + SIGKILL)
            // What the others do meanwhile.
            await load.acknowledged(20)
            try await cluster.replace(round)
          }
        }
        let done = load.done
        #expect(done.unanswered >= rounds, "the kills did not come in the middle of requests")
        #expect(done.refusedSoon == 0, "\(done.refusedSoon) were refused though only nodes died")
      }
    }

    @Test("PostgreSQL crashes under load and comes back: /ready tells it, nothing acknowledged is lost, and no node starts anew")
    func database() async throws {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("parley-pg-crash-\(UUID().uuidString)")
      let postgres = try await onThread { try TestCluster(folder) }
      try await NodeCluster.with(on: postgres.makePlace()) { cluster in
        let load = try await NodeLoad(cluster)
        try await load.during {
          for _ in 0..<3 {
            await load.acknowledged(50)
            try await onThread { try postgres.stop(immediately: true) }
            for node in cluster.nodes {
              let answer = try await node.send("GET", "/ready")
              #expect(answer.status == 503, "\(answer.text)")
              #expect(try await node.send("GET", "/health").status == 200)
            }
            try await onThread { try postgres.start() }
            for node in cluster.nodes { try await eventually { try await node.isReady() } }
          }
        }
        let done = load.done
        #expect(done.unavailable > 0 && done.unanswered == 0, "\(done.unavailable), \(done.unanswered)")
        #expect(done.longest < .seconds(25))
      }
    }
  }
}

/// Runs what blocks where it holds up nobody.
func onThread<Answer: Sendable>(_ work: @escaping @Sendable () throws -> Answer) async throws -> Answer {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
  }
}
