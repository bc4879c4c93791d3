import ParleyTesting
import Testing

@testable import ParleyAPI

@Suite("PARLEY_MAX_BODY_MEMORY: bodies that stall")
struct StalledBodyTests {
  private static let path = "/v2/Conversations"

  private static func head(_ server: TestServer, _ caller: Caller, length: Int) -> [UInt8] {
    let headers = [("Content-Type", "application/json"), ("Content-Length", "\(length)")]
    return server.signed(WireRequest("POST", path, headers: headers, body: []), as: caller).bytes
  }

  @Test("two stalled bodies of one account that take all of it hold nobody else up; one of them is refused with 503 and Retry-After")
  func stalled() async throws {
    var settings = APISettings()
    settings.bodyMemoryMiB = 32
    try await TestServer.with(settings, accounts: 2) { server in
      let budget = server.api.bodies.budget
      let (large, small) = (server.callers[0], server.callers[1])
      let size = BodyReader.bytesMax
      try await Wire.with(port: server.port) { first in
        try await Wire.with(port: server.port) { second in
          try await first.send(Self.head(server, large, length: size) + Array(repeating: 32, count: size - 1))
          try await eventually { budget.bytesInFlight == size - 1 }
          try await second.send(Self.head(server, large, length: size) + Array(repeating: 32, count: size - 1))
          try await eventually { budget.bytesInFlight == 2 * size - 2 }
          let answer = try await server.send(WireRequest("POST", Self.path, "{\(String(repeating: " ", count: 100))}"), as: small)
          #expect(answer.status == 400)
          let refused = try await first.receive()
          #expect(refused.status == 503)
          #expect(refused["Retry-After"] == "1")
          #expect(refused["Connection"] == "close")
          try await first.gone()
          // The other one goes on, beside a body of 16 MiB of the second account.
          let whole = WireRequest(
            "POST", Self.path, headers: [("Content-Type", "application/json")], body: Array(repeating: 32, count: size))
          #expect(try await server.send(whole, as: small).status == 400)
          try await second.send(" ")
          #expect(try await second.receive().status == 400)
        }
      }
      try await eventually { budget.bytesInFlight == 0 }
    }
  }

  @Test("an announced length takes no memory until the body comes")
  func announcedOverHTTP() async throws {
    var settings = APISettings()
    settings.bodyMemoryMiB = 16
    try await TestServer.with(settings) { server in
      try await Wire.with(port: server.port) { first in
        try await first.send(Self.head(server, server.caller, length: BodyReader.bytesMax) + [32])
        try await eventually { server.api.bodies.budget.bytesInFlight == 1 }
        #expect(try await server.send("POST", Self.path, "{}").status == 400)
        #expect(server.api.bodies.budget.bytesInFlight == 1)
      }
    }
  }
}
