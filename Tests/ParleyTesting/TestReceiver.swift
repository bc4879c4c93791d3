import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ParleyDomain
import Synchronization

/// A receiver of webhooks on a free port of this machine, plain or with TLS: it keeps what it gets and answers as well or as badly as
/// the test wants. It speaks HTTP/1.1 and takes one request at a time on a connection.
package final class TestReceiver: Sendable {
  /// What a receiver does with a request. The number is the request's place in the order of arrival, from 1.
  package typealias Behaviour = @Sendable (Request, _ number: Int) -> Answer
  /// What tells requests apart that must not be in flight together.
  package typealias Key = @Sendable (Request) -> String?

  package indirect enum Answer: Sendable {
    case status(Int, headers: [(String, String)] = [], body: String = "")
    /// Never answers.
    case hang
    /// Sends an answer's head and half of its body, then resets the connection.
    case resetInMiddle
    /// Closes the connection without an answer.
    case closeAtOnce
    /// 200 with a body of so many bytes, in chunks, as fast as the client reads.
    case bigReply(bytes: Int)
    /// 200 and then a byte of the body at a time, for ever.
    case drip(everyMilliseconds: Int)
    /// Does `then` once the gate lets it.
    case held(Gate, then: Answer = .status(200))
  }

  /// A request as it came.
  package struct Request: Sendable {
    package let method: String
    /// As the request line has it.
    package let target: String
    /// All of them, in their order.
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]
    /// The connection it came by; they are counted from 1.
    package let connection: Int
    /// Its place in the order of arrival, from 1.
    package let number: Int
    /// When its last byte had come.
    package let at: ContinuousClock.Instant

    /// The first header of that name, in any case.
    package subscript(name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }

    package var text: String { String(decoding: body, as: UTF8.self) }

    /// The member of that name in the event's `data`, whether the event is the body of a POST or stands in the query of a GET.
    package func data(_ name: String) -> String? {
      let data =
        if body.isEmpty {
          URLComponents(string: target)?.queryItems?.first { $0.name == "data" }?.value.flatMap { try? JSON.parse(Array($0.utf8)) }
        } else {
          (try? JSON.parse(body))?.object?["data"]
        }
      return data?.object?[name]?.string
    }

    /// The conversation that the event is of.
    package var conversation: String? { data("conversationId") ?? data("id") }
  }

  /// What lets held answers go, in the order of their requests.
  package final class Gate: Sendable {
    private struct State {
      var isOpen = false
      var passes = 0
      var waiting: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Lets all go that wait, and all that come.
    package func open() {
      let waiting = state.withLock { state in
        state.isOpen = true
        defer { state.waiting = [] }
        return state.waiting
      }
      for pass in waiting { pass() }
    }

    /// Holds what comes from now on.
    package func shut() { state.withLock { ($0.isOpen, $0.passes) = (false, 0) } }

    /// Lets so many go: those that wait, then those that come.
    package func pass(_ count: Int = 1) {
      let waiting = state.withLock { state in
        let waiting = Array(state.waiting.prefix(count))
        state.waiting.removeFirst(waiting.count)
        state.passes += count - waiting.count
        return waiting
      }
      for pass in waiting { pass() }
    }

    fileprivate func wait(_ then: @escaping @Sendable () -> Void) {
      let passes = state.withLock { state in
        if state.isOpen { return true }
        if state.passes > 0 {
          state.passes -= 1
          return true
        }
        state.waiting.append(then)
        return false
      }
      if passes { then() }
    }
  }

  fileprivate struct State {
    var behaviour: Behaviour
    var requests: [Request] = []
    var serverNames: [String?] = []
    var channels: [Int: any NIOCore.Channel] = [:]
    var connections = 0
    var connectionsClosed = 0
    var bytesWritten = 0
    var inFlight = 0
    var mostAtOnce = 0
    var inFlightPerKey: [String: Int] = [:]
    var mostAtOncePerKey: [String: Int] = [:]
    var isEnded = false
    var waiters: [Int: Waiter] = [:]
    var waiterCount = 0
  }

  fileprivate struct Waiter {
    let condition: @Sendable (State) -> Bool
    /// Told whether the condition came true.
    let continuation: CheckedContinuation<Bool, Never>
  }

  /// What does not come in this time never comes; no test waits as long unless it fails.
  private static let patience = TimeAmount.seconds(300)
  /// Small, so that a client that stops reading is noticed after little.
  private static let sendBufferBytes = 64 * 1024

  private let state: Mutex<State>
  private let key: Key?
  private let host: String
  private let isEncrypted: Bool
  private let listener = Mutex<(any NIOCore.Channel)?>(nil)

  /// Runs a test with a receiver, which ends with it. `host` is `127.0.0.1` or `::1`, `port` one that an earlier receiver had, or any that
  /// is free; `key` is for `mostAtOncePerKey`.
  @discardableResult
  package static func with<Value>(
    _ behaviour: @escaping Behaviour, tls: TestCertificate? = nil, host: String = "127.0.0.1", port: Int = 0, key: Key? = nil,
    _ test: (TestReceiver) async throws -> Value
  ) async throws -> Value {
    let receiver = TestReceiver(behaviour, isEncrypted: tls != nil, host: host, key: key)
    try await receiver.listen(on: port, tls: tls)
    do {
      let value = try await test(receiver)
      await receiver.end()
      return value
    } catch {
      await receiver.end()
      throw error
    }
  }

  /// The same with a receiver that does the same each time.
  @discardableResult
  package static func with<Value>(
    always answer: Answer = .status(200), tls: TestCertificate? = nil, host: String = "127.0.0.1", port: Int = 0, key: Key? = nil,
    _ test: (TestReceiver) async throws -> Value
  ) async throws -> Value {
    try await with({ _, _ in answer }, tls: tls, host: host, port: port, key: key, test)
  }

  private init(_ behaviour: @escaping Behaviour, isEncrypted: Bool, host: String, key: Key?) {
    state = Mutex(State(behaviour: behaviour))
    (self.isEncrypted, self.host, self.key) = (isEncrypted, host, key)
  }

  package var port: Int { listener.withLock { $0?.localAddress?.port } ?? 0 }
  package var url: String { url(host: host.contains(":") ? "[\(host)]" : host) }
  /// Its URL under another name of this machine, or with another path.
  package func url(host: String, path: String = "/hook") -> String { "\(isEncrypted ? "https" : "http")://\(host):\(port)\(path)" }

  /// Does otherwise from the next request on.
  package func become(_ behaviour: @escaping Behaviour) { state.withLock { $0.behaviour = behaviour } }

  /// What came so far, in the order of arrival.
  package var received: [Request] { state.withLock(\.requests) }
  /// The names that clients asked for in their TLS handshakes, in that order; nil if one asked for none.
  package var serverNames: [String?] { state.withLock(\.serverNames) }
  /// Connections that came so far, with those on which nothing was asked.
  package var connections: Int { state.withLock(\.connections) }
  /// Bytes of `bigReply` and `drip` that the system has taken. It holds some hundred kilobytes that the client has not read.
  package var bytesWritten: Int { state.withLock(\.bytesWritten) }
  /// The largest number of requests that were in flight at one time: from a request's last byte until its answer's last is about to be
  /// written, or the end of its connection is seen. So a client that sends the next when it has the answer is never counted as two.
  package var mostAtOnce: Int { state.withLock(\.mostAtOnce) }
  /// The same among the requests of each key.
  package var mostAtOncePerKey: [String: Int] { state.withLock(\.mostAtOncePerKey) }

  /// Waits until so many have come, and answers all that have. Throws if they do not come.
  @discardableResult
  package func requests(count: Int) async throws -> [Request] {
    try await wait(for: "\(count) requests") { $0.requests.count >= count }
    return received
  }

  /// Waits until what has come is as the test wants it, and answers all of that. Throws if it does not come to it. `condition` is asked
  /// at each arrival.
  @discardableResult
  package func requests(until condition: @escaping @Sendable ([Request]) -> Bool) async throws -> [Request] {
    try await wait(for: "the requests that were to come") { condition($0.requests) }
    return received
  }

  /// Waits until so many connections have ended.
  package func connectionsClosed(count: Int) async throws {
    try await wait(for: "\(count) ends of connections") { $0.connectionsClosed >= count }
  }

  /// Waits until the system has taken so many bytes of `bigReply` and `drip`.
  package func bytesWritten(count: Int) async throws {
    try await wait(for: "\(count) bytes to be written") { $0.bytesWritten >= count }
  }

  private func wait(for what: String, until condition: @escaping @Sendable (State) -> Bool) async throws {
    let number = state.withLock { state in
      state.waiterCount += 1
      return state.waiterCount
    }
    let timeout = MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: Self.patience) { self.giveUp(number) }
    defer { timeout.cancel() }
    let isThere = await withCheckedContinuation { continuation in
      change { $0.waiters[number] = Waiter(condition: condition, continuation: continuation) }
    }
    if !isThere { throw WireFailure("waited in vain for \(what); there were \(received.count) requests") }
  }

  private func giveUp(_ number: Int) {
    let waiter = state.withLock { state in state.waiters.removeValue(forKey: number) }
    waiter?.continuation.resume(returning: false)
  }

  private func change<Value>(_ body: (inout sending State) -> sending Value) -> sending Value {
    let (value, ready) = state.withLock { state -> (Value, [Waiter]) in
      let value = body(&state)
      guard !state.waiters.isEmpty else { return (value, []) }
      let ready = state.waiters.filter { $0.value.condition(state) }
      for number in ready.keys { state.waiters[number] = nil }
      return (value, Array(ready.values))
    }
    for waiter in ready { waiter.continuation.resume(returning: true) }
    return value
  }

  private func listen(on port: Int, tls: TestCertificate?) async throws {
    let context = try tls.map { certificate in
      var configuration = try certificate.serverConfiguration()
      configuration.sslContextCallback = { values, promise in
        self.state.withLock { $0.serverNames.append(values.serverHostname) }
        promise.succeed(.noChanges)
      }
      return try NIOSSLContext(configuration: configuration)
    }
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
      .childChannelOption(.socketOption(.so_sndbuf), value: Self.sendBufferBytes)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
          try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false)
          try pipeline.addHandler(Connection(self, number: self.opened(channel)))
        }
      }
      .bind(host: host, port: port).get()
    listener.withLock { $0 = channel }
  }

  private func end() async {
    let channels = state.withLock { state in
      state.isEnded = true
      return Array(state.channels.values)
    }
    for channel in channels { channel.eventLoop.execute { cut(channel) } }
    try? await listener.withLock { $0 }?.close()
  }

  /// Counts a connection. One that comes when the test is over is closed.
  private func opened(_ channel: any NIOCore.Channel) -> Int {
    let (number, isLate) = state.withLock { state in
      state.connections += 1
      state.channels[state.connections] = channel
      return (state.connections, state.isEnded)
    }
    if isLate { channel.close(promise: nil) }
    return number
  }

  fileprivate func closed(_ connection: Int) {
    change { state in
      state.channels[connection] = nil
      state.connectionsClosed += 1
    }
  }

  /// Keeps a request and answers what is to be done with it.
  fileprivate func take(_ head: HTTPRequestHead, _ body: [UInt8], connection: Int) -> (request: Request, key: String?, answer: Answer) {
    let headers = head.headers.map { (name: $0.name, value: $0.value) }
    // The number is known once the request has its place, and the key must not be read while others wait.
    let draft = Request(
      method: head.method.rawValue, target: head.uri, headers: headers, body: body, connection: connection, number: 0, at: .now)
    let key = self.key?(draft)
    let (request, behaviour) = change { state in
      let request = Request(
        method: draft.method, target: draft.target, headers: headers, body: body, connection: connection,
        number: state.requests.count + 1, at: draft.at)
      state.requests.append(request)
      state.inFlight += 1
      state.mostAtOnce = max(state.mostAtOnce, state.inFlight)
      if let key {
        state.inFlightPerKey[key, default: 0] += 1
        state.mostAtOncePerKey[key] = max(state.mostAtOncePerKey[key] ?? 0, state.inFlightPerKey[key] ?? 0)
      }
      return (request, state.behaviour)
    }
    return (request, key, behaviour(request, request.number))
  }

  /// The request is no more in flight.
  fileprivate func finish(key: String?) {
    state.withLock { state in
      state.inFlight -= 1
      if let key { state.inFlightPerKey[key, default: 0] -= 1 }
    }
  }

  fileprivate func wrote(_ bytes: Int) { change { $0.bytesWritten += bytes } }
}

/// Ends a connection at once: TLS would say goodbye first, and wait for the client's.
private func cut(_ channel: any NIOCore.Channel) {
  if let encryption = try? channel.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self) {
    encryption.close(mode: .all, promise: nil)
  } else {
    channel.close(promise: nil)
  }
}

/// One connection to a receiver. Its own event loop alone touches it.
private final class Connection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private static let partBytes = 16 * 1024

  private let receiver: TestReceiver
  private let number: Int
  private var context: ChannelHandlerContext?
  private var head: HTTPRequestHead?
  private var body: [UInt8] = []
  /// Of the request that has no answer yet.
  private var inFlight: (key: String?, isKeptAlive: Bool)?
  /// Bytes of a `bigReply` that are to come.
  private var bytesLeft: Int?
  private var isWriting = false

  init(_ receiver: TestReceiver, number: Int) { (self.receiver, self.number) = (receiver, number) }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): (self.head, body) = (head, [])
    case .body(let part): body.append(contentsOf: part.readableBytesView)
    case .end:
      guard let head else { return }
      let (_, key, answer) = receiver.take(head, body, connection: number)
      inFlight = (key, head.isKeepAlive)
      (self.head, body) = (nil, [])
      perform(answer)
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) { writeParts() }

  func channelInactive(context: ChannelHandlerContext) {
    self.context = nil
    finish()
    receiver.closed(number)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func perform(_ answer: TestReceiver.Answer) {
    guard let context else { return }
    switch answer {
    case .status(let status, let headers, let body): reply(status, HTTPHeaders(headers), body)
    case .hang: break
    case .resetInMiddle:
      let half = ByteBuffer(repeating: UInt8(ascii: "r"), count: 512)
      writeHead(HTTPHeaders([("Content-Length", String(2 * half.readableBytes))]))
      context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(half))), promise: nil)
      finish()
      // With this the end is a reset.
      _ = (context.channel as? any SocketOptionProvider)?.unsafeSetSocketOption(level: .socket, name: .so_linger, value: NoLinger())
      cut(context.channel)
    case .closeAtOnce:
      finish()
      context.close(promise: nil)
    case .bigReply(let bytes):
      writeHead(HTTPHeaders([("Transfer-Encoding", "chunked")]))
      bytesLeft = bytes
      writeParts()
    case .drip(let milliseconds):
      writeHead(HTTPHeaders([("Transfer-Encoding", "chunked")]))
      context.flush()
      drip(.milliseconds(Int64(milliseconds)))
    case .held(let gate, let then):
      let (loop, this) = (context.eventLoop, NIOLoopBound(self, eventLoop: context.eventLoop))
      gate.wait { loop.execute { this.value.perform(then) } }
    }
  }

  private func reply(_ status: Int, _ headers: HTTPHeaders, _ body: String) {
    guard let context, let isKeptAlive = inFlight?.isKeptAlive else { return }
    let status = HTTPResponseStatus(statusCode: status)
    var headers = headers
    if status.mayHaveResponseBody, !headers.contains(name: "Content-Length"), !headers.contains(name: "Transfer-Encoding") {
      headers.add(name: "Content-Length", value: String(body.utf8.count))
    }
    let closes = !isKeptAlive || headers["Connection"].contains { $0.lowercased() == "close" }
    finish()
    writeHead(headers, status)
    if status.mayHaveResponseBody, !body.isEmpty {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
    }
    end(closes: closes)
  }

  private func writeHead(_ headers: HTTPHeaders, _ status: HTTPResponseStatus = .ok) {
    context?.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
  }

  private func end(closes: Bool) {
    context?.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    if closes { context?.close(promise: nil) }
  }

  /// Writes what the client has room for. Each write may call this again before it ends, which then does nothing.
  private func writeParts() {
    guard !isWriting, bytesLeft != nil else { return }
    isWriting = true
    defer { isWriting = false }
    while let context, let left = bytesLeft, left > 0, context.channel.isWritable { writePart(min(left, Self.partBytes), context) }
    guard bytesLeft == 0 else { return }
    bytesLeft = nil
    let closes = inFlight?.isKeptAlive != true
    finish()
    end(closes: closes)
  }

  private func writePart(_ bytes: Int, _ context: ChannelHandlerContext) {
    bytesLeft = bytesLeft.map { $0 - bytes }
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.whenSuccess { [receiver] in receiver.wrote(bytes) }
    let part = ByteBuffer(repeating: UInt8(ascii: "b"), count: bytes)
    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(part))), promise: written)
  }

  private func drip(_ interval: TimeAmount) {
    guard let context else { return }
    let (loop, this) = (context.eventLoop, NIOLoopBound(self, eventLoop: context.eventLoop))
    let written = loop.makePromise(of: Void.self)
    written.futureResult.whenSuccess { [receiver] in receiver.wrote(1) }
    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "d")))), promise: written)
    loop.scheduleTask(in: interval) { this.value.drip(interval) }
  }

  private func finish() {
    guard let inFlight else { return }
    receiver.finish(key: inFlight.key)
    self.inFlight = nil
  }
}

/// The system's `struct linger`, which Swift knows by several modules: what is not sent yet is thrown away.
struct NoLinger {
  let isOn: CInt = 1
  let seconds: CInt = 0
}

extension HTTPResponseStatus {
  fileprivate var mayHaveResponseBody: Bool { code >= 200 && code != 204 && code != 304 }
}
