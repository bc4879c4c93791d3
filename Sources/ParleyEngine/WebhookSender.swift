import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ParleyDomain
import ParleyStorage
import Synchronization

/// One request to a callback, signed.
struct WebhookRequest: Sendable {
  /// The URL that is called; the signature is that of it.
  let url: String
  let method: StatusCallback.Method
  let headers: [(name: String, value: String)]
  /// Nil for a GET.
  let body: [UInt8]?

  /// The request for a delivery, in the form of B-HOOK-11 to B-HOOK-15; `token` is the account's auth token.
  init(_ due: DueDelivery, to target: CallbackTarget, token: String) {
    method = due.method
    var headers: [(String, String)] = [("Host", target.hostHeader)]
    let signed: WebhookSignature
    switch due.method {
    case .post:
      signed = WebhookSignature(post: due.body, to: target, token: token)
      body = due.body
      headers.append(("Content-Type", "application/json; charset=utf-8"))
    case .get:
      let data = String(decoding: Event.data(in: due.body, of: due.eventKind, at: due.createdAt), as: UTF8.self)
      signed = WebhookSignature(
        get: [("eventType", due.eventKind.rawValue), ("timestamp", due.createdAt.precise), ("data", data)], to: target, token: token)
      body = nil
    }
    url = signed.url
    headers += [
      ("Accept", "*/*"), ("User-Agent", "TwilioProxy/1.1"), ("X-Twilio-Signature", signed.signature),
      ("I-Twilio-Idempotency-Token", due.token), ("Twilio-Request-Id", due.requestId),
    ]
    if let login = target.basicAuthorization { headers.append(("Authorization", "Basic \(Data(login.utf8).base64EncodedString())")) }
    self.headers = headers
  }
}

/// What a callback answered, or why it did not.
struct WebhookReply: Sendable {
  var status: Int?
  var failure: Attempt.Failure?
  /// What its Retry-After asks for.
  var retryAfter: Duration?
  /// The beginning of its body.
  var text = ""
}

/// Calls callbacks: to an address that was checked, for a bounded time, and reading a bounded reply. Redirects are not followed.
package final class WebhookSender: Sendable {
  private let addresses: AddressGuard
  private let settings: WebhookSettings
  private let clients: WebhookClients
  private let deadlines: Deadlines

  package init(addresses: AddressGuard, settings: WebhookSettings) {
    (self.addresses, self.settings) = (addresses, settings)
    clients = WebhookClients(settings: settings)
    deadlines = Deadlines(precision: min(.milliseconds(100), settings.totalTime / 10))
  }

  /// Closes what is open; nothing is sent any more.
  package func shutDown() async {
    deadlines.end()
    await clients.shutDown()
  }

  /// Sends once. Whatever happens is the reply; a cancelled task gets `interrupted`.
  func send(_ request: WebhookRequest, to target: CallbackTarget) async -> WebhookReply {
    let deadline = ContinuousClock.now + settings.totalTime
    do {
      let outgoing = try HTTPClient.Request(request)
      let addresses = try await addresses.addresses(of: target)
      for (index, address) in addresses.enumerated() {
        let reply = try await send(outgoing, to: target, at: address, until: deadline, mayBeStale: true)
        // The next address of the name, if there is time for it.
        if reply.failure == .connect, index + 1 < addresses.count, .now < deadline { continue }
        if reply.failure == .connect { self.addresses.forget(target.host) }
        return reply
      }
      return WebhookReply(failure: .dns)
    } catch {
      return WebhookReply(failure: Self.failure(for: error))
    }
  }

  /// Sends once, or twice where the connection that was kept for it turns out to be closed.
  private func send(
    _ request: HTTPClient.Request, to target: CallbackTarget, at address: String, until deadline: ContinuousClock.Instant,
    mayBeStale: Bool
  ) async throws -> WebhookReply {
    let client = clients.take(host: target.host, address: address)
    defer { clients.giveBack(client) }
    let reader = ReplyReader(bytesMax: settings.replyBytesMax)
    let task = client.client.execute(request: request, delegate: reader)
    let number = deadlines.add(deadline) {
      reader.timeOut()
      task.cancel()
    }
    defer { deadlines.remove(number) }
    do {
      try await withTaskCancellationHandler {
        try await task.futureResult.get()
      } onCancel: {
        task.cancel()
      }
      return reader.reply
    } catch let error where mayBeStale && Self.isStale(error) {
      return try await send(request, to: target, at: address, until: deadline, mayBeStale: false)
    } catch {
      var reply = reader.reply
      // A status that came in time counts, however its body ends.
      if reply.status == nil { reply.failure = reader.isTimedOut ? .timeout : Task.isCancelled ? .interrupted : Self.failure(for: error) }
      return reply
    }
  }

  /// Whether nobody can have begun to answer: the connection was kept, and closed before or just when the request went out.
  private static func isStale(_ error: any Error) -> Bool {
    switch error {
    case is ReplyGuard.Stale, ChannelError.alreadyClosed, ChannelError.ioOnClosedChannel: true
    default: false
    }
  }

  private static func failure(for error: any Error) -> Attempt.Failure {
    switch error {
    case let error as AddressGuard.Refusal: error.failure
    case is NIOConnectionError: .connect
    case let error as IOError: [ECONNRESET, EPIPE].contains(error.errnoCode) ? .reset : .connect
    case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: .tls
    case let error as HTTPClientError:
      switch error {
      case .connectTimeout: .connect
      case .tlsHandshakeTimeout: .tls
      case .readTimeout, .writeTimeout, .deadlineExceeded: .timeout
      case .invalidURL, .emptyHost, .emptyScheme: .invalid
      default: .reset
      }
    default: .reset
    }
  }
}

extension HTTPClient.Request {
  fileprivate init(_ request: WebhookRequest) throws {
    try self.init(
      url: request.url, method: request.method == .get ? .GET : .POST, headers: HTTPHeaders(request.headers.map { ($0.name, $0.value) }),
      body: request.body.map { .byteBuffer(ByteBuffer(bytes: $0)) })
  }
}

/// Reads a reply as it comes, and no more of it than is wanted.
private final class ReplyReader: HTTPClientResponseDelegate, Sendable {
  private struct State {
    var reply = WebhookReply()
    var isTimedOut = false
    var bytes: [UInt8] = []
    var count = 0
  }

  private let bytesMax: Int
  private let state = Mutex(State())

  init(bytesMax: Int) { self.bytesMax = bytesMax }

  var reply: WebhookReply {
    state.withLock { state in
      var reply = state.reply
      // PostgreSQL takes no NUL.
      if !state.bytes.isEmpty { reply.text = String(decoding: state.bytes, as: UTF8.self).replacing("\0", with: "\u{FFFD}") }
      return reply
    }
  }

  var isTimedOut: Bool { state.withLock { $0.isTimedOut } }

  func timeOut() { state.withLock { $0.isTimedOut = true } }

  func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
    let retryAfter = head.headers.first(name: "Retry-After").flatMap { RetryAfter.duration($0) }
    state.withLock { ($0.reply.status, $0.reply.retryAfter) = (Int(head.status.code), retryAfter) }
    return task.eventLoop.makeSucceededVoidFuture()
  }

  func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
    let isEnough = state.withLock { state in
      state.count += buffer.readableBytes
      state.bytes.append(contentsOf: buffer.readableBytesView.prefix(Attempt.replyBytesMax - state.bytes.count))
      return state.count >= bytesMax
    }
    if isEnough { task.cancel() }
    return task.eventLoop.makeSucceededVoidFuture()
  }

  func didFinishRequest(task: HTTPClient.Task<Void>) {}
}
