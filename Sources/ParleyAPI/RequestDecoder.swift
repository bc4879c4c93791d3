import NIOCore
import NIOHTTP1

/// Reads requests from a connection's bytes, those behind an `Upgrade` too, which is ignored (B-HTTP-13).
///
/// NIO's decoder stops behind a request that asks for another protocol, and keeps all bytes that follow for whoever speaks that. Nobody
/// does here, so another decoder reads on where the stopped one ended.
final class RequestDecoder: ByteToMessageDecoder {
  typealias InboundOut = HTTPServerRequestPart

  private let messages: MessageHandler
  private var decoder = RequestDecoder.makeDecoder()

  /// `messages` stands next in the pipeline.
  init(for messages: MessageHandler) { self.messages = messages }

  func decoderAdded(context: ChannelHandlerContext) { decoder.decoderAdded(context: context) }

  func decoderRemoved(context: ChannelHandlerContext) { decoder.decoderRemoved(context: context) }

  func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
    _ = try decoder.decode(context: context, buffer: &buffer)
    while messages.endsInUpgrade {
      messages.endsInUpgrade = false
      // Where an end of input would do, no request has begun behind the last: no state is lost with the decoder.
      guard couldEnd(context) else { break }
      decoder.decoderRemoved(context: context)
      decoder = Self.makeDecoder()
      decoder.decoderAdded(context: context)
      if buffer.readableBytes > 0 { _ = try decoder.decode(context: context, buffer: &buffer) }
    }
    return .needMoreData
  }

  func decodeLast(context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool) throws -> DecodingState {
    if buffer.readableBytes > 0 { _ = try decode(context: context, buffer: &buffer) }
    return try decoder.decodeLast(context: context, buffer: &buffer, seenEOF: seenEOF)
  }

  /// Changes nothing, whatever the answer: a decoder that has stopped does not look, another one only looks at its state.
  private func couldEnd(_ context: ChannelHandlerContext) -> Bool {
    var nothing = ByteBuffer()
    do {
      _ = try decoder.decodeLast(context: context, buffer: &nothing, seenEOF: true)
      return true
    } catch {
      return false
    }
  }

  private static func makeDecoder() -> HTTPRequestDecoder {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = 80 << 10
    limits.maxHeaderListSize = 80 << 10
    limits.maxHeaderFieldCount = 1000
    return HTTPRequestDecoder(limitConfiguration: limits)
  }
}
