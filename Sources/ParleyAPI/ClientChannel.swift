import Foundation
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// A client's connection: Hummingbird's for HTTP/1.1, with this server's handlers in its pipeline.
struct ClientChannel: ServerChildChannel {
  typealias Value = HTTP1Channel.Value

  /// Bytes that the system takes for a connection before it has sent them. More would hide for long whether the client takes any.
  private static let unsentBytesMax: SocketOptionValue = 128 << 10

  let http: HTTP1Channel
  let counts: ConnectionCounts
  let perAddress: Int
  let limits: ServerLimits

  func setup(channel: any NIOCore.Channel, logger: Logger) -> EventLoopFuture<Value> {
    http.setup(channel: channel, logger: logger).flatMap { value in
      do {
        return try addHandlers(to: channel).map { value }
      } catch {
        return channel.eventLoop.makeFailedFuture(error)
      }
    }
  }

  func handle(value: Value, logger: Logger) async { await http.handle(value: value, logger: logger) }

  private func addHandlers(to channel: any NIOCore.Channel) throws -> EventLoopFuture<Void> {
    let connection = ConnectionHandler(limits: limits, isAdmitted: counts.add(channel, perAddress: perAddress))
    let messages = MessageHandler(on: connection)
    let pipeline = channel.pipeline.syncOperations
    let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
    try pipeline.addHandler(messages, position: .after(decoder))
    try pipeline.addHandler(ByteToMessageHandler(RequestDecoder(for: messages)), position: .after(decoder))
    try pipeline.addHandler(connection, position: .first)
    // A client that has gone already must not make the server's own channel fail, so these may fail.
    // What comes at once is held while a request is answered.
    try? channel.syncOptions?.setOption(.maxMessagesPerRead, value: 1)
    try? channel.syncOptions?.setOption(.tcpOption(.init(rawValue: TCP_NOTSENT_LOWAT)), value: Self.unsentBytesMax)
    return pipeline.removeHandler(decoder)
  }
}
