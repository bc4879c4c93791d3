import NIOCore
import NIOPosix
import Synchronization

/// One connection to a server on this machine, by bytes: a request can be sent part by part, and as wrong as a test wants it.
package final class Wire: Sendable {
  /// What a server could not say in this time it never says; no test waits as long unless it fails.
  private static let patience = TimeAmount.seconds(300)

  private let channel: any NIOCore.Channel
  private let inbox: Inbox

  /// Runs a test on a fresh connection, which ends with it. One that does not read takes nothing until it is told to, and little then.
  package static func with<Answer>(
    host: String = "127.0.0.1", port: Int, reads: Bool = true, _ test: (Wire) async throws -> Answer
  ) async throws -> Answer {
    let wire = try await Wire(host: host, port: port, reads: reads)
    do {
      let answer = try await test(wire)
      await wire.close()
      return answer
    } catch {
      await wire.close()
      throw error
    }
  }

  private init(host: String, port: Int, reads: Bool) async throws {
    let inbox = Inbox()
    self.inbox = inbox
    var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    // Before it connects: what the system takes for a client that does not read is small then.
    if !reads {
      bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: 4096).channelOption(.autoRead, value: false)
        .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096)).channelOption(.maxMessagesPerRead, value: 1)
    }
    channel =
      try await bootstrap
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelInitializer { channel in channel.pipeline.addHandler(inbox) }
      .connect(host: host, port: port).get()
  }

  package func send(_ text: String) async throws { try await send(Array(text.utf8)) }

  /// Returns once the system has taken the bytes; throws if the connection is gone.
  package func send(_ bytes: [UInt8]) async throws {
    try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
  }

  /// Takes a few bytes of what has been sent, and answers how many there are by then; for a connection that does not read by itself.
  package func take() async throws -> Int {
    let before = inbox.state.withLock { $0.bytes.count }
    channel.read()
    try await wait { $0.bytes.count > before || $0.isEnded }
    return inbox.state.withLock { $0.bytes.count }
  }

  /// Whether the server has ended the connection, as far as is known.
  package var isGone: Bool { inbox.state.withLock { $0.isEnded } }

  /// From now on everything is read as it comes.
  package func readOn() async throws { try await channel.setOption(.autoRead, value: true).get() }

  /// Says that nothing more comes, and goes on listening.
  package func endSending() async throws { try await channel.close(mode: .output).get() }

  /// The next answer whole, an interim one (100) too. `toHead` is for the answer to a HEAD, which has no body whatever its length says.
  package func receive(toHead: Bool = false) async throws -> WireAnswer {
    let head = try await bytes(through: Array("\r\n\r\n".utf8))
    guard var answer = WireAnswer(head: head) else { throw WireFailure("no answer's head: \(String(decoding: head, as: UTF8.self))") }
    if toHead || answer.status < 200 || answer.status == 204 || answer.status == 304 { return answer }
    guard let length = answer["Content-Length"].flatMap({ Int($0) }) else { throw WireFailure("an answer without Content-Length") }
    answer.body = try await bytes(length)
    return answer
  }

  /// Waits until the server ends the connection; what it still said before that.
  package func rest() async throws -> [UInt8] {
    try await wait { $0.isEnded }
    return inbox.state.withLock { state in
      defer { state.bytes = [] }
      return state.bytes
    }
  }

  /// Waits until the server has ended the connection, whatever it still said; throws if it does not.
  package func gone() async throws { try await wait { $0.isEnded } }

  private func close() async { try? await channel.close() }

  private func bytes(_ count: Int) async throws -> [UInt8] {
    try await wait { $0.bytes.count >= count || $0.isEnded }
    return try inbox.state.withLock { state in
      guard state.bytes.count >= count else { throw WireFailure("the connection ended inside an answer") }
      defer { state.bytes.removeFirst(count) }
      return Array(state.bytes[..<count])
    }
  }

  private func bytes(through end: [UInt8]) async throws -> [UInt8] {
    try await wait { $0.isEnded || $0.bytes.firstRange(of: end) != nil }
    return try inbox.state.withLock { state in
      guard let range = state.bytes.firstRange(of: end) else { throw WireFailure("the connection ended before an answer") }
      defer { state.bytes.removeFirst(range.upperBound) }
      return Array(state.bytes[..<range.upperBound])
    }
  }

  private func wait(until condition: @escaping @Sendable (Inbox.State) -> Bool) async throws {
    let timeout = channel.eventLoop.scheduleTask(in: Self.patience) { self.inbox.timeOut() }
    defer { timeout.cancel() }
    await inbox.wait(until: condition)
    if inbox.state.withLock({ $0.isTimedOut }) { throw WireFailure("the server said nothing for too long") }
  }
}

/// Collects what the server sends, for the one who waits for it.
private final class Inbox: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer

  struct State {
    var bytes: [UInt8] = []
    var isEnded = false
    var isTimedOut = false
    var waiter: (condition: @Sendable (State) -> Bool, continuation: CheckedContinuation<Void, Never>)?
  }

  let state = Mutex(State())

  func wait(until condition: @escaping @Sendable (State) -> Bool) async {
    await withCheckedContinuation { continuation in change { $0.waiter = (condition, continuation) } }
  }

  func timeOut() { change { $0.isTimedOut = true } }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = unwrapInboundIn(data)
    change { $0.bytes.append(contentsOf: part.readableBytesView) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event as? ChannelEvent == .inputClosed { change { $0.isEnded = true } }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) { change { $0.isEnded = true } }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    change { $0.isEnded = true }
    context.close(promise: nil)
  }

  private func change(_ body: (inout State) -> Void) {
    let ready = state.withLock { state -> CheckedContinuation<Void, Never>? in
      body(&state)
      guard let waiter = state.waiter, state.isTimedOut || waiter.condition(state) else { return nil }
      state.waiter = nil
      return waiter.continuation
    }
    ready?.resume()
  }
}

/// Why a connection was of no use to a test.
package struct WireFailure: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// A request as a test writes it.
package struct WireRequest: Sendable {
  package var method: String
  package var target: String
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]?

  package init(_ method: String, _ target: String, headers: [(name: String, value: String)] = [], body: [UInt8]?) {
    (self.method, self.target, self.headers, self.body) = (method, target, headers, body)
  }

  /// A request with a JSON body, or without a body at all.
  package init(_ method: String, _ target: String, _ json: String? = nil, headers: [(name: String, value: String)] = []) {
    self.init(
      method, target, headers: (json == nil ? [] : [("Content-Type", "application/json")]) + headers, body: json.map { Array($0.utf8) })
  }

  /// The first header of that name, in any case.
  package subscript(name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }

  /// The request as it is sent. Its length is said unless a header says it, or that the body comes in chunks.
  package var bytes: [UInt8] {
    var head = "\(method) \(target) HTTP/1.1\r\n"
    for header in headers { head += "\(header.name): \(header.value)\r\n" }
    if let body, self["Content-Length"] == nil, self["Transfer-Encoding"] == nil { head += "Content-Length: \(body.count)\r\n" }
    return Array("\(head)\r\n".utf8) + (body ?? [])
  }
}

/// An answer as it came.
package struct WireAnswer: Sendable {
  package let status: Int
  package let reason: String
  package let headers: [(name: String, value: String)]
  package var body: [UInt8] = []

  /// Reads a status line and headers, up to the empty line; nil if they are none.
  fileprivate init?(head: [UInt8]) {
    let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
    let start = (lines.first ?? "").split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard start.count == 3, start[0].hasPrefix("HTTP/1."), let status = Int(start[1]) else { return nil }
    (self.status, reason) = (status, String(start[2]))
    headers = lines.dropFirst().map { line in
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      return (String(parts[0]), String((parts.last ?? "").drop { $0 == " " }))
    }
  }

  /// The first header of that name, in any case.
  package subscript(name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }

  package var text: String { String(decoding: body, as: UTF8.self) }
}
