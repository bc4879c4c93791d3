import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A peer on a free port of this machine that answers each request with the bytes that a test wants, whether or not they are HTTP.
package final class RawPeer: Sendable {
  package struct Answer: Sendable {
    package enum End: Sendable { case keep, close, reset }

    package var bytes: [UInt8]
    package var end: End
    /// Whether it comes with the request's first byte rather than after its last.
    package var isEarly: Bool

    package init(_ bytes: [UInt8], _ end: End = .close, isEarly: Bool = false) {
      (self.bytes, self.end, self.isEarly) = (bytes, end, isEarly)
    }

    package init(_ text: String, _ end: End = .close) { self.init(Array(text.utf8), end) }
  }

  /// What is answered to a request: `number` is its place in the order of arrival, `turn` that on its connection, both from 1.
  package typealias Behaviour = @Sendable (_ number: Int, _ turn: Int) -> Answer

  private struct State {
    var requests = 0
    var heads: [String] = []
    var connections = 0
    var channels: [ObjectIdentifier: any NIOCore.Channel] = [:]
  }

  fileprivate let behaviour: Behaviour
  private let state = Mutex(State())
  private let listener = Mutex<(any NIOCore.Channel)?>(nil)

  /// Runs a test with a peer, which ends with it. With a certificate it offers `protocols` in the TLS handshake.
  @discardableResult
  package static func with<Value>(
    tls: TestCertificate? = nil, protocols: [String] = ["http/1.1"], _ behaviour: @escaping Behaviour,
    _ test: (RawPeer) async throws -> Value
  ) async throws -> Value {
    let peer = RawPeer(behaviour)
    var context: NIOSSLContext?
    if let tls {
      var configuration = try tls.serverConfiguration()
      configuration.applicationProtocols = protocols
      context = try NIOSSLContext(configuration: configuration)
    }
    try await peer.listen(context)
    do {
      let value = try await test(peer)
      await peer.end()
      return value
    } catch {
      await peer.end()
      throw error
    }
  }

  private init(_ behaviour: @escaping Behaviour) { self.behaviour = behaviour }

  package var port: Int { listener.withLock { $0?.localAddress?.port } ?? 0 }
  /// Requests of which at least a byte came, and connections.
  package var requests: Int { state.withLock(\.requests) }
  package var connections: Int { state.withLock(\.connections) }
  /// The heads of the requests, in the order in which they were whole.
  package var heads: [String] { state.withLock(\.heads) }

  private func listen(_ context: NIOSSLContext?) async throws {
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 1024)
      .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let context { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
          try channel.pipeline.syncOperations.addHandler(RawConnection(self))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    listener.withLock { $0 = channel }
  }

  private func end() async {
    try? await listener.withLock { $0 }?.close()
    let channels = state.withLock { Array($0.channels.values) }
    for channel in channels { channel.close(promise: nil) }
  }

  fileprivate func opened(_ channel: any NIOCore.Channel) {
    state.withLock { state in
      state.connections += 1
      state.channels[ObjectIdentifier(channel)] = channel
    }
  }

  fileprivate func closed(_ channel: any NIOCore.Channel) { state.withLock { $0.channels[ObjectIdentifier(channel)] = nil } }

  fileprivate func begun() -> Int {
    state.withLock { state in
      state.requests += 1
      return state.requests
    }
  }

  fileprivate func read(head: String) { state.withLock { $0.heads.append(head) } }
}

/// One connection to a peer: finds the ends of requests, and nothing else in them.
private final class RawConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let peer: RawPeer
  private var bytes: [UInt8] = []
  private var turn = 0
  private var answer: RawPeer.Answer?
  /// Bytes of the request's body that have not come; nil while its head has not ended.
  private var left: Int?

  init(_ peer: RawPeer) { self.peer = peer }

  func channelActive(context: ChannelHandlerContext) { peer.opened(context.channel) }

  func channelInactive(context: ChannelHandlerContext) { peer.closed(context.channel) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    bytes += unwrapInboundIn(data).readableBytesView
    while !bytes.isEmpty {
      if answer == nil {
        turn += 1
        let answer = peer.behaviour(peer.begun(), turn)
        self.answer = answer
        if answer.isEarly { perform(answer, context) }
      }
      if left == nil {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
        let head = String(decoding: bytes[..<end.upperBound], as: UTF8.self)
        bytes.removeFirst(end.upperBound)
        left = head.lowercased().firstMatch(of: /content-length: *(\d+)/).flatMap { Int($0.1) } ?? 0
        peer.read(head: head)
      }
      let part = min(left ?? 0, bytes.count)
      bytes.removeFirst(part)
      left = (left ?? 0) - part
      guard left == 0 else { return }
      if let answer, !answer.isEarly { perform(answer, context) }
      (answer, left) = (nil, nil)
    }
  }

  private func perform(_ answer: RawPeer.Answer, _ context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: answer.bytes)), promise: nil)
    switch answer.end {
    case .keep: break
    case .close: context.close(promise: nil)
    case .reset:
      _ = (context.channel as? any SocketOptionProvider)?.unsafeSetSocketOption(level: .socket, name: .so_linger, value: NoLinger())
      context.close(promise: nil)
    }
  }
}
