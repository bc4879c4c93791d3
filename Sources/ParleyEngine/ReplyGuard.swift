import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOHTTP2

extension HTTPClient.Configuration {
  /// Makes the client outlive replies that it takes for impossible: they are errors of their requests.
  package mutating func guardReplies() {
    // The only way to be in the pipeline.
    http1_1ConnectionDebugInitializer = { ReplyGuard.add(toHTTP1: $0) }
    http2StreamChannelDebugInitializer = { ReplyGuard.add(toHTTP2: $0) }
  }
}

/// Stands in each connection between what reads replies and the client, and lets nothing through that the client takes for impossible: a
/// status below 100, or an end without a status, would end the process.
///
/// It also knows when a connection that was kept turns out to be closed: nobody may have seen that request.
final class ReplyGuard: ChannelDuplexHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias InboundOut = HTTPClientResponsePart
  typealias OutboundIn = HTTPClientRequestPart
  typealias OutboundOut = HTTPClientRequestPart

  /// A reply that is none.
  struct Malformed: Error {}
  /// The connection had served before, and ended before there was a byte of this reply.
  struct Stale: Error {}

  /// Whether the reply that comes has its status.
  private var hasStatus = false
  private var isBroken = false
  /// Whether a request waits for the first byte of its reply.
  private var waits = false
  private var replies = 0

  /// Adds one to a connection of HTTP/1.1 that is ready for its first request.
  static func add(toHTTP1 channel: any Channel) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
      try pipeline.addHandler(ReplyGuard(), position: .after(decoder))
    }
  }

  /// The same for one request's stream of HTTP/2.
  static func add(toHTTP2 channel: any Channel) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      let codec = try pipeline.handler(type: HTTP2FramePayloadToHTTP1ClientCodec.self)
      try pipeline.addHandler(ReplyGuard(), position: .after(codec))
    }
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .head = unwrapOutboundIn(data) { waits = true }
    context.write(data, promise: promise)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isBroken else { return }
    waits = false
    switch unwrapInboundIn(data) {
    case .head(let head):
      guard head.status.code >= 100, !hasStatus else { return refuse(context) }
      hasStatus = head.status.code >= 200 || head.status == .switchingProtocols
    case .body:
      guard hasStatus else { return refuse(context) }
    case .end:
      guard hasStatus else { return refuse(context) }
      hasStatus = false
      replies += 1
    }
    context.fireChannelRead(data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.fireErrorCaught(isStale ? Stale() : error)
  }

  func channelInactive(context: ChannelHandlerContext) {
    if isStale { context.fireErrorCaught(Stale()) }
    context.fireChannelInactive()
  }

  private var isStale: Bool { waits && replies > 0 }

  private func refuse(_ context: ChannelHandlerContext) {
    isBroken = true
    context.fireErrorCaught(Malformed())
    context.close(promise: nil)
  }
}
