import Foundation
import ParleyDomain
import ParleyTesting
import Testing

extension ServerTests {
  @Suite struct FewFilesTests {
    /// Opens connections that ask much and read nothing, until there are so many.
    private func crowd(_ server: ServerProcess, _ count: Int, _ test: () async throws -> Void) async throws {
      guard count > 0 else { return try await test() }
      try await Wire.with(port: server.port, reads: false) { wire in
        // Some are closed at once.
        try? await wire.send(String(repeating: "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", count: 100))
        try await crowd(server, count - 1, test)
      }
    }

    @Test(
      "Where a process may open few files, one address with many connections does not keep others from being served",
      arguments: [96, 128, 160])
    func oneAddress(_ files: Int) async throws {
      try await TestDatabase.withFolder { folder in
        let server = try await ServerProcess.start(
          in: folder, ["PARLEY_HOST": "::"], launcher: ["/bin/sh", "-c", "ulimit -n \(files) && exec \"$@\"", "sh"])
        try await crowd(server, 64) {
          for _ in 0..<3 {
            let answer = try await Wire.with(host: "::1", port: server.port) { wire in
              try await wire.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
              return try await wire.receive()
            }
            #expect(answer.status == 200)
            let line = answer.text.split(separator: "\n").first { $0.hasPrefix("parley_http_connections ") }
            #expect(line.flatMap { Int($0.split(separator: " ")[1]) } ?? .max <= files / 8 + 4)
          }
        }
        await server.kill()
      }
    }

    private func receivers(
      _ count: Int, _ made: [TestReceiver] = [], _ test: ([TestReceiver]) async throws -> Void
    ) async throws {
      guard made.count < count else { return try await test(made) }
      try await TestReceiver.with(always: .hang) { try await receivers(count, made + [$0], test) }
    }

    @Test("Receivers that hang get no more connections than their share of the files, which is said, and clients are still served")
    func hangingReceivers() async throws {
      try await TestDatabase.withFolder { folder in
        let server = try await ServerProcess.start(
          in: folder, HookLoad.settings, launcher: ["/bin/sh", "-c", "ulimit -n 128 && exec \"$@\"", "sh"])
        let said = try #require(server.child.errors.firstMatch(of: /PARLEY_WEBHOOK_CONCURRENCY is held to (\d+) instead of 100/))
        let share = try #require(Int(said.1))
        #expect(share < 64)
        try await receivers(share + 8) { receivers in
          for receiver in receivers { _ = try await server.makeConversation(HookLoad.configuration(receiver.url, on: server)) }
          try await eventually { receivers.map(\.received.count).reduce(0, +) == share }
          for _ in 0..<8 { #expect(try await server.send("GET", "/health").status == 200) }
          #expect(receivers.map(\.connections).reduce(0, +) == share)
          let log = try await server.expect(200, "GET", "/parley/v1/Deliveries?pageSize=1000").text
          #expect(!log.contains("Too many open files"))
        }
        await server.kill()
      }
    }

    @Test("Where the process can open no connection, the event waits, which is no attempt, and is sent when it can")
    func noFileForDelivery() async throws {
      try await TestReceiver.with { receiver in
        try await TestDatabase.withFolder { folder in
          let server = try await ServerProcess.start(in: folder, HookLoad.settings)
          let configuration = try await HookLoad.configuration(receiver.url, on: server)
          try await Wire.with(port: server.port) { wire in
            // What the server opens once is open by then.
            #expect(try await server.send("GET", "/parley/v1/Deliveries", on: wire).status == 200)
            let limit = "prlimit --pid \(server.child.id) --nofile="
            #expect(try await Command.shell(limit + "3:", in: folder).status == 0)
            let made = try await server.send("POST", "/v2/Conversations", #"{"configurationId":"\#(configuration)"}"#, on: wire)
            #expect(made.status == 201, "\(made.text)")
            try await eventually { server.child.errors.contains("deliveries wait") }
            let waiting = try await server.send("GET", "/parley/v1/Deliveries", on: wire)
            #expect(try waiting.string("deliveries[0].state") == "PENDING", "\(waiting.text)")
            #expect(try waiting.value("deliveries[0].attemptCount") == JSON.parse(Array("0".utf8)))
            #expect(try await Command.shell(limit + "1024:", in: folder).status == 0)
            try await receiver.requests(count: 1)
            try await eventually {
              try await server.send("GET", "/parley/v1/Deliveries", on: wire).string("deliveries[0].state") == "DELIVERED"
            }
            let sent = try await server.send("GET", "/parley/v1/Deliveries", on: wire)
            #expect(try sent.value("deliveries[0].attemptCount") == JSON.parse(Array("1".utf8)))
          }
          await server.kill()
        }
      }
    }

    @Test("Too few files to serve or to listen are a sentence and status 1", arguments: ["serve", "listen"], [12, 16, 32])
    func tooFew(_ command: String, _ files: Int) async throws {
      try await TestDatabase.withFolder { folder in
        let refused = try await Command.shell("ulimit -n \(files) && exec '\(Command.path)' \(command)", in: folder, ServerProcess.settings)
        #expect(refused.status == 1 && refused.errors.contains("may open \(files) files and needs at least"), "\(refused)")
        #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("parley.db").path))
      }
    }

    @Test("PARLEY_CONNECTIONS_PER_ADDRESS and its flag, and what they may be", arguments: ["2", "0", "-1", "many"])
    func setting(_ value: String) async throws {
      try await TestDatabase.withFolder { folder in
        guard let count = Int(value), count >= 0 else {
          let refused = try await Command.run(["serve"], in: folder, ["PARLEY_CONNECTIONS_PER_ADDRESS": value])
          #expect(refused.status == 64 && refused.errors.contains("PARLEY_CONNECTIONS_PER_ADDRESS"), "\(refused)")
          return
        }
        let server = try await ServerProcess.start(in: folder, arguments: ["--connections-per-address", value])
        try await Wire.with(port: server.port) { first in
          try await Wire.with(port: server.port) { second in
            let answers = [try await server.send("GET", "/health", on: first), try await server.send("GET", "/health", on: second)]
            #expect(answers.map(\.status) == [200, 200])
            let third = try? await server.send("GET", "/health")
            #expect((third?.status == 200) == (count == 0))
          }
        }
        await server.kill()
      }
    }
  }
}
