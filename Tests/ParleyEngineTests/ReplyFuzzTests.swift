import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyEngine
@testable import ParleyStorage

/// Thousands of replies that nobody would send, and a good one at the end. The same ones in each run.
@Suite struct ReplyFuzzTests {
  private static let senders = 4

  @Test("B-HOOK-44: no reply over HTTP/1.1 ends more than its connection")
  func http1() async throws {
    try await fuzz(replies: 3000, seed: 1, tls: nil, protocols: [], mutate: { $0.http1() })
  }

  @Test("B-HOOK-44: no reply in frames of HTTP/2 ends more than its connection")
  func http2() async throws {
    try await fuzz(replies: 1000, seed: 2, tls: .good(), protocols: ["h2"], mutate: { $0.http2() })
  }

  private func fuzz(
    replies: Int, seed: UInt64, tls: TestCertificate?, protocols: [String], mutate: @escaping @Sendable (inout ReplyMaker) -> [UInt8]
  ) async throws {
    let behaviour: RawPeer.Behaviour = { number, _ in
      guard number <= replies else { return ReplyTests.good }
      var maker = ReplyMaker(state: seed << 32 | UInt64(number))
      let end: RawPeer.Answer.End = maker.oneIn(10) ? .reset : .close
      return RawPeer.Answer(mutate(&maker), end, isEarly: maker.oneIn(4))
    }
    try await RawPeer.with(tls: tls, protocols: protocols, behaviour) { peer in
      var settings = try WebhookSettings.trusting()
      settings.totalTime = .seconds(300)
      let addresses = AddressGuard(policy: CallbackPolicy(allowPrivate: true), resolver: TestNames(), lifetime: .zero)
      let sender = WebhookSender(addresses: addresses, settings: settings)
      let target = try #require(CallbackTarget("\(tls == nil ? "http" : "https")://127.0.0.1:\(peer.port)/"))
      await withTaskGroup(of: Void.self) { group in
        for lane in 0..<Self.senders {
          group.addTask {
            // A large body is still on its way when an early reply comes.
            let request = Self.request(target, bytes: lane == 0 ? 512 << 10 : 100)
            while peer.requests < replies {
              let reply = await sender.send(request, to: target)
              #expect(reply.status.map { (100...999).contains($0) } ?? (reply.failure != nil))
            }
          }
        }
      }
      // Those that were begun last may have met a bad one.
      let last = await sender.send(Self.request(target, bytes: 100), to: target)
      #expect(last.status == 200 && peer.requests > replies)
      await sender.shutDown()
    }
  }

  /// A request with an event of that many bytes and a few more.
  static func request(_ target: CallbackTarget, _ method: StatusCallback.Method = .post, bytes: Int) -> WebhookRequest {
    let body = Array(#"{"eventType":"CONVERSATION_CREATED","data":""#.utf8) + Array(repeating: UInt8(ascii: "a"), count: bytes)
    let due = DueDelivery(
      id: Delivery.ID(firstAt: TestClock.start), url: target.url, method: method, eventKind: .conversationCreated,
      createdAt: TestClock.start, token: Delivery.newToken(), requestId: "RQ", attemptCount: 0, body: body + Array(#""}"#.utf8),
      isPaused: false, hasEnded: false, sealedToken: "")
    return WebhookRequest(due, to: target, token: "token")
  }
}

/// Makes replies by chance that is the same for the same state.
struct ReplyMaker: RandomNumberGenerator {
  var state: UInt64

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func oneIn(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }

  mutating func one<Value>(_ values: [Value]) -> Value { values[Int.random(in: 0..<values.count, using: &self)] }

  private static let statuses = [
    "200", "204", "304", "500", "503", "100", "103", "101", "199", "000", "099", "-1", "", "20", "2000", "2x0", "999", "1e2", "+200",
    " 200",
    "99999999999999999999", "\u{662}00", "200 200",
  ]
  private static let fields = [
    "Content-Length: 0", "Content-Length: 2", "Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999",
    "Content-Length: 1, 2", "Content-Length:", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: x",
    "Transfer-Encoding:", "Connection: close", "Connection: keep-alive", "Connection: upgrade", "Upgrade: h2c", "Retry-After: 99999999999",
    "Retry-After:", "X:", ": x", "X", " folded", "X: \u{0}", "X: caf\u{e9}", "Trailer: X", "Location: http://127.0.0.1/", "Set-Cookie: a=b",
    "Content-Encoding: gzip",
  ]
  /// A head that says when to come again, with numbers at the ends of what an integer holds in each place of a date.
  private mutating func retryAfter() -> String {
    let numbers = [
      "0", "06", "29", "31", "32", "99", "2026", "9999", "-1", "9223372036854775807", "9223372036854775808", "99999999999999999999",
    ]
    let clock = "\(one(numbers + ["08"])):\(one(numbers + ["49"])):\(one(numbers + ["37"]))"
    let date =
      switch Int.random(in: 0..<4, using: &self) {
      case 0: "Sun, \(one(numbers)) Nov \(one(numbers)) \(oneIn(2) ? clock : "08:49:37") GMT"
      case 1: "Sun Nov \(one(numbers)) \(oneIn(2) ? clock : "08:49:37") \(one(numbers))"
      case 2: "Sunday, \(one(numbers))-Nov-\(one(numbers)) \(oneIn(2) ? clock : "08:49:37") GMT"
      default: one(numbers)
      }
    return "Retry-After: \(date)"
  }
  private static let bodies = [
    "", "ok", "hello", "0\r\n\r\n", "2\r\nok\r\n0\r\n\r\n", "2\r\nok\r\n0\r\nX:\r\n: y\r\n\r\n", "2\r\nok\r\n0\r\nX: y\r\n\r\n",
    "ffffffffffffffffff\r\n", "-1\r\n", "2;a=b\r\nok\r\n0\r\n\r\n", "2\r\nokay\r\n", "zz\r\n", "\r\n\r\n",
  ]

  mutating func http1() -> [UInt8] {
    var text = ""
    for _ in 0..<(oneIn(4) ? Int.random(in: 2...4, using: &self) : 1) {
      text +=
        "\(one(["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/9.9", "HTTP/", "ICY", "RTSP/1.0", ""])) \(one(Self.statuses)) X\(lineEnd())"
      for _ in 0..<Int.random(in: 0...4, using: &self) { text += "\(oneIn(4) ? retryAfter() : one(Self.fields))\(lineEnd())" }
      text += "\(lineEnd())\(one(Self.bodies))"
    }
    return spoiled(Array(text.utf8))
  }

  private mutating func lineEnd() -> String { oneIn(20) ? one(["\n", "\r", ""]) : "\r\n" }

  mutating func http2() -> [UInt8] {
    var frames = HTTP2Bytes.frame(4, 0, 0, [])
    for _ in 0..<Int.random(in: 1...8, using: &self) { frames += frame() }
    return spoiled(frames)
  }

  private mutating func frame() -> [UInt8] {
    let stream: UInt32 = one([0, 1, 1, 1, 2, 3])
    switch Int.random(in: 0..<9, using: &self) {
    case 0, 1, 2:
      let fields = (0..<Int.random(in: 0...3, using: &self)).map { _ in one([(":status", one(Self.statuses)), ("x", "y"), (":path", "/")]) }
      return HTTP2Bytes.head(stream, fields, ends: oneIn(2))
    case 3: return HTTP2Bytes.frame(0, one([0, 1, 8, 9]), stream, Array("ok".utf8))
    case 4: return HTTP2Bytes.push(stream, promising: one([0, 2, 4, 1]))
    case 5: return HTTP2Bytes.frame(3, 0, stream, [0, 0, 0, one([0, 7, 8])])
    case 6: return HTTP2Bytes.frame(4, one([0, 1]), 0, [0, one([1, 2, 3, 4, 5]), 0, 0, 0, one([0, 1, 255])])
    case 7: return HTTP2Bytes.frame(7, 0, 0, [0, 0, 0, one([0, 1]), 0, 0, 0, 0])
    default: return HTTP2Bytes.frame(one([2, 6, 8, 9, 10, 99]), one([0, 1, 4]), stream, Array(repeating: 0, count: one([0, 4, 5, 8])))
    }
  }

  /// Leaves it as it is, cuts it, or changes some of its bytes.
  private mutating func spoiled(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    switch Int.random(in: 0..<4, using: &self) {
    case 0: return Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &self)))
    case 1:
      for _ in 0..<Int.random(in: 1...6, using: &self) where !bytes.isEmpty {
        bytes[Int.random(in: 0..<bytes.count, using: &self)] = UInt8.random(in: 0...255, using: &self)
      }
      return bytes
    default: return bytes
    }
  }
}

/// Frames of HTTP/2 as bytes, right or wrong.
enum HTTP2Bytes {
  static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
    Array(bytes(UInt32(payload.count)).dropFirst()) + [type, flags] + bytes(stream) + payload
  }

  /// A HEADERS frame with its fields written out.
  static func head(_ stream: UInt32, _ fields: [(String, String)], ends: Bool) -> [UInt8] {
    frame(1, ends ? 5 : 4, stream, block(fields))
  }

  static func push(_ stream: UInt32, promising promised: UInt32) -> [UInt8] {
    let request = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
    return frame(5, 4, stream, bytes(promised) + block(request))
  }

  private static func block(_ fields: [(String, String)]) -> [UInt8] {
    var block: [UInt8] = []
    for (name, value) in fields {
      block += [0, UInt8(name.utf8.count)]
      block += name.utf8
      block.append(UInt8(value.utf8.count))
      block += value.utf8
    }
    return block
  }

  private static func bytes(_ number: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }
}
