import Foundation
import ParleyTesting
import Testing

extension ServerTests {
  @Suite struct ShutdownTests {
    @Test("After SIGTERM /ready says 503 while requests are still answered; then what was begun finishes, and the status is 0")
    func drain() async throws {
      try await ServerProcess.with(["PARLEY_DRAIN_SECONDS": "10"]) { server, _ in
        let conversation = try await server.makeConversation(server.makeConfiguration())
        let target = "/v2/Conversations/\(conversation)/Participants"
        #expect(try await server.send("GET", "/ready").status == 200)
        try await Wire.with(port: server.port) { begun in
          let request = server.request("POST", target, Bodies.participant("begun")).bytes
          try await begun.send(Array(request.dropLast(10)))
          server.child.signal(SIGTERM)
          try await eventually { try await server.send("GET", "/ready").status == 503 }
          #expect(try await server.send("GET", "/health").status == 200)
          try await server.expect(201, "POST", target, Bodies.participant("late"))
          // Then there are no new connections,
          try await eventually { (try? await server.send("GET", "/health")) == nil }
          // and what was begun is still answered.
          try await begun.send(Array(request.suffix(10)))
          let answer = try await begun.receive()
          #expect(answer.status == 201)
        }
        #expect(await server.child.end() == 0)
      }
    }

    @Test("Without a time to drain an idle server ends at once, with status 0; connections that wait are no hindrance")
    func idle() async throws {
      try await ServerProcess.with { server, _ in
        try await Wire.with(port: server.port) { wire in
          let answer = try await server.send("GET", "/v2/Conversations", on: wire)
          #expect(answer.status == 200)
          #expect(await server.stop() == 0)
          let rest = try await wire.rest()
          #expect(rest.isEmpty)
        }
      }
    }

    @Test("A second signal ends the server at once", arguments: [SIGTERM, SIGINT])
    func secondSignal(_ second: Int32) async throws {
      // Longer than a test may take: only the second signal can be what ends it.
      try await ServerProcess.with(["PARLEY_DRAIN_SECONDS": "3600"]) { server, _ in
        server.child.signal(SIGTERM)
        try await eventually { try await server.send("GET", "/ready").status == 503 }
        server.child.signal(second)
        #expect(await server.child.end() == 1)
      }
    }

    @Test("What was acknowledged before a stop is there after the next start")
    func kept() async throws {
      try await TestDatabase.withFolder { folder in
        let first = try await ServerProcess.start(in: folder)
        let conversation = try await first.makeConversation(first.makeConfiguration())
        try await first.expect(201, "POST", "/v2/Conversations/\(conversation)/Participants", Bodies.participant("kept"))
        let before = try await first.participants(of: conversation)
        #expect(await first.stop() == 0)
        // The log is copied into the file and nothing is left of it.
        let log = try? FileManager.default.attributesOfItem(atPath: folder.appendingPathComponent("parley.db-wal").path)[.size] as? Int
        #expect(log ?? 0 == 0)
        let second = try await ServerProcess.start(in: folder)
        #expect(try await second.participants(of: conversation) == before)
        await second.kill()
      }
    }
  }
}
