import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyAPI

@Suite("B-HTTP-13: what stands behind a connection's last request, and requests that a stop finds under way")
struct LastRequestTests {
  private static let body = #"""
    {"configuration":{"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(TestServer.store)"}}
    """#

  private static func post(_ server: TestServer) -> [UInt8] {
    server.signed(WireRequest("POST", "/v2/Conversations", body), as: server.caller).bytes
  }

  @Test(
    "what stands behind a last request is not carried out, though it came together with it",
    arguments: [
      ["GET /health HTTP/1.0"], ["GET /nothing HTTP/1.0", "Connection: close, keep-alive"], ["HEAD /health HTTP/1.0", "Host: a"],
      ["GET /health HTTP/1.1", "Host: a", "Connection: close"], ["GET /health HTTP/1.1", "Host: a", "Connection: Close"],
      ["GET /health HTTP/1.1", "Host: a", "Connection: x, close"], ["CONNECT a:1 HTTP/1.1", "Host: a"],
      ["GET /health HTTP/1.0", "Connection: Upgrade", "Upgrade: h2c"],
    ])
  func behindLast(_ lines: [String]) async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        let last = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
        try await wire.send(last + Self.post(server) + Self.post(server))
        #expect(try await wire.receive(toHead: lines[0].hasPrefix("HEAD"))["Connection"] == "close")
        #expect(try await wire.rest().isEmpty)
      }
      #expect(try await server.send("GET", "/v2/Conversations").text.contains(#""conversations":[]"#))
    }
  }

  @Test("a server that stops answers all that it has read, whole, and says with the last answer that the connection closes")
  func stop() async throws {
    try await TestServer.with { server in
      let whole = try await server.largePage(conversations: 3)
      // Not one for which the server waits until it is taken.
      #expect((32 << 10..<64 << 10).contains(whole.body.count))
      let list = server.signed(WireRequest("GET", "/v2/Conversations?pageSize=1000"), as: server.caller).bytes
      try await Wire.with(port: server.port, reads: false) { wire in
        try await wire.send((0..<8).flatMap { _ in list } + Self.post(server) + Self.post(server) + list)
        _ = try await wire.take()
        async let log = server.logAfterStop()
        try await eventually { (try? await server.send(WireRequest("GET", "/health"), as: nil)) == nil }
        try await wire.readOn()
        for _ in 0..<8 { #expect(try await wire.receive().body == whole.body) }
        for _ in 0..<2 {
          let made = try await wire.receive()
          #expect(made.status == 201)
          #expect(made["Connection"] == nil)
        }
        let last = try await wire.receive()
        #expect(last["Connection"] == "close")
        #expect(last.body.count > whole.body.count)
        #expect(try await wire.rest().isEmpty)
        _ = try await log
      }
    }
  }

  @Test("a server that stops waits for answers that have been written and not been taken", arguments: [3, 30])
  func stopBehindAnswer(_ conversations: Int) async throws {
    try await TestServer.with { server in
      let whole = try await server.largePage(conversations: conversations)
      let list = server.signed(WireRequest("GET", "/v2/Conversations?pageSize=1000"), as: server.caller).bytes
      // As many small ones as the system does not take for the client, so that the last one is still here.
      let count = conversations == 3 ? 8 : 1
      try await Wire.with(port: server.port, reads: false) { wire in
        try await wire.send((0..<count).flatMap { _ in list })
        _ = try await wire.take()
        async let log = server.logAfterStop()
        try await eventually { (try? await server.send(WireRequest("GET", "/health"), as: nil)) == nil }
        try await wire.readOn()
        for _ in 0..<count { #expect(try await wire.receive().body == whole.body) }
        #expect(try await wire.rest().isEmpty)
        _ = try await log
      }
    }
  }
}
