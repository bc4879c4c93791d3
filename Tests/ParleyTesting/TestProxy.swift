import NIOCore
import NIOPosix
import Synchronization

/// What stands between a node and its PostgreSQL: passes bytes on, until a test wants it to be as bad as networks can be.
package final class TestProxy: Sendable {
  package enum Mode: Sendable {
    case pass
    /// New connections are closed at once; those that are there go on.
    case refuse
    /// Bytes vanish, and so do the connections' later ones: TCP never gives a piece of what it lost.
    case swallow(Set<Direction>)
  }

  package enum Direction: Sendable {
    case toDatabase
    case fromDatabase
  }

  /// When a connection is closed on which a transaction that writes is committed, one of a request and not of a node's loop.
  package enum Cut: Sendable {
    /// Before the COMMIT is passed on: nothing is done.
    case before
    /// After the database has said that it is done: but nobody hears of it.
    case after
  }

  private struct State {
    var mode = Mode.pass
    var cut: Cut?
    var cuts = 0
    var connections = 0
    var pairs: [ObjectIdentifier: Pair] = [:]
  }

  private let state = Mutex(State())
  private let target: Int
  private let listener = Mutex<(any NIOCore.Channel)?>(nil)

  /// Runs a test with a proxy before a port of this machine, which ends with the test.
  package static func with<Answer>(to port: Int, _ test: (TestProxy) async throws -> Answer) async throws -> Answer {
    let proxy = TestProxy(to: port)
    try await proxy.listen()
    do {
      let answer = try await test(proxy)
      await proxy.end()
      return answer
    } catch {
      await proxy.end()
      throw error
    }
  }

  private init(to port: Int) { target = port }

  /// Where it listens.
  package var port: Int { listener.withLock { $0?.localAddress?.port } ?? 0 }
  /// COMMITs that were cut.
  package var cuts: Int { state.withLock { $0.cuts } }
  /// Connections that it took so far.
  package var connections: Int { state.withLock { $0.connections } }

  package func become(_ mode: Mode) { state.withLock { $0.mode = mode } }

  /// Cuts the next COMMIT, one only.
  package func cutNextCommit(_ cut: Cut) { state.withLock { $0.cut = cut } }

  /// Closes all connections that are there.
  package func drop() {
    for pair in state.withLock({ Array($0.pairs.values) }) { pair.close() }
  }

  private func listen() async throws {
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { self.connect($0) }
      .bind(host: "127.0.0.1", port: 0).get()
    listener.withLock { $0 = channel }
  }

  private func end() async {
    try? await listener.withLock { $0 }?.close()
    drop()
  }

  /// The node's bytes are read once the database's side is there.
  private func connect(_ node: any NIOCore.Channel) -> EventLoopFuture<Void> {
    let refuses = state.withLock { state in
      state.connections += 1
      if case .refuse = state.mode { return true } else { return false }
    }
    if refuses { return node.eventLoop.makeFailedFuture(WireFailure("refused")) }
    return ClientBootstrap(group: node.eventLoop)
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .connect(host: "127.0.0.1", port: target)
      .flatMap { database in
        let pair = Pair(self, node: node, database: database)
        self.state.withLock { $0.pairs[ObjectIdentifier(pair)] = pair }
        return database.pipeline.addHandler(Leg(pair, .fromDatabase)).flatMap { node.pipeline.addHandler(Leg(pair, .toDatabase)) }
      }
  }

  fileprivate func forget(_ pair: Pair) { state.withLock { $0.pairs[ObjectIdentifier(pair)] = nil } }

  fileprivate func swallows(_ direction: Direction) -> Bool {
    state.withLock { if case .swallow(let directions) = $0.mode { directions.contains(direction) } else { false } }
  }

  /// What is to become of a COMMIT that came; nil if nothing.
  fileprivate func takeCut() -> Cut? {
    state.withLock { state in
      guard let cut = state.cut else { return nil }
      state.cut = nil
      state.cuts += 1
      return cut
    }
  }
}

/// A connection of a node's and the one to the database that belongs to it.
private final class Pair: Sendable {
  private struct State {
    var sent = ClientMessages()
    var received = ServerMessages()
    var swallowed: Set<TestProxy.Direction> = []
    /// The COMMITs after whose answers the connection is closed.
    var commitsMax: Int?
  }

  private enum Step {
    case pass
    case swallow
    case close
  }

  private let proxy: TestProxy
  private let node: any NIOCore.Channel
  private let database: any NIOCore.Channel
  private let state = Mutex(State())

  init(_ proxy: TestProxy, node: any NIOCore.Channel, database: any NIOCore.Channel) {
    (self.proxy, self.node, self.database) = (proxy, node, database)
  }

  func take(_ part: ByteBuffer, _ direction: TestProxy.Direction) {
    let step = state.withLock { state in
      if proxy.swallows(direction) { state.swallowed.insert(direction) }
      if state.swallowed.contains(direction) { return Step.swallow }
      switch direction {
      case .toDatabase: return sent(part, &state)
      case .fromDatabase: return received(part, &state)
      }
    }
    switch step {
    case .pass: (direction == .toDatabase ? database : node).writeAndFlush(part, promise: nil)
    case .swallow: break
    case .close: close()
    }
  }

  private func sent(_ part: ByteBuffer, _ state: inout State) -> Step {
    guard state.sent.take(part.readableBytesView), let cut = proxy.takeCut() else { return .pass }
    if cut == .before { return .close }
    state.commitsMax = state.sent.commits
    return .pass
  }

  private func received(_ part: ByteBuffer, _ state: inout State) -> Step {
    state.received.take(part.readableBytesView, sslAnswers: state.sent.sslRequests)
    guard let commitsMax = state.commitsMax else { return .pass }
    return state.received.commits >= commitsMax ? .close : .swallow
  }

  func close() {
    node.close(promise: nil)
    database.close(promise: nil)
    proxy.forget(self)
  }
}

/// One side of a pair.
private final class Leg: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer

  private let pair: Pair
  private let direction: TestProxy.Direction

  init(_ pair: Pair, _ direction: TestProxy.Direction) { (self.pair, self.direction) = (pair, direction) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { pair.take(unwrapInboundIn(data), direction) }
  func channelInactive(context: ChannelHandlerContext) { pair.close() }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { pair.close() }
}

/// What a client says to PostgreSQL, read as far as to see COMMITs of transactions that write.
private struct ClientMessages {
  private static let sslRequest = 80_877_103

  /// COMMITs so far, those of reads among them.
  private(set) var commits = 0
  private(set) var sslRequests = 0
  private var rest: [UInt8] = []
  private var isStarted = false
  /// Names of statements that begin a transaction that writes.
  private var beginnings: Set<String> = []
  /// Names of statements that only the loops' transactions have. They come whenever they like, and no test asks for them.
  private var loops: Set<String> = []
  private var isWriting = false

  /// Whether the COMMIT of a request's transaction that writes is among the bytes, or ends with them.
  mutating func take(_ bytes: some Collection<UInt8>) -> Bool {
    rest.append(contentsOf: bytes)
    var found = false
    while let message = next() {
      let texts = message.body.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
      if message.type == UInt8(ascii: "P"), texts.count > 1 {
        if texts[1].contains("READ WRITE") { beginnings.insert(texts[0]) }
        if texts[1].contains("SET LOCAL synchronous_commit") { loops.insert(texts[0]) }
      }
      guard message.type == UInt8(ascii: "B"), texts.count > 1 else { continue }
      // The portal's name is first.
      if beginnings.contains(texts[1]) { isWriting = true }
      if loops.contains(texts[1]) { isWriting = false }
      if texts[1] == "commit" {
        commits += 1
        found = found || isWriting
        isWriting = false
      }
    }
    return found
  }

  private mutating func next() -> Message? {
    if isStarted { return Message(&rest) }
    guard rest.count >= 8 else { return nil }
    let (length, code) = (Message.number(rest[..<4]), Message.number(rest[4..<8]))
    guard rest.count >= length else { return nil }
    rest.removeFirst(length)
    if code == Self.sslRequest { sslRequests += 1 } else { isStarted = true }
    return Message(type: 0, body: [])
  }
}

/// What PostgreSQL answers, read as far as to count COMMITs.
private struct ServerMessages {
  private(set) var commits = 0
  private var rest: [UInt8] = []
  private var sslAnswers = 0

  /// An answer to a request for encryption is one byte.
  mutating func take(_ bytes: some Collection<UInt8>, sslAnswers: Int) {
    rest.append(contentsOf: bytes)
    if self.sslAnswers < sslAnswers {
      self.sslAnswers += 1
      rest.removeFirst()
    }
    while let message = Message(&rest) {
      if message.type == UInt8(ascii: "C"), message.body == Array("COMMIT\0".utf8) { commits += 1 }
    }
  }
}

private struct Message {
  let type: UInt8
  let body: [UInt8]

  init(type: UInt8, body: [UInt8]) { (self.type, self.body) = (type, body) }

  /// Takes the first message off the bytes; nil if it is not whole.
  init?(_ bytes: inout [UInt8]) {
    guard bytes.count >= 5 else { return nil }
    let length = Self.number(bytes[1..<5])
    guard bytes.count > length else { return nil }
    (type, body) = (bytes[0], Array(bytes[5..<(length + 1)]))
    bytes.removeFirst(length + 1)
  }

  static func number(_ bytes: some Sequence<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }
}
