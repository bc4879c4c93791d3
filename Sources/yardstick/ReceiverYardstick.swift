import NIOCore
import NIOPosix
import Synchronization

/// A receiver of webhooks that costs as little as it can: every POST is answered 200 without a body, at once or after a delay, and counted.
/// `GET /stats` says how many came and when, `GET /stamps` when each came, `GET /last` gives the last body; `DELETE` starts anew.
/// All times are nanoseconds of the machine's monotonic clock.
struct ReceiverYardstick {
  private let port: Int
  private let delay: TimeAmount

  init(_ options: Options) throws {
    port = try options.number("port", default: 0)
    delay = .milliseconds(Int64(try options.number("delay-milliseconds", default: 0)))
  }

  /// Says on which port it listens, then receives until the process is told to stop.
  func run() async throws {
    let tally = Tally(), delay = delay
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup(numberOfThreads: 1))
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Receiver(tally, delay: delay)) }
      }
      .bind(host: "127.0.0.1", port: port).get()
    report(#"{"port": \#(server.localAddress?.port ?? port)}"#)
    try await server.closeFuture.get()
  }
}

/// What has come so far.
private final class Tally: Sendable {
  struct State {
    /// Of each arrival, up to a limit that no row reaches.
    var stamps: [UInt64] = []
    var count = 0
    var last: UInt64 = 0
    var body: [UInt8] = []
  }

  private let state = Mutex(State())
  private let stampsMax = 2_000_000

  func note(_ body: ByteBufferView) {
    let now = NIODeadline.now().uptimeNanoseconds
    state.withLock { state in
      state.count += 1
      state.last = now
      if state.stamps.count < stampsMax { state.stamps.append(now) }
      state.body.removeAll(keepingCapacity: true)
      state.body.append(contentsOf: body)
    }
  }

  /// The answer's body.
  func answer(_ method: UInt8, _ path: String) -> [UInt8] {
    state.withLock { state in
      if method == UInt8(ascii: "D") { state = State() }
      switch path {
      case "/last": return state.body
      case "/stamps": return Array("[\(state.stamps.map(String.init).joined(separator: ","))]".utf8)
      default: return Array(#"{"count": \#(state.count), "first": \#(state.stamps.first ?? 0), "last": \#(state.last)}"#.utf8)
      }
    }
  }
}

/// One connection.
private final class Receiver: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let tally: Tally
  private let delay: TimeAmount
  private var received = ByteBuffer()
  private let done = ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

  init(_ tally: Tally, delay: TimeAmount) { (self.tally, self.delay) = (tally, delay) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var data = unwrapInboundIn(data)
    received.writeBuffer(&data)
    while let message = Message(from: &received) {
      if message.head.first == UInt8(ascii: "P") {
        tally.note(message.body)
        if delay == .zero {
          context.writeAndFlush(wrapOutboundOut(done), promise: nil)
        } else {
          let channel = context.channel, done = done
          context.eventLoop.scheduleTask(in: delay) { channel.writeAndFlush(done, promise: nil) }
        }
      } else {
        let words = message.head.split(separator: UInt8(ascii: " "), maxSplits: 2)
        let body = tally.answer(message.head.first ?? 0, words.count > 1 ? String(decoding: words[1], as: UTF8.self) : "")
        var answer = ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n")
        answer.writeBytes(body)
        context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
      }
    }
    received.discardReadBytes()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
