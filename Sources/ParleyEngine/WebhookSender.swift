import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import ParleyDomain
import ParleyStorage

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
    if let login = target.basicAuthorization { headers.append(("Authorization", "Basic \(Data(login).base64EncodedString())")) }
    self.headers = headers
  }
}

/// Calls callbacks: to an address that was checked, for a bounded time, and reading a bounded reply. Redirects are not followed.
package final class WebhookSender: Sendable {
  /// The longest URL that is called, as it is when the event stands in it.
  static let urlBytesMax = 64 << 10

  private let addresses: AddressGuard
  private let settings: WebhookSettings
  private let clients: WebhookClients
  private let deadlines: Deadlines
  private let certificates: CertificateExaminer

  package init(addresses: AddressGuard, settings: WebhookSettings) {
    (self.addresses, self.settings) = (addresses, settings)
    clients = WebhookClients(settings: settings)
    certificates = CertificateExaminer(connectTime: settings.connectTime)
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
    // B-HOOK-37
    if request.url.utf8.count > Self.urlBytesMax { return WebhookReply(failure: .urlTooLong(max: Self.urlBytesMax)) }
    do {
      let outgoing = try HTTPClient.Request(request, to: target)
      let addresses = try await addresses.addresses(of: target)
      for (index, address) in addresses.enumerated() {
        let reply = try await send(outgoing, to: target, at: address, until: deadline, mayBeStale: true)
        // The next address of the name, if there is time for it.
        if reply.failure?.kind == .connect, index + 1 < addresses.count, .now < deadline { continue }
        if reply.failure?.kind == .connect { self.addresses.forget(target.host) }
        return reply
      }
      return WebhookReply(failure: WebhookFailure(AddressGuard.Refusal(failure: .dns)))
    } catch let refusal as AddressGuard.Refusal where refusal.failure == .dns {
      // A resolver that can open no file finds no address either.
      return WebhookReply(failure: OwnShortage.ofFiles().map(WebhookFailure.shortage) ?? WebhookFailure(refusal))
    } catch {
      return WebhookReply(failure: WebhookFailure(error))
    }
  }

  /// Sends once, or twice where the connection that was kept for it turns out to be closed.
  private func send(
    _ request: HTTPClient.Request, to target: CallbackTarget, at address: String, until deadline: ContinuousClock.Instant,
    mayBeStale: Bool
  ) async throws -> WebhookReply {
    // B-HOOK-40: other connections that were kept may be closed as well.
    let client = mayBeStale ? clients.take(host: target.host, address: address) : clients.fresh(host: target.host, address: address)
    defer { clients.giveBack(client) }
    let keepsText = settings.keepsPrivateReplies || IPAddress(address)?.isPublic ?? false
    let reader = ReplyReader(bytesMax: settings.replyBytesMax, keepsText: keepsText)
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
      guard reply.status == nil else { return reply }
      reply.failure = reader.isTimedOut ? .timeout : Task.isCancelled ? .interrupted : WebhookFailure(error)
      if WebhookFailure.isOfCertificate(error) {
        reply.failure?.reason = await certificates.reason(host: target.host, address: address, port: target.port, until: deadline)
      }
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
}

extension HTTPClient.Request {
  fileprivate init(_ request: WebhookRequest, to target: CallbackTarget) throws {
    try self.init(
      url: target.connectionURL(request.url), method: request.method == .get ? .GET : .POST,
      headers: HTTPHeaders(request.headers.map { ($0.name, $0.value) }),
      body: request.body.map { .byteBuffer(ByteBuffer(bytes: $0)) })
  }
}
