import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyAPI

@Suite("B-HTTP-13: versions, hosts, upgrades and the end of connections")
struct MessageTests {
  private static let body = #"""
    {"configuration":{"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"mem_store_00000000000000000000000001"}}
    """#
  private static let next = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"

  private static func text(_ lines: [String]) -> String { lines.joined(separator: "\r\n") + "\r\n\r\n" }

  // MARK: - Upgrades

  /// Headers that ask for another protocol, or look like it.
  static let upgrades: [[String]] = [
    ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"], ["Connection: upgrade", "Upgrade: h2c"],
    ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
    ["Upgrade: TLS/1.0, HTTP/1.1", "Connection: Upgrade"], ["Upgrade: h2c"], ["Connection: Upgrade"],
    ["Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket"], ["Proxy-Connection: upgrade", "UPGRADE: h2c"],
    ["Connection: keep-alive, upgrade", "Upgrade:"],
  ]

  @Test("an Upgrade is ignored: the request is answered, and so are those behind it, however they are cut", arguments: upgrades)
  func upgradeIsIgnored(_ headers: [String]) async throws {
    try await TestServer.with { server in
      let request = Self.text(["GET /health HTTP/1.1", "Host: a"] + headers)
      // In one piece, and cut inside the next head: in its method, its target, its headers.
      for cut in [0, 2, 6, 30] {
        try await Wire.with(port: server.port) { wire in
          try await wire.send(request + Self.next.prefix(cut))
          #expect(try await wire.receive().status == 200)
          try await wire.send(String(Self.next.dropFirst(cut)))
          #expect(try await wire.receive().status == 200)
          try await wire.send(request + request + Self.next)
          for _ in 0..<3 { #expect(try await wire.receive().text == #"{"status":"ok"}"#) }
        }
      }
      try await Wire.with(port: server.port) { wire in
        for byte in Array((request + request).utf8) { try await wire.send([byte]) }
        for _ in 0..<2 { #expect(try await wire.receive().status == 200) }
      }
    }
  }

  @Test("a body beside an Upgrade is the request's, and what follows it is the next request", arguments: [true, false])
  func upgradeWithBody(_ isChunked: Bool) async throws {
    try await TestServer.with { server in
      let length = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(Self.body.utf8.count)"
      let body = isChunked ? "\(String(Self.body.utf8.count, radix: 16))\r\n\(Self.body)\r\n0\r\n\r\n" : Self.body
      let head = Self.text([
        "POST /v2/Conversations HTTP/1.1", "Host: a", "Authorization: \(server.caller.authorization)", "Content-Type: application/json",
        "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: ", length,
      ])
      try await Wire.with(port: server.port) { wire in
        try await wire.send(head + body + head + body + Self.next)
        #expect(try await wire.receive().status == 201)
        #expect(try await wire.receive().status == 201)
        #expect(try await wire.receive().status == 200)
        try await wire.send(head)
        try await wire.send(body)
        #expect(try await wire.receive().status == 201)
      }
    }
  }

  @Test(
    "what is no HTTP behind an Upgrade is refused, and neither read on nor kept",
    arguments: ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{81}\u{5}hello"])
  func otherProtocol(_ bytes: String) async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        try await wire.send(Self.text(["GET /health HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: h2c"]) + bytes)
        #expect(try await wire.receive().status == 200)
        #expect(try await wire.receive().status == 400)
        #expect(await Self.mebibytesTaken(by: wire) < 32)
        try await wire.gone()
      }
    }
  }

  @Test("a client that speaks HTTP/2 at once is refused, and the connection closed")
  func preface() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        try await wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        #expect(String(decoding: try await wire.rest(), as: UTF8.self).hasPrefix("HTTP/1.1 400 "))
      }
    }
  }

  @Test(
    "CONNECT is 405 before anything else, and the connection ends",
    arguments: ["example.com:443", "127.0.0.1:1", "[::1]:80", "EXAMPLE.COM:80", "x:0"])
  func connect(_ target: String) async throws {
    try await TestServer.with { server in
      for headers in [[], ["Content-Length: 5"], ["Upgrade: h2c", "Connection: Upgrade"], ["Connection: keep-alive"]] {
        try await Wire.with(port: server.port) { wire in
          try await wire.send(Self.text(["CONNECT \(target) HTTP/1.1", "Host: a"] + headers) + Self.next)
          let answer = try await wire.receive()
          #expect(answer.status == 405)
          #expect(answer["Connection"] == "close")
          #expect(answer["Allow"] == "DELETE, GET, HEAD, PATCH, POST, PUT")
          #expect(try answer.value("code") == .number(.init(text: "20004")))
          #expect(await Self.mebibytesTaken(by: wire) < 32)
          try await wire.gone()
        }
      }
    }
  }

  /// Sends what nobody wants until the connection is gone; how much went.
  private static func mebibytesTaken(by wire: Wire) async -> Int {
    let part = [UInt8](repeating: 0x78, count: 1 << 20)
    var sent = 0
    while sent < 1 << 10 {
      do { try await wire.send(part) } catch { break }
      sent += 1
    }
    return sent
  }

  // MARK: - HTTP/1.0 and the end of connections

  @Test(
    "HTTP/1.0 is answered, errors too, and the connection closed, as the answer says",
    arguments: [
      ("GET /health", 200), ("HEAD /health", 200), ("GET /nothing", 404), ("GET /v2/Conversations", 401), ("DELETE /health", 405),
      ("GET /openapi.json", 200), ("POST /v2/Conversations", 401),
    ])
  func oldVersion(_ start: String, _ status: Int) async throws {
    try await TestServer.with { server in
      for headers in [[], ["Host: a", "User-Agent: ApacheBench/2.3", "Accept: */*"], ["Connection: close, keep-alive"], ["Connection: x"]] {
        try await Wire.with(port: server.port) { wire in
          // What comes behind it is not answered.
          try await wire.send(Self.text(["\(start) HTTP/1.0"] + headers) + "GET /health HTTP/1.0\r\n\r\n")
          let answer = try await wire.receive(toHead: start.hasPrefix("HEAD"))
          #expect(answer.status == status)
          #expect(answer["Connection"] == "close")
          #expect(try await wire.rest().isEmpty)
        }
      }
    }
  }

  @Test("HTTP/1.0 with keep-alive goes on, which is confirmed", arguments: ["keep-alive", "Keep-Alive", "x, KEEP-ALIVE"])
  func oldKeepAlive(_ value: String) async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        for start in ["GET /health", "HEAD /health", "GET /nothing", "DELETE /health"] {
          try await wire.send(Self.text(["\(start) HTTP/1.0", "Connection: \(value)"]))
          #expect(try await wire.receive(toHead: start.hasPrefix("HEAD"))["Connection"] == "keep-alive")
        }
        try await wire.send("GET /health HTTP/1.0\r\n\r\n")
        #expect(try await wire.receive()["Connection"] == "close")
        #expect(try await wire.rest().isEmpty)
      }
    }
  }

  @Test("HTTP/1.0: nobody is told to go on, the body is simply read", arguments: ["100-continue", "100-Continue", "x"])
  func oldExpectation(_ expectation: String) async throws {
    try await TestServer.with { server in
      let lines = [
        "POST /v2/Conversations HTTP/1.0", "Authorization: \(server.caller.authorization)", "Expect: \(expectation)",
        "Content-Length: \(Self.body.utf8.count)",
      ]
      for (type, status) in [("application/json", 201), ("text/plain", 415)] {
        try await Wire.with(port: server.port) { wire in
          try await wire.send(Self.text(lines + ["Content-Type: \(type)"]))
          try await wire.send(Self.body)
          #expect(try await wire.receive().status == status)
          #expect(try await wire.rest().isEmpty)
        }
      }
    }
  }

  @Test("HTTP/1.0: a connection does not outlive a body in chunks, and 204 says that it closes")
  func oldBodies() async throws {
    try await TestServer.with { server in
      let signIn = "Authorization: \(server.caller.authorization)"
      try await Wire.with(port: server.port) { wire in
        let lines = [
          "POST /v2/Conversations HTTP/1.0", signIn, "Connection: keep-alive", "Content-Type: application/json",
          "Transfer-Encoding: chunked",
        ]
        try await wire.send(Self.text(lines) + "\(String(Self.body.utf8.count, radix: 16))\r\n\(Self.body)\r\n0\r\n\r\n")
        let answer = try await wire.receive()
        #expect(answer.status == 201)
        #expect(answer["Connection"] == "close")
        #expect(try await wire.rest().isEmpty)
      }
      let pause = try await server.send("POST", "/parley/v1/Pauses", #"{"url":"https://a.example"}"#).string("id")
      try await Wire.with(port: server.port) { wire in
        try await wire.send(Self.text(["DELETE /parley/v1/Pauses/\(pause) HTTP/1.0", signIn]))
        let answer = try await wire.receive()
        #expect(answer.status == 204)
        #expect(answer["Connection"] == "close")
        #expect(try await wire.rest().isEmpty)
      }
    }
  }

  @Test("HTTP/1.1: an answer behind which the connection closes says so, others do not")
  func saysThatItCloses() async throws {
    try await TestServer.with { server in
      func connection(_ lines: [String], _ body: String = "") async throws -> String? {
        try await Wire.with(port: server.port) { wire in
          try await wire.send(Self.text(lines + ["Host: a", "Authorization: \(server.caller.authorization)"]) + body)
          let said = try await wire.receive()["Connection"]
          // A body that was announced is waited for.
          try await wire.endSending()
          if said != nil { try await wire.gone() }
          return said
        }
      }
      let post = ["POST /v2/Conversations HTTP/1.1", "Content-Type: application/json"]
      let rows: [(lines: [String], body: String, says: String?)] = [
        (["GET /health HTTP/1.1"], "", nil), (["GET /health HTTP/1.1", "Connection: keep-alive"], "", nil),
        (["GET /health HTTP/1.1", "Connection: Close"], "", "close"),
        (["GET /v2/Conversations/x HTTP/1.1", "Connection: x, close"], "", "close"), (post + ["Content-Length: 2"], "{}", nil),
        (post + ["Content-Length: 16777217"], "", "close"),
        (["POST /v2/Conversations HTTP/1.1", "Content-Length: 5", "Expect: 100-continue"], "", "close"),
      ]
      for row in rows {
        let said = try await connection(row.lines, row.body)
        #expect(said == row.says, "\(row.lines)")
      }
    }
  }

  @Test("a last answer arrives whole, however large, also where the client has said that nothing more comes")
  func lastAnswerIsWhole() async throws {
    try await TestServer.with { server in
      for start in ["GET /openapi.json HTTP/1.0", "GET /openapi.json HTTP/1.1\r\nHost: a\r\nConnection: Close"] {
        for endsSending in [true, false] {
          try await Wire.with(port: server.port, reads: false) { wire in
            try await wire.send(Self.text([start]))
            if endsSending { try await wire.endSending() }
            while try await wire.take() < 16 << 10 {}
            try await wire.readOn()
            let text = String(decoding: try await wire.rest(), as: UTF8.self)
            #expect(text.hasPrefix("HTTP/1.1 200 ") && text.hasSuffix("}"))
            #expect(text.utf8.count > OpenAPIDocument.text.utf8.count)
          }
        }
      }
    }
  }

  // MARK: - Hosts

  @Test(
    "a Host is host or host:port, or empty",
    arguments: [
      ("parley.example", 200), ("parley.example:81", 200), ("127.0.0.1:8080", 200), ("[::1]:8080", 200), ("[::1]", 200), ("", 200),
      ("a_b", 200), ("xn--bcher-kva.example", 200), ("a:", 200), ("a.", 200), ("a%20b", 200), ("a:65535", 200),
      ("a/b", 400), ("a b", 400), ("a@b", 400), ("a:b", 400), ("a:65536", 400), ("a:1:2", 400), ("::1", 400), ("[::1", 400), ("[x]", 400),
      ("[::1]x", 400), ("[127.0.0.1]", 400), (":80", 400), ("a,b", 400), ("a, b", 400), ("a?b", 400), ("a#b", 400), ("http://a", 400),
      ("b\u{FC}cher.example", 400), ("a\u{1}b", 400), ("a\"b", 400), ("<a>", 400), ("a\\b", 400),
    ])
  func hostForm(_ host: String, _ status: Int) async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        try await wire.send(Self.text(["GET /health HTTP/1.1", "Host: \(host)"]))
        let answer = try? await wire.receive()
        // A control character is refused before it is a header.
        #expect(answer?.status == status)
        guard status == 400, answer?.body.isEmpty == false else { return }
        #expect(try answer?.value("code") == .number(.init(text: "20001")))
        #expect(try answer?.string("details.problems[0].path") == "Host")
      }
    }
  }

  @Test("HTTP/1.1 without a Host, or with two, is 400 before 401, 404 and 405; the connection goes on")
  func hostCount() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        for start in ["GET /health", "GET /v2/Conversations", "GET /nothing", "DELETE /health", "GET http://a/health", "CONNECT a:1"] {
          for hosts in [[], ["Host: a", "Host: a"], ["Host: a", "host: b"], ["Host:", "Host:"]]
          where start != "CONNECT a:1" || hosts.isEmpty {
            try await wire.send(Self.text(["\(start) HTTP/1.1"] + hosts))
            let answer = try await wire.receive()
            #expect(answer.status == 400)
            #expect(try answer.string("message") == "Host must be there once, as host or host:port")
          }
        }
        try await wire.gone()
      }
      for hosts in [["Host: a", "Host: b"], ["Host: a/b"]] {
        try await Wire.with(port: server.port) { wire in
          try await wire.send(Self.text(["GET /health HTTP/1.0"] + hosts))
          #expect(try await wire.receive().status == 400)
        }
      }
    }
  }

  @Test(
    "a target may be a URL; its host counts",
    arguments: [
      ("http://parley.test/health", 200), ("http://parley.test:80/health?x=1", 200), ("HTTP://parley.test/health", 200),
      ("https://parley.test/health/", 200), ("http://parley.test", 404), ("http://parley.test?x", 404), ("http://[::1]/health", 200),
      ("http:///health", 400), ("ftp://parley.test/health", 400), ("http://u@parley.test/health", 400), ("http://a:b:c/health", 400),
      ("*", 404),
    ])
  func absoluteTarget(_ target: String, _ status: Int) async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        for version in ["HTTP/1.1\r\nHost: other.test", "HTTP/1.0"] {
          try await wire.send(Self.text(["GET \(target) \(version)"]))
          #expect(try await wire.receive().status == status, "\(version)")
        }
      }
    }
  }

  @Test("URLs in an answer have the host of the request's target")
  func absoluteTargetInAnswers() async throws {
    try await TestServer.with { server in
      let body = #"""
        {"displayName":"a","description":"","conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(TestServer.store)"}
        """#
      let target = "http://parley.example:81/v2/ControlPlane/Configurations"
      let answer = try await server.send(WireRequest("POST", target, body, headers: [("Host", "other.test")]), as: server.caller)
      #expect(answer.status == 202)
      #expect(try answer.string("statusUrl").hasPrefix("http://parley.example:81/v2/ControlPlane/Operations/"))
    }
  }
}
