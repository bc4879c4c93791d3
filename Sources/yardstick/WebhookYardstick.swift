import AsyncHTTPClient
import Crypto
import Foundation
import NIOCore
import NIOHTTP1

/// A bare loop over AsyncHTTPClient that sends signed webhooks: what the client, the hash and the signature alone cost.
struct WebhookYardstick {
  private let url: String
  private let body: [UInt8]
  private let count: Int
  private let lanes: Int
  private let key: SymmetricKey

  init(_ options: Options) throws {
    url = try options.text("url")
    body = Array(try Data(contentsOf: URL(filePath: try options.text("body"))))
    count = try options.number("count")
    lanes = try options.number("in-flight", default: 10)
    guard lanes > 0 else { throw YardstickError("--in-flight 0: at least one") }
    // As long as an auth token; which one it is costs nothing.
    key = SymmetricKey(data: Array("0123456789abcdef0123456789abcdef".utf8))
  }

  /// Sends all and prints how long it took as JSON.
  func run() async throws {
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5)))
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = lanes
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    let clock = ContinuousClock(), began = clock.now
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for lane in 0..<lanes {
          let share = count / lanes + (lane < count % lanes ? 1 : 0)
          group.addTask { for _ in 0..<share { try await send(by: client) } }
        }
        try await group.waitForAll()
      }
    } catch {
      try await client.shutdown()
      throw error
    }
    let seconds = (clock.now - began) / .seconds(1)
    try await client.shutdown()
    report(#"{"deliveries": \#(count), "seconds": \#(seconds)}"#)
  }

  private func send(by client: HTTPClient) async throws {
    let target = "\(url)?bodySHA256=\(Self.hex(SHA256.hash(data: body)))"
    let code = HMAC<Insecure.SHA1>.authenticationCode(for: Array(target.utf8), using: key)
    var request = HTTPClientRequest(url: target)
    request.method = .POST
    request.headers = [
      "Content-Type": "application/json; charset=utf-8", "Accept": "*/*", "User-Agent": "TwilioProxy/1.1",
      "X-Twilio-Signature": Data(code).base64EncodedString(), "I-Twilio-Idempotency-Token": Self.token,
      "Twilio-Request-Id": "RQ0123456789abcdef0123456789abcdef",
    ]
    request.body = .bytes(ByteBuffer(bytes: body))
    let response = try await client.execute(request, timeout: .seconds(15))
    _ = try await response.body.collect(upTo: 64 * 1024)
    guard response.status == .ok else { throw YardstickError("the receiver answered \(response.status)") }
  }

  /// A new one each time, in the form of a UUID.
  private static var token: String {
    let digits = hex((0..<16).map { _ in UInt8.random(in: 0...255) })
    var token = ""
    for (index, digit) in digits.enumerated() {
      if [8, 12, 16, 20].contains(index) { token.append("-") }
      token.append(digit)
    }
    return token
  }

  private static func hex(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
