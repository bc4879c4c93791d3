import Foundation
import NIOCore
import NIOPosix

/// A load on the server that tells how long an answer takes: wrk says what rate can be reached, and has no rate that can be set.
struct LoadYardstick {
  private let port: Int
  private let requests: [ByteBuffer]
  private let repeats: Bool
  private let connections: Int
  private let time: TimeAmount?
  private let rate: Int
  private let ids: String?
  private let stamps: String?

  init(_ options: Options) throws {
    port = try options.number("port")
    connections = try options.number("connections", default: 1)
    let seconds = try options.number("seconds", default: 0)
    time = seconds == 0 ? nil : .seconds(Int64(seconds))
    rate = try options.number("rate", default: 0)
    (ids, stamps) = (options.all("ids").last, options.all("stamps").last)
    let lines = try Data(contentsOf: URL(filePath: try options.text("requests"))).split(separator: UInt8(ascii: "\n"))
    guard lines.count > 1, connections > 0 else { throw YardstickError("no request to send, or no connection to send it by") }
    let port = port
    requests = try lines.dropFirst().map { line in
      let parts = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
      guard parts.count == 3 else { throw YardstickError("expected METHOD, PATH and BODY: \(String(decoding: line, as: UTF8.self))") }
      var request = ByteBuffer()
      request.writeBytes(parts[0])
      request.writeString(" ")
      request.writeBytes(parts[1])
      request.writeString(" HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nAuthorization: ")
      request.writeBytes(lines[0])
      if parts[2].isEmpty {
        request.writeString("\r\n\r\n")
      } else {
        request.writeString("\r\nContent-Type: application/json\r\nContent-Length: \(parts[2].count)\r\n\r\n")
        request.writeBytes(parts[2])
      }
      return request
    }
    // A resource can be read as often as one likes, and made once.
    repeats = time != nil && lines.dropFirst().allSatisfy { $0.starts(with: Array("GET".utf8)) }
  }

  /// Sends, and prints how many requests it were, in which time, and the median of theirs in microseconds.
  func run() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1), connections = connections
    // By then all connections are there.
    let begin = NIODeadline.now() + .milliseconds(50)
    let outcomes = try await withThrowingTaskGroup(of: Outcome.self) { tasks in
      for place in 0..<connections {
        // What repeats may be short, and what does not must come once: each connection has its own start, or its own share.
        let share =
          repeats
          ? requests.indices.map { requests[($0 + place * 7919) % requests.count] }
          : stride(from: place, to: requests.count, by: connections).map { requests[$0] }
        let first = rate == 0 ? .zero : TimeAmount.nanoseconds(Int64(place) * 1_000_000_000 / Int64(rate))
        let pace = rate == 0 ? nil : TimeAmount.nanoseconds(Int64(connections) * 1_000_000_000 / Int64(rate))
        let plan = Plan(requests: share, repeats: repeats, begin: begin + first, end: time.map { begin + $0 }, pace: pace)
        tasks.addTask {
          let outcome = group.next().makePromise(of: Outcome.self)
          let connecting = ClientBootstrap(group: group).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Sender(plan, outcome)) }
          }.connect(host: "127.0.0.1", port: port)
          // Without a connection nobody else keeps the promise.
          connecting.whenFailure { outcome.fail($0) }
          return try await outcome.futureResult.get()
        }
      }
      return try await tasks.reduce(into: []) { $0.append($1) }
    }
    if let ids { try write(outcomes.flatMap(\.ids), to: ids) }
    let answered = outcomes.flatMap(\.answered).sorted()
    if let stamps { try write(answered.map(String.init), to: stamps) }
    guard let last = answered.last else { throw YardstickError("nothing was answered") }
    let seconds = Double(last - begin.uptimeNanoseconds) / 1e9
    let times = outcomes.flatMap(\.times)
    report(#"{"requests": \#(times.count), "seconds": \#(seconds), "median": \#(median(times))}"#)
  }

  private func write(_ lines: [String], to path: String) throws {
    try Data(lines.map { "\($0)\n" }.joined().utf8).write(to: URL(filePath: path))
  }
}

/// What one connection is to send.
private struct Plan: Sendable {
  let requests: [ByteBuffer]
  let repeats: Bool
  let begin: NIODeadline
  /// When to stop; without it each request is sent once.
  let end: NIODeadline?
  /// From one request to the next; without it each follows the answer to the one before.
  let pace: TimeAmount?
}

/// What one connection saw.
private struct Outcome: Sendable {
  var times: [Int64] = []
  var answered: [UInt64] = []
  var ids: [String] = []
}

/// One connection, with one request on it at a time.
private final class Sender: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let plan: Plan
  private let promise: EventLoopPromise<Outcome>
  private var outcome = Outcome()
  private var isOver = false
  private var received = ByteBuffer()
  private var next = 0
  /// When the request that is next has its turn, and from when on the one under way is waited for.
  private var turn: NIODeadline
  private var began: NIODeadline

  init(_ plan: Plan, _ promise: EventLoopPromise<Outcome>) {
    (self.plan, self.promise) = (plan, promise)
    (turn, began) = (plan.begin, plan.begin)
  }

  func channelActive(context: ChannelHandlerContext) { proceed(context) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var data = unwrapInboundIn(data)
    received.writeBuffer(&data)
    guard let message = Message(from: &received) else { return }
    let now = NIODeadline.now()
    guard (200...299).contains(message.status) else {
      let text = String(decoding: message.head.prefix(40), as: UTF8.self) + String(decoding: message.body.prefix(500), as: UTF8.self)
      return finish(context, .failure(YardstickError("not every request was answered with success: \(text)")))
    }
    outcome.times.append((now - began).nanoseconds)
    outcome.answered.append(now.uptimeNanoseconds)
    if let id = Self.id(in: message.body) { outcome.ids.append(id) }
    received.discardReadBytes()
    proceed(context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish(context, .failure(YardstickError("the server closed a connection")))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { finish(context, .failure(error)) }

  /// Sends the next request, now or when it has its turn.
  private func proceed(_ context: ChannelHandlerContext) {
    let now = NIODeadline.now()
    if plan.pace == nil { turn = max(now, plan.begin) }
    if let end = plan.end, turn >= end { return finish(context, .success(outcome)) }
    if next == plan.requests.count {
      if plan.end == nil { return finish(context, .success(outcome)) }
      guard plan.repeats else { return finish(context, .failure(YardstickError("too few requests for this time"))) }
      next = 0
    }
    guard turn > now else {
      // Late, because the answer before it was: from its turn on is what a caller would have waited.
      return send(context, since: turn)
    }
    context.eventLoop.assumeIsolated().scheduleTask(deadline: turn) { self.send(context, since: .now()) }
  }

  private func send(_ context: ChannelHandlerContext, since start: NIODeadline) {
    guard !isOver else { return }
    began = start
    if let pace = plan.pace { turn = turn + pace }
    next += 1
    context.writeAndFlush(wrapOutboundOut(plan.requests[next - 1]), promise: nil)
  }

  private func finish(_ context: ChannelHandlerContext, _ result: Result<Outcome, any Error>) {
    guard !isOver else { return }
    isOver = true
    promise.completeWith(result)
    context.close(promise: nil)
  }

  /// The first id in the text, which is the resource's own.
  private static func id(in body: ByteBufferView) -> String? {
    guard let start = body.firstIndex(of: UInt8(ascii: "i")), body[start...].starts(with: Array(#"id":""#.utf8)) else { return nil }
    return String(decoding: body[(start + 5)...].prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
  }
}
