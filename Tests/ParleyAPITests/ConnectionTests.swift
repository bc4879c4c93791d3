import NIOCore
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyAPI

@Suite("B-HTTP-14: connections that stand still, and how many there are")
struct ConnectionTests {
  private static func limits(idle: TimeAmount = .seconds(600), writing: TimeAmount = .seconds(600)) -> ServerLimits {
    var limits = ServerLimits()
    (limits.idle, limits.writing) = (idle, writing)
    return limits
  }

  /// Lets some time pass, with the server at work.
  private static func pass(_ time: Duration, with server: TestServer) async throws {
    let end = ContinuousClock.now + time
    while ContinuousClock.now < end { _ = try await server.send(WireRequest("GET", "/health"), as: nil) }
  }

  // MARK: - Answers that nobody takes

  /// Requests whose answers are small or large, signed in or not.
  static let requests = [
    WireRequest("GET", "/metrics"), WireRequest("GET", "/openapi.json"), WireRequest("GET", "/health"), WireRequest("GET", "/nothing"),
    WireRequest("GET", "/v2/Conversations"), WireRequest("POST", "/v2/Conversations", "{}"), WireRequest("HEAD", "/openapi.json"),
  ]

  @Test("a client that takes no answer is closed, whatever the answers are, and little of what it sends is read", arguments: requests)
  func takesNothing(_ request: WireRequest) async throws {
    try await TestServer.with(limits: Self.limits(writing: .milliseconds(300))) { server in
      let bytes = server.signed(request, as: nil).bytes
      let many = [UInt8]((0..<((256 << 10) / bytes.count)).flatMap { _ in bytes })
      try await Wire.with(port: server.port, reads: false) { wire in
        var sent = 0
        // The system's buffers take some of it.
        while sent < 1 << 10 {
          do { try await wire.send(many) } catch { break }
          sent += 1
        }
        #expect(sent < 256)
      }
      try await eventually { server.api.connections.open == 0 && server.api.answers.bytesInFlight == 0 }
      #expect(try await server.send(WireRequest("GET", "/health"), as: nil).status == 200)
    }
  }

  @Test("a client that takes its answer slowly, and longer than any limit, gets all of it")
  func takesSlowly() async throws {
    try await TestServer.with(limits: Self.limits(idle: .seconds(5), writing: .seconds(5))) { server in
      let whole = try await server.largePage(conversations: 110)
      #expect(whole.body.count > 1 << 20)
      try await Wire.with(port: server.port, reads: false) { wire in
        try await wire.send(server.signed(WireRequest("GET", "/v2/Conversations?pageSize=1000"), as: server.caller).bytes)
        var taken = 0
        let start = ContinuousClock.now
        while taken < 1 << 20 {
          let next = taken + 48 << 10
          while taken < next { taken = try await wire.take() }
          try await Self.pass(.milliseconds(300), with: server)
        }
        #expect(ContinuousClock.now - start > .seconds(5))
        #expect(!wire.isGone)
        try await wire.readOn()
        #expect(try await wire.receive().body == whole.body)
      }
    }
  }

  @Test("requests behind a large one are answered in their order once it is taken, and so is the end of what the client sends")
  func behindLargeOne() async throws {
    try await TestServer.with { server in
      let whole = try await server.largePage(conversations: 30)
      let list = server.signed(WireRequest("GET", "/v2/Conversations?pageSize=1000"), as: server.caller).bytes
      let small = server.signed(WireRequest("GET", "/health"), as: nil).bytes
      try await Wire.with(port: server.port, reads: false) { wire in
        try await wire.send(list + small + list)
        for _ in 0..<200 { try await wire.send(small) }
        try await wire.endSending()
        _ = try await wire.take()
        try await wire.readOn()
        #expect(try await wire.receive().body == whole.body)
        #expect(try await wire.receive().status == 200)
        #expect(try await wire.receive().body == whole.body)
        for _ in 0..<200 { #expect(try await wire.receive().status == 200) }
        #expect(try await wire.rest().isEmpty)
      }
    }
  }

  // MARK: - Requests that do not come

  @Test(
    "a client that does not come to the end of its request is closed, also if it sends a byte now and then",
    arguments: [
      "", "G", "GET /health HTTP/1.1\r\nHost: a\r\nX", "GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /hea",
      "GET /health HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /hea",
      "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ])
  func slowHead(_ beginning: String) async throws {
    try await TestServer.with(limits: Self.limits(idle: .milliseconds(300))) { server in
      try await Wire.with(port: server.port) { wire in
        try await wire.send(beginning)
        try await eventually {
          if !beginning.isEmpty { try? await wire.send(beginning.hasSuffix("\n") ? "\r\n" : "a") }
          return wire.isGone
        }
      }
    }
  }

  @Test("a body that stops is given up; one that goes on is waited for", arguments: [true, false])
  func slowBody(_ goesOn: Bool) async throws {
    try await TestServer.with(limits: Self.limits(idle: .seconds(4))) { server in
      try await Wire.with(port: server.port) { wire in
        let head = WireRequest(
          "POST", "/v2/Conversations", headers: [("Content-Type", "application/json"), ("Content-Length", "8")], body: [])
        try await wire.send(server.signed(head, as: server.caller).bytes)
        guard goesOn else { return try await wire.gone() }
        for _ in 0..<8 {
          try await wire.send(" ")
          try await Self.pass(.milliseconds(600), with: server)
        }
        #expect(try await wire.receive().status == 400)
      }
    }
  }

  // MARK: - How many

  private static func settings(_ perAddress: Int, trusted: [String] = []) -> APISettings {
    var settings = APISettings()
    settings.connectionsPerAddress = perAddress
    settings.trustedProxies = Set(trusted.compactMap { IPAddress($0) })
    return settings
  }

  /// Whether a connection of its own is served.
  private static func isServed(_ server: TestServer, from host: String) async throws -> Bool {
    try await Wire.with(host: host, port: server.port) { wire in
      try? await wire.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
      return (try? await wire.receive())?.status == 200
    }
  }

  @Test("one address has its number of connections, on a socket for both versions of IP too; others are served all the same")
  func perAddress() async throws {
    for host in ["127.0.0.1", "::"] {
      try await TestServer.with(Self.settings(3), host: host) { server in
        try await Wire.with(port: server.port) { first in
          try await Wire.with(port: server.port) { second in
            try await Wire.with(port: server.port) { third in
              for wire in [first, second, third] {
                try await wire.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await wire.receive().status == 200)
              }
              #expect(server.api.connections.open == 3)
              for _ in 0..<3 { #expect(try await !Self.isServed(server, from: "127.0.0.1")) }
              #expect(server.api.connections.refused == 3)
              if host == "::" { #expect(try await Self.isServed(server, from: "::1")) }
              try await first.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
              #expect(try await first.receive().text.contains("\nparley_http_connections_refused_total 3\n"))
            }
          }
        }
        try await eventually { server.api.connections.open == 0 }
        #expect(try await Self.isServed(server, from: "127.0.0.1"))
      }
    }
  }

  @Test(
    "trusted proxies, and no limit, are not counted",
    arguments: [(1, ["127.0.0.1"]), (1, ["::ffff:127.0.0.1"]), (1, ["10.0.0.1", "127.0.0.1"]), (0, [])])
  func notCounted(_ perAddress: Int, _ trusted: [String]) async throws {
    for host in ["127.0.0.1", "::"] {
      try await TestServer.with(Self.settings(perAddress, trusted: trusted), host: host) { server in
        try await Wire.with(port: server.port) { wire in
          try await wire.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
          #expect(try await wire.receive().status == 200)
          for _ in 0..<3 { #expect(try await Self.isServed(server, from: "127.0.0.1")) }
        }
        #expect(server.api.connections.refused == 0)
      }
    }
  }

  @Test(
    "one address never has more than half of all connections, unless there is no limit",
    arguments: [(10_000, 1000, 1000), (100, 1000, 50), (100, 40, 40), (3, 1000, 1), (1, 1000, 1), (100, 0, Int.max)])
  func share(_ connections: Int, _ setting: Int, _ perAddress: Int) {
    var limits = ServerLimits()
    limits.connections = connections
    #expect(limits.perAddress(setting) == perAddress)
  }

  @Test("an IPv4 address is the same on every socket; no other address changes")
  func unmapped() {
    #expect(IPAddress("::ffff:127.0.0.1")?.unmapped == IPAddress("127.0.0.1"))
    for text in ["127.0.0.1", "::1", "::127.0.0.1", "64:ff9b::7f00:1", "::fffe:127.0.0.1", "1::ffff:127.0.0.1"] {
      #expect(IPAddress(text)?.unmapped == IPAddress(text))
    }
  }
}
