import Foundation
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
