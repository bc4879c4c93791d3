import AsyncHTTPClient
import NIOCore
import NIOHTTP1

extension HTTPClient.Configuration {
  /// Makes the client outlive replies that it takes for impossible: they are errors of their requests.
  ///
  /// That holds for HTTP/1.1 alone, so nothing else is offered. Frames of HTTP/2 reach preconditions of its connections that no handler can
  /// stand in front of: a push before the settings are acknowledged makes the pool release a stream twice, and ends the process.
  package mutating func guardReplies() {
    httpVersion = .http1Only
    // The only way to be in the pipeline.
    http1_1ConnectionDebugInitializer = { ReplyGuard.add(to: $0) }
  }
}

/// Stands in each connection between what reads replies and the client, and lets nothing through that the client takes for impossible: a
/// status below 100, or an end without a status, would end the process.
///
/// It also knows whether any byte of a reply came. A connection that was kept and ended without one turned out to be closed: nobody may have
/// seen that request. Any other that ended before it had a status gave an unreadable reply.
final class ReplyGuard: ChannelDuplexHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias InboundOut = HTTPClientResponsePart
  typealias OutboundIn = HTTPClientRequestPart
  typealias OutboundOut = HTTPClientRequestPart

  /// A reply that is not HTTP.
  enum Malformed: Error {
    /// The connection ended before there was a whole head with a final status.
    case cut
    /// What came is not a head.
    case unreadable
    /// A status that has not three digits from 100.
    case status
    /// More heads without a final status than anybody needs.
    case interim
    /// Parts of a reply in an order that none has.
    case order
  }
  /// The connection had served before, and ended before there was a byte of this reply.
  struct Stale: Error {}

  /// Interim heads (1xx) of one reply.
  private static let interimMax = 100

  /// Whether the reply that comes has its status.
  private var hasStatus = false
  private var isBroken = false
  /// Whether a request waits for its status, and whether a byte of that came.
  private var waits = false
  private var hasBytes = false
  private var interims = 0
  private var replies = 0
  /// How many bytes of `start` the reply that comes has shown.
  private var started = 0

  /// What each reply begins with. Its reader also takes the names of other protocols: RTSP and ICE.
  private static let start = Array("HTTP/1.".utf8)

  /// Adds one to a connection that is ready for its first request.
  static func add(to channel: any Channel) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
      let guarding = ReplyGuard()
      try pipeline.addHandler(guarding, position: .after(decoder))
      try pipeline.addHandler(ByteWatch(guarding), position: .before(decoder))
    }
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .head = unwrapOutboundIn(data) { (waits, hasBytes, interims) = (true, false, 0) }
    guard let promise else { return context.write(data, promise: nil) }
    // A connection that ends fails what is still to be written before it is said to have ended.
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { result in
      switch result {
      case .success: promise.succeed()
      case .failure(let error): promise.fail(self.meaning(of: error))
      }
    }
    context.write(data, promise: written)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isBroken else { return }
    switch unwrapInboundIn(data) {
    case .head(let head):
      guard !hasStatus else { return refuse(.order, context) }
      guard (100...999).contains(head.status.code) else { return refuse(.status, context) }
      hasStatus = head.status.code >= 200 || head.status == .switchingProtocols
      if hasStatus { waits = false } else { interims += 1 }
      guard interims <= Self.interimMax else { return refuse(.interim, context) }
    case .body:
      guard hasStatus else { return refuse(.order, context) }
    case .end:
      guard hasStatus else { return refuse(.order, context) }
      (hasStatus, started) = (false, 0)
      replies += 1
    }
    context.fireChannelRead(data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.fireErrorCaught(meaning(of: error))
  }

  func channelInactive(context: ChannelHandlerContext) {
    if waits, hasBytes || replies > 0 { context.fireErrorCaught(meaning(of: ChannelError.eof)) }
    context.fireChannelInactive()
  }

  /// Bytes that are not read yet; false if they are not the beginning of a reply, and need not be read.
  fileprivate func bytesCame(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) -> Bool {
    hasBytes = true
    guard waits, started < Self.start.count else { return true }
    for byte in bytes.readableBytesView where started < Self.start.count {
      // Empty lines before a reply are left out.
      if started == 0, byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n") { continue }
      guard byte == Self.start[started] else {
        refuse(.unreadable, context)
        return false
      }
      started += 1
    }
    return true
  }

  /// What an error of the connection says of the reply that is waited for.
  private func meaning(of error: any Error) -> any Error {
    guard waits, !(error is Malformed) else { return error }
    guard hasBytes else { return replies > 0 ? Stale() : error }
    switch error {
    case HTTPParserError.invalidEOFState: return Malformed.cut
    case is HTTPParserError, is NIOHTTPDecoderError: return Malformed.unreadable
    default: return Malformed.cut
    }
  }

  private func refuse(_ error: Malformed, _ context: ChannelHandlerContext) {
    (isBroken, waits) = (true, false)
    context.fireErrorCaught(error)
    context.close(promise: nil)
  }
}

/// Stands in front of what reads replies, and tells the guard behind it of their bytes.
private final class ByteWatch: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let guarding: ReplyGuard

  init(_ guarding: ReplyGuard) { self.guarding = guarding }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if guarding.bytesCame(unwrapInboundIn(data), context) { context.fireChannelRead(data) }
  }
}
