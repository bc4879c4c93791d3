import NIOCore
import NIOHTTP1
import ParleyDomain

/// Stands behind the decoder and keeps the rules of messages that nobody further up can see (B-HTTP-13): which version a request has,
/// which form its target, and behind which answer the connection ends.
final class MessageHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private struct Request {
    /// Whether another request may follow it.
    var keepsConnection: Bool
    /// HTTP/1.0.
    var isOld = false
  }

  private let connection: ConnectionHandler
  /// Read and not answered.
  private var requests = CircularBuffer<Request>(initialCapacity: 2)
  private var isReadingRequest = false
  private var asksForUpgrade = false
  /// The latest request asked for another protocol and has been read to its end, where the decoder stops.
  var endsInUpgrade = false
  /// The latest request that was read is the connection's last.
  private var isLastRead = false
  /// What is read now stands behind the connection's last request: it is neither carried out nor answered.
  private var isBehindLastRead = false
  /// The answer that is being written is the connection's last; behind it nothing is written.
  private var (isLast, isBehindLast) = (false, false)
  private var isQuiescing = false

  init(on connection: ConnectionHandler) { self.connection = connection }

  // MARK: - Requests

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = unwrapInboundIn(data)
    if case .head = part { isBehindLastRead = isLastRead || isLast }
    if isBehindLastRead { return }
    switch part {
    case .head(var head):
      let isChanged = read(&head)
      context.fireChannelRead(isChanged ? wrapInboundOut(.head(head)) : data)
    case .body(let part):
      connection.didReadBody(part.readableBytes)
      context.fireChannelRead(data)
    case .end:
      isReadingRequest = false
      endsInUpgrade = asksForUpgrade
      context.fireChannelRead(data)
      connection.didReadEnd()
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if error is HTTPParserError {
      defer { connection.didBreak() }
      // What stands behind a last request is nobody's.
      if isLastRead, !isReadingRequest { return }
    }
    context.fireErrorCaught(error)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ChannelShouldQuiesceEvent {
      isQuiescing = true
      // Hummingbird would close as soon as the last answer is written, whether or not the client has taken it.
      if !requests.isEmpty || connection.isWriting { return }
    }
    context.fireUserInboundEventTriggered(event)
  }

  /// Takes note of a head; true if it had to be changed.
  private func read(_ head: inout HTTPRequestHead) -> Bool {
    var request = Request(keepsConnection: head.isKeepAlive)
    var (bodyBytes, isChunked, hosts) = (0, false, 0)
    asksForUpgrade = false
    for (name, value) in head.headers {
      switch name.utf8.count {
      case 4 where name.lowercased() == "host": hosts += 1
      case 7 where name.lowercased() == "upgrade": asksForUpgrade = true
      case 14 where name.lowercased() == "content-length": bodyBytes = Int(value) ?? 0
      case 17 where name.lowercased() == "transfer-encoding": isChunked = true
      default: break
      }
    }
    var isChanged = false
    if head.method == .CONNECT {
      // Its target is no path, and what follows it is no HTTP.
      (head.uri, request.keepsConnection, asksForUpgrade, isChanged) = ("/", false, false, true)
    }
    if head.version.minor == 0 {
      request.isOld = true
      // Where a body in chunks ends, an old proxy between may see differently.
      if isChunked || Self.has(head.headers, "close") { request.keepsConnection = false }
      head.headers.remove(name: "expect")
      if hosts == 0 { head.headers.add(name: "host", value: "") }
      (hosts, isChanged) = (max(hosts, 1), true)
    }
    if let first = head.uri.utf8.first, first != UInt8(ascii: "/"), head.uri != "*" {
      let (host, path) = Self.parts(ofAbsolute: head.uri)
      head.uri = path
      // The target's host counts, not the header's, which must be there all the same.
      if hosts == 1 { head.headers.replaceOrAdd(name: "host", value: host) }
      isChanged = true
    }
    requests.append(request)
    (isReadingRequest, isLastRead) = (true, !request.keepsConnection)
    connection.didReadHead(bodyBytes: isChunked ? 0 : bodyBytes)
    return isChanged
  }

  private static func has(_ headers: HTTPHeaders, _ option: String) -> Bool {
    headers[canonicalForm: "connection"].contains { $0.lowercased() == option }
  }

  /// The host and the path of `http://host/path`. What has another form names a host that is none, and is refused for that.
  private static func parts(ofAbsolute target: String) -> (host: String, path: String) {
    let noHost = ("/", "/")
    let parts = target.parts(between: ":", max: 2)
    guard parts.count == 2, ["http", "https"].contains(parts[0].lowercased()) else { return noHost }
    let rest = parts[1].utf8
    guard rest.starts(with: "//".utf8) else { return noHost }
    let host = rest.dropFirst(2).prefix { !"/?#".utf8.contains($0) }
    guard !host.isEmpty else { return noHost }
    let path = rest[host.endIndex...]
    return (String(Substring(host)), "\(path.first == UInt8(ascii: "/") ? "" : "/")\(Substring(path))")
  }

  // MARK: - Answers

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard !isBehindLast else { promise?.succeed(); return }
    switch unwrapOutboundIn(data) {
    case .head(let head) where head.status.code < 200: writeInterim(context, data, promise)
    case .head(var head):
      // An answer to no request is one to what is no HTTP.
      let request = requests.popFirst() ?? Request(keepsConnection: false)
      isLast = Self.has(head.headers, "close")
      connection.willWrite()
      // Requests that have been read are answered, also while the server stops.
      if !isLast, !request.keepsConnection || (isQuiescing && requests.isEmpty) {
        isLast = true
        head.headers.add(name: "Connection", value: "close")
      } else if !isLast, request.isOld {
        head.headers.add(name: "Connection", value: "keep-alive")
      } else {
        return context.write(data, promise: promise)
      }
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .body: context.write(data, promise: promise)
    case .end:
      let isLast = isLast
      isBehindLast = isLast
      let taken = promise ?? context.eventLoop.makePromise()
      taken.futureResult.assumeIsolated().whenComplete { _ in self.didWriteAnswer(isLast: isLast) }
      context.write(data, promise: taken)
    }
  }

  private func didWriteAnswer(isLast: Bool) {
    connection.didWriteAnswer(isLast: isLast)
    // The server began to stop when the head had been written already.
    guard isQuiescing, requests.isEmpty, !connection.isWriting else { return }
    self.isLast = true
    connection.end()
  }

  /// A client of HTTP/1.0 does not know interim answers.
  private func writeInterim(_ context: ChannelHandlerContext, _ data: NIOAny, _ promise: EventLoopPromise<Void>?) {
    guard let request = requests.first, !request.isOld else { promise?.succeed(); return }
    connection.willWrite()
    let taken = promise ?? context.eventLoop.makePromise()
    taken.futureResult.assumeIsolated().whenComplete { _ in self.connection.didWriteInterim() }
    context.write(data, promise: taken)
  }
}
