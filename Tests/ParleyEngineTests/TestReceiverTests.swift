import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ParleyTesting
import Testing

/// The tests' own receiver does what tests take for granted.
@Suite("The tests' receiver", .timeLimit(.minutes(10))) struct TestReceiverTests {
  private let post = WireRequest(
    "POST", "/hook?b=1&a=%7E", #"{"data":{"id":"c1"}}"#, headers: [("Host", "here"), ("X-A", "1"), ("x-a", "2")])

  @Test("A request is kept as it came, and answered as the test wants")
  func request() async throws {
    let behaviour: TestReceiver.Behaviour = { _, number in
      .status(number == 1 ? 503 : 200, headers: [("Retry-After", "7")], body: "no")
    }
    try await TestReceiver.with(behaviour) { receiver in
      #expect(receiver.url == "http://127.0.0.1:\(receiver.port)/hook")
      let answers = try await Wire.with(port: receiver.port) { wire in
        try await wire.send(post.bytes)
        let first = try await wire.receive()
        try await wire.send(post.bytes)
        return [first, try await wire.receive()]
      }
      #expect(answers.map(\.status) == [503, 200])
      #expect(answers[0]["Retry-After"] == "7" && answers[0].text == "no")
      _ = try await Wire.with(port: receiver.port) { wire in
        try await wire.send(WireRequest("GET", "/hook?data=%7B%22conversationId%22%3A%22c%C3%A4%22%7D").bytes)
        return try await wire.receive()
      }
      let requests = try await receiver.requests(count: 3)
      #expect(requests.map(\.method) == ["POST", "POST", "GET"])
      #expect(requests.map(\.connection) == [1, 1, 2] && receiver.connections == 2)
      #expect(requests.map(\.number) == [1, 2, 3])
      #expect(requests.map(\.conversation) == ["c1", "c1", "cä"])
      #expect(requests[0].target == "/hook?b=1&a=%7E")
      let headers = requests[0].headers.map { "\($0.name): \($0.value)" }
      #expect(headers == ["Content-Type: application/json", "Host: here", "X-A: 1", "x-a: 2", "Content-Length: 20"])
      #expect(requests[0].text == #"{"data":{"id":"c1"}}"# && requests[2].body.isEmpty)
    }
  }

  @Test("An answer without a body, and one that ends the connection")
  func ends() async throws {
    try await TestReceiver.with(always: .status(204, headers: [("Connection", "close")])) { receiver in
      let answer = try await Wire.with(port: receiver.port) { wire in
        try await wire.send(post.bytes)
        return String(decoding: try await wire.rest(), as: UTF8.self)
      }
      #expect(answer == "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
      try await receiver.connectionsClosed(count: 1)
    }
  }

  @Test("A hanging receiver takes the request and says nothing until it ends")
  func hang() async throws {
    let gate = TestReceiver.Gate()
    // The test's end of the connection outlives the receiver's.
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    async let rest = {
      guard let port = await ports.first(where: { _ in true }) else { return [UInt8]() }
      return try await Wire.with(port: port) { wire in
        try await wire.send(WireRequest("POST", "/hook", "{}").bytes)
        return try await wire.rest()
      }
    }()
    try await TestReceiver.with(always: .held(gate, then: .hang)) { receiver in
      port.yield(receiver.port)
      try await receiver.requests(count: 1)
      gate.open()
    }
    let said = try await rest
    #expect(said.isEmpty)
  }

  @Test("A connection can end without an answer")
  func close() async throws {
    try await TestReceiver.with(always: .closeAtOnce) { receiver in
      try await Wire.with(port: receiver.port) { wire in
        try await wire.send(post.bytes)
        #expect(try await wire.rest().isEmpty)
      }
    }
  }

  @Test("A reset comes after half of the body, plain and with TLS", arguments: [false, true])
  func reset(isEncrypted: Bool) async throws {
    try await TestReceiver.with(always: .resetInMiddle, tls: isEncrypted ? .good() : nil) { receiver in
      try await Self.client { client in
        let response = try await client.execute(HTTPClientRequest(url: receiver.url), timeout: .seconds(60))
        #expect(response.status == .ok && response.headers.first(name: "Content-Length") == "1024")
        await #expect { _ = try await response.body.collect(upTo: 4096) } throws: { error in
          (error as? IOError)?.errnoCode == ECONNRESET
        }
      }
      try await receiver.connectionsClosed(count: 1)
    }
  }

  @Test("A big reply comes whole to a client that reads it")
  func bigReply() async throws {
    try await TestReceiver.with(always: .bigReply(bytes: 3_000_000)) { receiver in
      try await Self.client { client in
        let response = try await client.execute(HTTPClientRequest(url: receiver.url), timeout: .seconds(60))
        #expect(try await response.body.collect(upTo: 4_000_000).readableBytes == 3_000_000)
      }
      try await receiver.bytesWritten(count: 3_000_000)
      #expect(receiver.bytesWritten == 3_000_000)
    }
  }

  @Test("A big reply stops when the client reads no more")
  func unreadReply() async throws {
    try await TestReceiver.with(always: .bigReply(bytes: 100_000_000)) { receiver in
      try await Self.client { client in
        let response = try await client.execute(HTTPClientRequest(url: receiver.url), timeout: .seconds(60))
        #expect(response.status == .ok)
        try await receiver.bytesWritten(count: 16_384)
      }
      try await receiver.connectionsClosed(count: 1)
      #expect(receiver.bytesWritten < 20_000_000)
    }
  }

  @Test("A drip goes on until the client goes")
  func drip() async throws {
    try await TestReceiver.with(always: .drip(everyMilliseconds: 1)) { receiver in
      try await Wire.with(port: receiver.port) { wire in
        try await wire.send(post.bytes)
        try await receiver.bytesWritten(count: 20)
        #expect(receiver.mostAtOnce == 1)
      }
      try await receiver.connectionsClosed(count: 1)
    }
  }

  @Test("Answers are held until the gate lets them go, and what is in flight is counted by key")
  func held() async throws {
    let gate = TestReceiver.Gate()
    try await TestReceiver.with({ _, number in .held(gate, then: .status(200, body: "\(number)")) }, key: \.target) { receiver in
      let port = receiver.port
      @Sendable func ask(_ target: String) async throws -> String {
        try await Wire.with(port: port) { wire in
          try await wire.send(WireRequest("POST", target, "{}").bytes)
          return try await wire.receive().text
        }
      }
      async let first = ask("/a")
      try await receiver.requests(count: 1)
      async let second = ask("/b")
      try await receiver.requests { $0.contains { $0.target == "/b" } }
      gate.pass()
      let passedFirst = try await first
      #expect(passedFirst == "1")
      async let third = ask("/a")
      try await receiver.requests(count: 3)
      #expect(receiver.mostAtOnce == 2 && receiver.mostAtOncePerKey == ["/a": 1, "/b": 1])
      async let fourth = ask("/a")
      try await receiver.requests(count: 4)
      #expect(receiver.mostAtOnce == 3 && receiver.mostAtOncePerKey == ["/a": 2, "/b": 1])
      gate.open()
      let others = try await [second, third, fourth]
      #expect(others == ["2", "3", "4"])
      gate.shut()
      gate.pass(2)
      let passed = [try await ask("/c"), try await ask("/c")]
      #expect(passed == ["5", "6"])
      #expect(receiver.mostAtOncePerKey["/c"] == 1)
      receiver.become { _, _ in .status(200, body: "free") }
      #expect(try await ask("/c") == "free")
    }
  }

  @Test("A client that trusts the authority finds the right name on the certificate, and asks for it")
  func encryption() async throws {
    try await TestReceiver.with(tls: .good()) { receiver in
      for url in [receiver.url, receiver.url(host: "hooks.test")] {
        try await Self.client { client in
          let response = try await client.execute(HTTPClientRequest(url: url), timeout: .seconds(60))
          #expect(response.status == .ok)
        }
      }
      #expect(receiver.serverNames == [nil, "hooks.test"])
    }
  }

  @Test("Certificates of another name and of another authority are seen through")
  func wrongCertificates() async throws {
    for certificate in [try TestCertificate.ofAnotherName(), try TestCertificate.ofAnotherAuthority()] {
      try await TestReceiver.with(tls: certificate) { receiver in
        let url = receiver.url(host: "hooks.test")
        try await Self.client { client in
          await #expect(throws: (any Error).self) { try await client.execute(HTTPClientRequest(url: url), timeout: .seconds(60)) }
        }
        #expect(receiver.received.isEmpty && receiver.connections > 0)
      }
    }
  }

  @Test("A receiver can listen on IPv6")
  func places() async throws {
    try await TestReceiver.with(host: "::1") { receiver in
      #expect(receiver.url == "http://[::1]:\(receiver.port)/hook")
      try await Self.client { client in
        let response = try await client.execute(HTTPClientRequest(url: receiver.url), timeout: .seconds(60))
        #expect(response.status == .ok)
      }
    }
  }

  @Test("A closed port refuses, and a dead host never answers")
  func deafPorts() async throws {
    let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    try await ClosedPort.with { port in
      await #expect { _ = try await bootstrap.connect(host: "127.0.0.1", port: port).get() } throws: { error in
        ((error as? NIOConnectionError)?.connectionErrors.first?.error as? IOError)?.errnoCode == ECONNREFUSED
      }
    }
    let impatient = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(.milliseconds(200))
    try await DeadHost.with { port in
      for _ in 1...3 {
        await #expect { _ = try await impatient.connect(host: "127.0.0.1", port: port).get() } throws: { error in
          if case .connectTimeout? = error as? ChannelError { true } else { "\(error)".contains("connectTimeout") }
        }
      }
    }
  }

  /// Runs a test with a client that trusts the tests' authority and finds `hooks.test` on this machine.
  private static func client(_ test: (HTTPClient) async throws -> Void) async throws {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.trustRoots = .certificates([try TestCertificate.authority()])
    var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
    configuration.dnsOverride = ["hooks.test": "127.0.0.1"]
    configuration.httpVersion = .http1Only
    configuration.connectionPool.retryConnectionEstablishment = false
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    do {
      try await test(client)
      try await client.shutdown()
    } catch {
      try await client.shutdown()
      throw error
    }
  }
}
