import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyEngine

/// What a receiver may answer that is no answer, and what the log says of it.
@Suite struct ReplyTests {
  static let good = RawPeer.Answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

  @Test(
    "B-HOOK-44: a reply that is not HTTP is a failed attempt of its own kind, and the next one counts",
    arguments: [
      "HTTP/1.1 -1 X\r\n\r\n", "HTTP/1.1  \r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 099 X\r\n\r\n", "HTTP/1.1 20 X\r\n\r\n", "HTTP/1.1 2xx X\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n", "200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "HTTP/1.1 200 OK\r\nno header\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "\u{16}\u{3}\u{1}\0\0", "garbage\r\n\r\n", "\0", "H",
      "RTSP/1.0 200 OK\r\n\r\n", "ICE/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "RTSP/1.1 204 X\r\n\r\n", "\r\nRTSP/1.0 200 OK\r\n\r\n",
      "HTTP/2.0 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Le",
    ])
  func notHTTP(reply: String) async throws {
    let behaviour: RawPeer.Behaviour = { number, _ in number == 1 ? RawPeer.Answer(reply) : Self.good }
    try await RawPeer.with(behaviour) { peer in
      try await TestEngine.told("http://127.0.0.1:\(peer.port)/") { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log == .init(state: "PENDING", attempts: [.init(failure: "invalid_reply", wait: 1000)]))
        let reason = try await test.reasons(id)[0]
        #expect(reason?.isEmpty == false)
        #expect(peer.requests == 1)
        test.clock.advance(seconds: 1)
        await loop.runUntilIdle()
        let state = try await test.log(id).state
        #expect(state == "DELIVERED")
      }
    }
  }

  /// Frames of HTTP/2 behind the server's settings: heads, bodies and pushes.
  static let frames: [(String, [[UInt8]])] = [
    ("a negative status", [HTTP2Bytes.head(1, [(":status", "-1")], ends: true)]),
    ("an empty status", [HTTP2Bytes.head(1, [(":status", "")], ends: true)]),
    ("no status", [HTTP2Bytes.head(1, [("a", "b")], ends: true)]),
    ("two statuses", [HTTP2Bytes.head(1, [(":status", "200"), (":status", "200")], ends: true)]),
    ("a status too large", [HTTP2Bytes.head(1, [(":status", "99999999999999999999")], ends: true)]),
    ("a body before its head", [HTTP2Bytes.frame(0, 1, 1, [1, 2, 3])]),
    ("trailers without an end", Array(repeating: HTTP2Bytes.head(1, [(":status", "200")], ends: false), count: 4)),
    (
      "a push before the settings are acknowledged",
      [
        HTTP2Bytes.push(1, promising: 2), HTTP2Bytes.head(2, [(":status", "200")], ends: false),
        HTTP2Bytes.head(1, [(":status", "200")], ends: true),
      ]
    ),
  ]

  @Test("B-HOOK-44: a receiver that speaks HTTP/2 although it was not asked for gives no reply", arguments: frames.indices)
  func http2(index: Int) async throws {
    let reply = HTTP2Bytes.frame(4, 0, 0, []) + Self.frames[index].1.flatMap { $0 }
    let behaviour: RawPeer.Behaviour = { number, _ in number == 1 ? RawPeer.Answer(reply) : Self.good }
    try await RawPeer.with(tls: .good(), protocols: ["h2"], behaviour) { peer in
      try await TestEngine.told("https://127.0.0.1:\(peer.port)/", .trusting()) { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log == .init(state: "PENDING", attempts: [.init(failure: "invalid_reply", wait: 1000)]), "\(Self.frames[index].0)")
        test.clock.advance(seconds: 1)
        await loop.runUntilIdle()
        let state = try await test.log(id).state
        #expect(state == "DELIVERED")
      }
    }
  }

  @Test("A receiver that speaks both protocols is spoken to in HTTP/1.1")
  func bothProtocols() async throws {
    try await RawPeer.with(tls: .good(), protocols: ["h2", "http/1.1"], { _, _ in Self.good }) { peer in
      try await TestEngine.told("https://127.0.0.1:\(peer.port)/", .trusting()) { test, loop, id in
        await loop.runUntilIdle()
        let state = try await test.log(id).state
        #expect(state == "DELIVERED")
        #expect(peer.heads.count == 1 && peer.heads[0].contains(" HTTP/1.1\r\n"))
      }
    }
  }

  @Test("A reply may have 100 interim heads, and no more", arguments: [100, 101])
  func interim(count: Int) async throws {
    let interims = String(repeating: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", count: count)
    let reply = interims + "HTTP/1.1 204 No Content\r\n\r\n"
    let behaviour: RawPeer.Behaviour = { _, _ in RawPeer.Answer(reply) }
    try await RawPeer.with(behaviour) { peer in
      try await TestEngine.told("http://127.0.0.1:\(peer.port)/") { test, loop, id in
        await loop.runUntilIdle()
        let attempt: DeliveryLog.Attempt = count == 100 ? .init(status: 204) : .init(failure: "invalid_reply", wait: 1000)
        let log = try await test.log(id).attempts
        #expect(log == [attempt])
      }
    }
  }

  // MARK: - Kept connections

  @Test(
    "B-HOOK-40: a kept connection on which a byte of the reply came is a failed attempt, which waits for its retry",
    arguments: [
      "H", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 100 Continue\r\n\r\n", "garbage", "\r\n",
      "\u{16}\u{3}\u{1}\0\0", "HTTP/1.1 000 X\r\n\r\n",
    ])
  func keptWithBytes(reply: String) async throws {
    try await kept(RawPeer.Answer(reply)) { test, loop, peer in
      let second = try await test.second()
      let log = try await test.log(second)
      #expect(log == .init(state: "PENDING", attempts: [.init(failure: "invalid_reply", wait: 1000)]))
      #expect(peer.requests == 2 && peer.connections == 1)
      test.clock.advance(seconds: 1)
      await loop.runUntilIdle()
      let state = try await test.log(second).state
      #expect(state == "DELIVERED")
      #expect(peer.requests == 3 && peer.connections == 2)
    }
  }

  @Test(
    "B-HOOK-40: a kept connection that ended without a byte is no attempt: the request goes out again at once, with its token",
    arguments: [RawPeer.Answer.End.close, .reset])
  func keptWithoutBytes(end: RawPeer.Answer.End) async throws {
    try await kept(RawPeer.Answer([], end)) { test, _, peer in
      let log = try await test.log(test.second())
      #expect(log == .init(state: "DELIVERED", attempts: [.init(status: 200, reply: "ok")]))
      #expect(peer.requests == 3 && peer.connections == 2)
      let tokens = peer.heads.map { $0.firstMatch(of: /(?i)I-Twilio-Idempotency-Token: (\S+)/).map { String($0.1) } }
      #expect(tokens.count == 3 && tokens[1] == tokens[2] && tokens[0] != tokens[1])
    }
  }

  @Test("B-HOOK-40: a fresh connection that ends without a byte is a failed attempt, also if the request went out again for it")
  func freshWithoutBytes() async throws {
    try await kept(RawPeer.Answer([], .close), RawPeer.Answer([], .close)) { test, _, peer in
      let second = try await test.second()
      let log = try await test.log(second)
      #expect(log == .init(state: "PENDING", attempts: [.init(failure: "reset", wait: 1000)]))
      let reasons = try await test.reasons(second)
      #expect(reasons == ["the connection ended before there was a reply"])
      #expect(peer.requests == 3)
    }
  }

  @Test("B-HOOK-40: a request that goes out again goes to a fresh connection, not to another one that was kept")
  func otherKept() async throws {
    var settings = WebhookSettings.patient
    settings.idleTime = .seconds(300)
    let gate = TestReceiver.Gate()
    try await TestReceiver.with(always: .held(gate)) { receiver in
      try await TestEngine.calling(.sqlite, settings) { test, loop in
        try await test.make(conversations: 2, telling: receiver.url)
        async let ran: Void = loop.runUntilIdle()
        try await receiver.requests(count: 2)
        gate.open()
        await ran
        receiver.become { request, _ in request.connection <= 2 ? .closeAtOnce : .status(200) }
        try await test.make(conversations: 1, telling: receiver.url)
        await loop.runUntilIdle()
        let delivered = try await test.deliveries(DeliveryFilter(states: [.delivered])).count
        #expect(delivered == 3)
        #expect(receiver.connections == 3)
      }
    }
  }

  /// Sends two events of a conversation on one connection: the first is taken, the second gets the answers and then good ones.
  private func kept(_ answers: RawPeer.Answer..., test: (TestEngine, JobLoop, RawPeer) async throws -> Void) async throws {
    var settings = WebhookSettings.exact
    settings.idleTime = .seconds(300)
    let kept = RawPeer.Answer(Self.good.bytes, .keep)
    let behaviour: RawPeer.Behaviour = { number, _ in number > 1 && number - 2 < answers.count ? answers[number - 2] : kept }
    try await RawPeer.with(behaviour) { peer in
      try await TestEngine.calling(.sqlite, settings) { engine, loop in
        try await engine.make(conversations: 1, participants: 1, telling: "http://127.0.0.1:\(peer.port)/")
        await loop.runUntilIdle()
        try await test(engine, loop, peer)
      }
    }
  }

  // MARK: - Reasons

  @Test("B-LOG-2: of a certificate the reason says whether it has expired, is from an unknown authority or is for another name")
  func certificates() async throws {
    for (certificate, reason) in [
      (try TestCertificate.expired(), "the certificate has expired"),
      (try TestCertificate.ofAnotherAuthority(), "the certificate is from an unknown authority"),
      (try TestCertificate.ofAnotherName(), "the certificate is for another name"),
    ] {
      try await TestReceiver.with(tls: certificate) { receiver in
        for host in ["hooks.test", "127.0.0.1"] {
          try await TestEngine.told(receiver.url(host: host), .trusting(), names: TestNames(["hooks.test": ["127.0.0.1"]])) {
            test, loop, id in
            await loop.runUntilIdle()
            let log = try await test.log(id)
            #expect(log == .init(state: "PENDING", attempts: [.init(failure: "tls", wait: 1000)]))
            let reasons = try await test.reasons(id)
            #expect(reasons == [reason])
          }
        }
        #expect(receiver.received.isEmpty)
      }
    }
  }

  @Test("B-LOG-2: a receiver that does not speak TLS is said to be one, in our own words")
  func plain() async throws {
    // Nothing of a handshake looks like the end of a request's head, so the peer answers its first byte.
    let refusal = RawPeer.Answer(Array("HTTP/1.1 400 secret\r\n\r\n".utf8), .close, isEarly: true)
    let behaviour: RawPeer.Behaviour = { _, _ in refusal }
    try await RawPeer.with(behaviour) { peer in
      try await TestEngine.told("https://127.0.0.1:\(peer.port)/", .trusting()) { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id).attempts.map(\.failure)
        #expect(log == ["tls"])
        let reason = try await #require(test.reasons(id)[0])
        #expect(!reason.contains("secret") && !reason.contains("/") && reason.utf8.count <= 200, "\(reason)")
      }
    }
  }

  @Test("B-HOOK-37: a GET whose URL has 64 KiB is sent, one that is longer is given up at once", arguments: [65536, 65537])
  func longURL(bytes: Int) async throws {
    let behaviour: RawPeer.Behaviour = { _, _ in Self.good }
    try await RawPeer.with(behaviour) { peer in
      let addresses = AddressGuard(policy: CallbackPolicy(allowPrivate: true), resolver: TestNames(), lifetime: .zero)
      let sender = WebhookSender(addresses: addresses, settings: .exact)
      let target = try #require(CallbackTarget("http://127.0.0.1:\(peer.port)/"))
      let rest = ReplyFuzzTests.request(target, .get, bytes: 1000).url.utf8.count - 1000
      let request = ReplyFuzzTests.request(target, .get, bytes: bytes - rest)
      #expect(request.url.utf8.count == bytes)
      let reply = await sender.send(request, to: target)
      #expect(reply.status == (bytes == 65536 ? 200 : nil))
      #expect(reply.failure?.kind == (bytes == 65536 ? nil : .urlTooLong))
      #expect(peer.requests == (bytes == 65536 ? 1 : 0))
      await sender.shutDown()
    }
  }

  @Test("B-LOG-2: a connection that is refused and a name that is unknown have their reasons")
  func others() async throws {
    try await ClosedPort.with { port in
      try await TestEngine.told("http://127.0.0.1:\(port)/") { test, loop, id in
        await loop.runUntilIdle()
        let reasons = try await test.reasons(id)
        #expect(reasons == ["connection refused"])
      }
    }
    try await TestEngine.told("http://hooks.test/") { test, loop, id in
      await loop.runUntilIdle()
      let reasons = try await test.reasons(id)
      #expect(reasons == ["no address was found for the host"])
    }
  }

  // MARK: - Private hosts

  @Test("Of a private host's reply only the status and the length are kept, whatever name leads there", arguments: TestDatabase.kinds)
  func privateReply(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with(always: .status(404, body: "{\"token\":\"hidden\"}")) { receiver in
      for host in ["127.0.0.1", "hooks.test"] {
        let names = TestNames(["hooks.test": ["127.0.0.1"]])
        try await TestEngine.told(receiver.url(host: host), kind, WebhookSettings(), names: names) { test, loop, id in
          await loop.runUntilIdle()
          let log = try await test.log(id)
          #expect(log == .init(state: "FAILED", attempts: [.init(status: 404, reply: "(18 bytes, not kept: the host is private)")]))
          let reasons = try await test.reasons(id)
          #expect(reasons == [nil])
        }
      }
    }
  }

  @Test("A private host's reply without a body is empty, and one that is not read to its end has at least what was read")
  func privateReplyLengths() async throws {
    for (answer, reply) in [
      (TestReceiver.Answer.status(204), ""), (.status(200), ""), (.status(200, body: "x"), "(1 bytes, not kept: the host is private)"),
      (.bigReply(bytes: 1 << 20), "(at least 65536 bytes, not kept: the host is private)"),
    ] {
      try await TestReceiver.with(always: answer) { receiver in
        try await TestEngine.told(receiver.url, .sqlite, WebhookSettings()) { test, loop, id in
          await loop.runUntilIdle()
          let log = try await test.log(id).attempts.map(\.reply)
          #expect(log == [reply])
        }
      }
    }
  }
}

extension TestEngine {
  /// The reasons of a delivery's attempts.
  func reasons(_ id: Delivery.ID) async throws -> [String?] {
    try #require(try await delivery(id).list("attempts")).map { $0.text("reason") }
  }

  /// The second delivery that there is.
  fileprivate func second() async throws -> Delivery.ID { try await #require(deliveries().reversed().dropFirst().first).id() }
}
