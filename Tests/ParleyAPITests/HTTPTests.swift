import ParleyAPI
import ParleyDomain
import ParleyTesting
import Testing

@Suite("HTTP/1.1 by the byte")
struct HTTPTests {
  private static let conversations = "/v2/Conversations"

  /// The head of a request that creates a conversation, with headers of its own.
  private static func head(_ server: TestServer, _ method: String = "POST", _ headers: String...) -> String {
    let lines = ["\(method) \(conversations) HTTP/1.1", "Host: parley.test", "Authorization: \(server.caller.authorization)"] + headers
    return lines.joined(separator: "\r\n") + "\r\n\r\n"
  }

  /// A body that makes a conversation.
  private static let body = #"""
    {"configuration":{"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"mem_store_00000000000000000000000001"}}
    """#

  private static func count(of server: TestServer) async throws -> JSON? {
    try await server.send("GET", conversations).value("meta.pageSize")
  }

  // MARK: - Methods and paths

  @Test(
    "B-HTTP-7: HEAD is answered like GET, without the body", arguments: [conversations, "/health", "/v2/Nothing", "/v2/Conversations/x"])
  func head(_ target: String) async throws {
    try await TestServer.with { server in
      let get = try await server.send("GET", target)
      try await Wire.with(port: server.port) { wire in
        try await wire.send(server.signed(WireRequest("HEAD", target), as: server.caller).bytes)
        let head = try await wire.receive(toHead: true)
        #expect(head.status == get.status)
        let random = ["Twilio-Request-Id", "Twilio-Request-Duration"]
        let plain = { (answer: WireAnswer) in answer.headers.filter { !random.contains($0.name) }.map { "\($0.name): \($0.value)" } }
        #expect(plain(head) == plain(get))
        // What comes next on the connection is an answer again, so there was no body.
        try await wire.send(server.signed(WireRequest("GET", target), as: server.caller).bytes)
        #expect(try await wire.receive().body == get.body)
      }
    }
  }

  @Test("B-HTTP-7: one slash at the end of a path means nothing, two do")
  func trailingSlash() async throws {
    try await TestServer.with { server in
      for (target, status) in [
        ("/v2/Conversations/", 200), ("/v2/Conversations/?pageSize=1", 200), ("/health/", 200), ("/v2/Conversations//", 404),
        ("//v2/Conversations", 404), ("/V2/conversations", 404),
      ] {
        let answer = try await server.send("GET", target)
        #expect(answer.status == status, "\(target)")
      }
    }
  }

  @Test(
    "B-AUTH-1, B-AUTH-3: what lies under /v2, /v1 or /parley asks who is calling, a path beside them does not",
    arguments: [
      ("/v2", 401), ("/v2/", 401), ("/v1/Stores", 401), ("/parley/v1/x", 401), ("/v22", 404), ("/parleys", 404), ("/", 404), ("*", 404),
    ])
  func needsSignIn(_ path: String, _ status: Int) async throws {
    try await TestServer.with { server in
      let answer = try await server.send(WireRequest("GET", path), as: nil)
      #expect(answer.status == status)
    }
  }

  @Test("B-HTTP-6: a percent-escape in a path is decoded; a bad one names nothing")
  func pathEscapes() async throws {
    try await TestServer.with { server in
      let id = try await server.conversation()
      #expect(try await server.send("GET", "/v2/Conversations/\(id.replacing("_", with: "%5F"))").status == 200)
      for bad in ["%", "%5", "%zz", "%C3%28", "%00", "a%2Fb", "%+1"] {
        #expect(try await server.send("GET", "/v2/Conversations/\(bad)").status == 404, "\(bad)")
      }
    }
  }

  // MARK: - Queries

  @Test(
    "B-PAGE-8, B-PAGE-1: names of a query in any case, the exact one first; page sizes from both sides",
    arguments: [
      ("pageSize=1", 200), ("pageSize=1000", 200), ("pageSize=0", 400), ("pageSize=1001", 400), ("pageSize=-1", 400),
      ("pageSize=%2B1", 400),
      ("pageSize=1.0", 400), ("pageSize=", 400), ("pageSize", 400), ("pageSize=%31", 200), ("pageSize=1e1", 400), ("pageSize=007", 200),
      ("pageSize=99999999999999999999", 400), ("pageSize=1%20", 400), ("pageSize=%D9%A1", 400),
      ("PageSize=1", 200), ("PAGESIZE=0", 400), ("PageSize=0&pageSize=1", 200), ("pageSize=0&PageSize=1", 400),
      ("pageSize=1&pageSize=0", 200), ("pageSize=0&pageSize=1", 400), ("page%C5%BFize=0", 200), ("page_size=0", 200),
      ("pageToken=", 400), ("pageToken=x", 400), ("PageToken=x", 400), ("Page=0&page=x", 200),
      ("status=ACTIVE", 200), ("status=active", 400), ("status=", 400), ("status=ACTIVE,", 400), ("Status=CLOSED,ACTIVE", 200),
      ("channelId=", 400), ("channelId=%00", 400), ("channelId=%0A", 400), ("channelId=a+b%2Bc", 200),
      ("pageSize=%", 400), ("pageSize=%zz", 400), ("channelId=%C3%28", 400), ("%zz=1", 200), ("unknown=%zz", 200), ("&&=&a&", 200),
      ("?", 200),
    ])
  func query(_ query: String, _ status: Int) async throws {
    try await TestServer.with { server in
      let answer = try await server.send("GET", "\(Self.conversations)?\(query)")
      #expect(answer.status == status)
    }
  }

  @Test("B-ADDR-5: channelId in a filter has 256 characters at most")
  func channelIdLength() async throws {
    try await TestServer.with { server in
      let characters = String(repeating: "%C3%A9", count: 256)
      let fits = try await server.send("GET", "\(Self.conversations)?channelId=\(characters)")
      #expect(fits.status == 200)
      let tooLong = try await server.send("GET", "\(Self.conversations)?channelId=\(characters)x")
      #expect(tooLong.status == 400)
    }
  }

  // MARK: - Bodies

  @Test(
    "B-HTTP-1: content types that are JSON, and those that are not",
    arguments: [
      ("application/json", 201), ("Application/JSON", 201), ("application/json; charset=utf-8", 201),
      ("application/json;charset=latin1", 201),
      (" application/json ;x", 201), ("application/jsonp", 415), ("application/json, text/plain", 415),
      ("application/merge-patch+json", 415),
      ("text/json", 415), ("application/x-www-form-urlencoded", 415), ("", 415), (nil, 415),
    ])
  func contentType(_ type: String?, _ status: Int) async throws {
    try await TestServer.with { server in
      let headers = type.map { [("Content-Type", $0)] } ?? []
      let answer = try await server.send(
        WireRequest("POST", Self.conversations, headers: headers, body: Array(Self.body.utf8)), as: server.caller)
      #expect(answer.status == status)
    }
  }

  @Test("B-HTTP-1: an empty body is no body, whatever its type: 400 and not 415", arguments: ["POST", "PUT", "PATCH"])
  func emptyBody(_ method: String) async throws {
    try await TestServer.with { server in
      let target = method == "POST" ? Self.conversations : "\(Self.conversations)/\(try await server.conversation())"
      for headers in [
        [], [("Content-Type", "text/plain")], [("Content-Length", "0")], [("Content-Type", "application/json"), ("Content-Length", "0")],
      ] {
        let answer = try await server.send(WireRequest(method, target, headers: headers, body: nil), as: server.caller)
        #expect(answer.status == 400)
        #expect(try answer.value("details.problems[0].path") == .string(""))
      }
      let chunked = WireRequest(method, target, headers: [("Transfer-Encoding", "chunked")], body: Array("0\r\n\r\n".utf8))
      #expect(try await server.send(chunked, as: server.caller).status == 400)
    }
  }

  @Test("B-HTTP-1: a body on a GET is read and not looked at, and the connection goes on")
  func bodyOnGet() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        for body in ["x", String(repeating: "x", count: 3 << 20)] {
          try await wire.send(
            server.signed(
              WireRequest("GET", Self.conversations, headers: [("Content-Type", "text/plain")], body: Array(body.utf8)), as: server.caller
            ).bytes)
          #expect(try await wire.receive().status == 200)
        }
        // The SDK's lists say this without having a body.
        let form = WireRequest("GET", Self.conversations, headers: [("Content-Type", "application/x-www-form-urlencoded")], body: nil)
        try await wire.send(server.signed(form, as: server.caller).bytes)
        #expect(try await wire.receive().status == 200)
      }
    }
  }

  @Test("a body may come in chunks, and those in any pieces")
  func chunked() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        try await wire.send(Self.head(server, "POST", "Content-Type: application/json", "Transfer-Encoding: chunked"))
        for part in [Self.body.prefix(10), Self.body.dropFirst(10)] {
          try await wire.send(String(part.utf8.count, radix: 16))
          try await wire.send("\r\n\(part)\r")
          try await wire.send("\n")
        }
        try await wire.send("0\r\n\r\n")
        #expect(try await wire.receive().status == 201)
        try await wire.send(Self.head(server, "POST", "Content-Type: text/plain", "Transfer-Encoding: chunked") + "1\r\nx\r\n0\r\n\r\n")
        #expect(try await wire.receive().status == 415)
        try await wire.send(Self.head(server, "GET"))
        #expect(try await wire.receive().status == 200)
      }
    }
  }

  @Test("B-HTTP-5: 16 MiB are read, one byte more is 413, in chunks too")
  func largest() async throws {
    try await TestServer.with { server in
      let size = 16 << 20
      let filler = String(repeating: " ", count: size - Self.body.utf8.count)
      let json = [("Content-Type", "application/json")]
      let fits = try await server.send(
        WireRequest("POST", Self.conversations, headers: json, body: Array((filler + Self.body).utf8)), as: server.caller)
      #expect(fits.status == 201)
      try await Wire.with(port: server.port) { wire in
        try await wire.send(Self.head(server, "POST", "Content-Type: application/json", "Transfer-Encoding: chunked"))
        try await wire.send("\(String(size, radix: 16))\r\n\(String(repeating: " ", count: size))\r\n1\r\n \r\n0\r\n\r\n")
        #expect(try await wire.receive().status == 413)
        // There was little left to read, so the connection can go on.
        try await wire.send(Self.head(server, "GET"))
        #expect(try await wire.receive().status == 200)
      }
    }
  }

  @Test("a body that ends before its time was no body: nothing is written", arguments: [true, false])
  func incomplete(_ isChunked: Bool) async throws {
    try await TestServer.with { server in
      let length = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(Self.body.utf8.count + 1)"
      let body = isChunked ? "\(String(Self.body.utf8.count, radix: 16))\r\n\(Self.body)\r\n" : Self.body
      try await Wire.with(port: server.port) { wire in
        try await wire.send(Self.head(server, "POST", "Content-Type: application/json", length) + body)
        try await wire.endSending()
        let said = String(decoding: try await wire.rest(), as: UTF8.self)
        #expect(!said.contains(" 201 "))
      }
      #expect(try await Self.count(of: server) == .number(.init(text: "0")))
    }
  }

  // MARK: - Expect: 100-continue

  @Test("B-HTTP-10: a client that asks first is told to go on, and then answered")
  func continues() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        for _ in 0..<2 {
          let length = "Content-Length: \(Self.body.utf8.count)"
          try await wire.send(Self.head(server, "POST", "Content-Type: application/json", length, "Expect: 100-Continue"))
          let interim = try await wire.receive()
          #expect(interim.status == 100)
          #expect(interim.headers.isEmpty)
          try await wire.send(Self.body)
          #expect(try await wire.receive().status == 201)
        }
      }
    }
  }

  @Test(
    "B-HTTP-10: a client that asks first and is refused gets no 100, and the connection ends",
    arguments: [
      (401, ["Content-Type: application/json", "Content-Length: 5"]),
      (413, ["Content-Type: application/json", "Content-Length: 16777217"]),
      (415, ["Content-Type: text/plain", "Content-Length: 5"]), (404, ["Content-Type: application/json", "Content-Length: 5"]),
    ])
  func refusesToContinue(_ status: Int, _ headers: [String]) async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        let path = status == 404 ? "/v2/Nothing" : Self.conversations
        let signIn = status == 401 ? [] : ["Authorization: \(server.caller.authorization)"]
        let lines = ["POST \(path) HTTP/1.1", "Host: parley.test", "Expect: 100-continue"] + signIn + headers
        try await wire.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
        let answer = try await wire.receive()
        #expect(answer.status == status)
        #expect(try await wire.rest().isEmpty)
      }
    }
  }

  // MARK: - Refused bodies

  @Test("B-HTTP-10: up to 1 MiB of a refused body is read, and the connection goes on")
  func drained() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        let size = 1 << 20
        try await wire.send(Self.head(server, "POST", "Content-Type: text/plain", "Content-Length: \(size)"))
        #expect(try await wire.receive().status == 415)
        try await wire.send(String(repeating: "x", count: size))
        try await wire.send(Self.head(server, "GET"))
        #expect(try await wire.receive().status == 200)
      }
    }
  }

  @Test("B-HTTP-10: of a longer one no more is read; the client gets its answer, then the connection ends")
  func notDrained() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        try await wire.send(Self.head(server, "POST", "Content-Type: application/json", "Content-Length: \(1 << 30)"))
        #expect(try await wire.receive().status == 413)
        let part = [UInt8](repeating: 0x20, count: 1 << 20)
        var sent = 0
        // Buffers of the system take some of it; a server that read on would take it all.
        while sent < 1 << 10 {
          do { try await wire.send(part) } catch { break }
          sent += 1
        }
        #expect(sent < 64)
        try await wire.gone()
      }
    }
  }

  // MARK: - Connections

  @Test("requests that come at once are answered in their order")
  func pipelined() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        let post = server.signed(WireRequest("POST", Self.conversations, Self.body), as: server.caller).bytes
        let get = server.signed(WireRequest("GET", Self.conversations), as: server.caller).bytes
        let missing = server.signed(WireRequest("GET", "/v2/Nothing"), as: server.caller).bytes
        try await wire.send(post + get + missing + get)
        #expect(try await wire.receive().status == 201)
        #expect(try await wire.receive().value("meta.pageSize") == .number(.init(text: "1")))
        #expect(try await wire.receive().status == 404)
        #expect(try await wire.receive().status == 200)
      }
    }
  }

  @Test("a request may come byte by byte")
  func byteByByte() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        for byte in server.signed(WireRequest("POST", Self.conversations, Self.body), as: server.caller).bytes {
          try await wire.send([byte])
        }
        #expect(try await wire.receive().status == 201)
      }
    }
  }

  @Test("Connection: close ends the connection after the answer, in any case", arguments: ["close", "Close", "foo, CLOSE"])
  func closes(_ value: String) async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        try await wire.send(Self.head(server, "GET", "Connection: \(value)"))
        #expect(try await wire.receive().status == 200)
        #expect(try await wire.rest().isEmpty)
      }
    }
  }

  @Test("HTTP/1.0 without a host is answered")
  func oldVersion() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        try await wire.send("GET /health HTTP/1.0\r\n\r\n")
        #expect(try await wire.receive().text == #"{"status":"ok"}"#)
      }
    }
  }

  @Test(
    "B-HTTP-10: what is no HTTP is refused and the connection closed; the server lives on",
    arguments: [
      "\u{16}\u{3}\u{1}\u{2}hello\r\n\r\n", "HELLO\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "G ET / HTTP/1.1\r\n\r\n",
      "GET /health HTTP/1.1\r\nno colon here\r\n\r\n", "GET /health HTTP/1.1\r\nContent-Length: x\r\n\r\n",
      "GET /health HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "POST /v2/Conversations HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "POST /v2/Conversations HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST /v2/Conversations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n",
    ])
  func noHTTP(_ head: String) async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        try await wire.send(head)
        try await wire.endSending()
        let said = String(decoding: try await wire.rest(), as: UTF8.self)
        #expect(said.isEmpty || said.hasPrefix("HTTP/1.1 4"), "\(said)")
      }
      #expect(try await server.send(WireRequest("GET", "/health"), as: nil).status == 200)
    }
  }

  @Test("a head that goes on and on is refused, not kept")
  func endlessHead() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        try await wire.send("GET /health HTTP/1.1\r\n")
        try await wire.send(String(repeating: "X: \(String(repeating: "x", count: 8000))\r\n", count: 64))
        #expect(try await String(decoding: wire.rest(), as: UTF8.self).hasPrefix("HTTP/1.1 400 "))
      }
      #expect(try await server.send(WireRequest("GET", "/health"), as: nil).status == 200)
    }
  }

  @Test("B-HDR-1: every request has an id of its own, a duration, and the count of the account's requests in progress")
  func headers() async throws {
    try await TestServer.with(accounts: 2) { server in
      let waiting = server.callers[0]
      var ids: Set<String> = []
      try await Wire.with(port: server.port) { wire in
        let length = "Content-Length: \(Self.body.utf8.count)"
        try await wire.send(Self.head(server, "POST", "Content-Type: application/json", length, "Expect: 100-continue"))
        #expect(try await wire.receive().status == 100)
        for (caller, count) in [(waiting, "2"), (server.callers[1], "1"), (nil, "1")] {
          let answer = try await server.send(WireRequest("GET", Self.conversations), as: caller)
          #expect(answer["Twilio-Concurrent-Requests"] == count)
          #expect(answer["Twilio-Request-Duration"]?.wholeMatch(of: /\d+\.\d{3}/) != nil)
          let id = try #require(answer["Twilio-Request-Id"])
          #expect(id.wholeMatch(of: /RQ[0-9a-f]{32}/) != nil)
          ids.insert(id)
        }
        await server.settled(waiting.authorization, held: 1)
        try await wire.send(Self.body)
        let answer = try await wire.receive()
        #expect(answer.status == 201)
        #expect(answer["Twilio-Concurrent-Requests"] == "1")
      }
      #expect(ids.count == 3)
    }
  }

  @Test("B-OP-2: URLs in answers are the client's, the configured ones, or a trusted proxy's; never another text from a header")
  func baseURLs() async throws {
    func url(_ settings: APISettings, _ headers: [(String, String)]) async throws -> String {
      var url = ""
      try await TestServer.with(settings) { server in
        let body = #"""
          {"displayName":"a","description":"","conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(TestServer.store)"}
          """#
        let answer = try await server.send(
          WireRequest("POST", "/v2/ControlPlane/Configurations", body, headers: headers), as: server.caller)
        let id = try #require(answer["Operation-Id"])
        #expect(try answer["Location"] == answer.string("statusUrl"))
        url = try answer.string("statusUrl").replacing("/v2/ControlPlane/Operations/\(id)", with: "").replacing(
          ":\(server.port)", with: ":PORT")
      }
      return url
    }
    let forwarded = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "api.example.org")]
    #expect(try await url(APISettings(), [("Host", "parley.example:81")]) == "http://parley.example:81")
    #expect(try await url(APISettings(), [("Host", "")]) == "http://127.0.0.1:PORT")
    #expect(try await url(APISettings(), forwarded) == "http://parley.test")
    var settings = APISettings()
    settings.trustedProxies = Set([IPAddress("127.0.0.1")].compactMap { $0 })
    #expect(try await url(settings, forwarded) == "https://api.example.org")
    #expect(try await url(settings, [("X-Forwarded-Host", "a b")]) == "http://parley.test")
    settings.publicURL = "https://parley.example.org"
    #expect(try await url(settings, forwarded) == "https://parley.example.org")
  }
}
