import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ParleyDomain
import ParleyEngine
import ServiceLifecycle
import Synchronization

/// Serves the API over HTTP/1.1.
package struct Server: Sendable {
  /// Connections at a time; beyond, new ones wait. Fewer where the process may not have so many files open.
  package static let connectionsMax = 10_000
  /// How long a connection may stand without a request, or without a part of one.
  private static let idleTime = TimeAmount.seconds(75)
  /// Answers above this size have `writeTime` to be taken.
  private static let quickBytesMax = 64 << 10
  private static let writeTime = TimeAmount.seconds(60)

  private let api: API
  private let table: RouteTable
  private let dates = HTTPDates()

  package init(_ api: API) {
    self.api = api
    table = RouteTable(api.routes())
  }

  /// The server as a service that runs until it is told to stop; then it takes no new connections and finishes what it has begun.
  package func service(
    host: String, port: Int, connectionsMax: Int = Server.connectionsMax, logger: Logger,
    onRunning: @escaping @Sendable (_ address: SocketAddress?) async -> Void
  ) throws -> any Service {
    try HTTPServerBuilder.http1(configuration: .init(idleTimeout: Self.idleTime)).buildServer(
      configuration: .init(
        address: .hostname(host, port: port), backlog: 1024,
        availableConnectionsDelegate: MaximumAvailableConnections(connectionsMax)),
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger
    ) { request, writer, channel in
      try await respond(to: request, writer, on: channel)
    } onServerRunning: { channel in
      await onRunning(channel.localAddress)
    }
  }

  /// Answers one request. The steps stand in the order in which their errors are said (B-ERR-8).
  private func respond(to request: Request, _ writer: consuming ResponseWriter, on channel: any NIOCore.Channel) async throws {
    let start = ContinuousClock.now
    let id = RequestID()
    let (path, query) = Self.parts(of: request.head.path ?? "")
    let found = table.find(path)
    var body = IncomingBody(request)
    var claim = BodyBudget.Claim(of: api.bodies.budget)
    var signedIn: SignedIn?
    var credential: Credential?
    defer {
      claim.giveBack()
      signedIn?.requests.subtract(1, ordering: .relaxed)
    }

    let reply: Reply
    var cause: String?
    var skippedMax = BodyReader.refusedBytesMax
    do {
      if Self.needsSignIn(path) {
        let caller = try await api.authentication.identify(request.headers[.authorization])
        caller.signedIn.requests.add(1, ordering: .relaxed)
        (signedIn, credential) = (caller.signedIn, caller.credential)
      }
      guard let found else { throw Refusal.noSuchPath }
      guard let route = found.path.route(request.method) else { throw Refusal.methodNotAllowed(allow: found.path.allow) }
      switch route.answer {
      case .open(let handler): reply = try await handler()
      case .api(let handler):
        guard let signedIn, let credential else { throw Refusal.notSignedIn }
        let token = signedIn.bucket.take()
        guard token.isTaken else { throw Refusal.tooManyRequests(retryAfterSeconds: token.retryAfterSeconds) }
        var bytes: [UInt8] = []
        if route.takesBody {
          bytes = try await api.bodies.read(&body, of: signedIn.account, claim: &claim, on: channel) {
            try await writer.writeInformationalHead(HTTPResponse(status: .continue))
          }
        } else {
          // B-HTTP-1: a body on a GET is read to the limit and ignored.
          skippedMax = BodyReader.bytesMax
        }
        let call = Call(
          account: signedIn.account, credential: credential, requestID: id, parameters: found.parameters, query: Query(query),
          body: try await api.bodies.parse(bytes, of: signedIn.account, claim: claim), idempotencyKey: request.headers[.idempotencyKey],
          baseURL: api.baseURLs.base(of: request.head, on: channel),
          target: "\(request.method.rawValue) \(path.hasSuffix("/") ? path.dropLast() : path)", tokens: api.tokens)
        reply = try await handler(call)
      }
    } catch let failure as ConnectionFailure {
      throw failure.underlying
    } catch {
      let errorReply = ErrorReply(error)
      (reply, cause) = (errorReply.reply, errorReply.cause)
    }

    // What comes now, sending and skipping, may take long and needs none of it.
    claim.giveBack()
    let duration = start.duration(to: .now).microseconds
    let head = head(of: reply, id: id, microseconds: duration, concurrent: signedIn?.requests.load(ordering: .relaxed) ?? 1)
    try await write(head, request.method == .head ? nil : reply.body, to: writer, on: channel)
    api.counts.count(path: found?.path.index, status: reply.status.code, microseconds: duration)
    api.log.request(
      id: id, account: signedIn?.account, method: request.method, template: found?.path.template ?? "none", status: reply.status.code,
      microseconds: duration, cause: cause, at: api.engine.now())
    guard try await api.bodies.skip(&body, upTo: skippedMax, on: channel), !Self.asksToClose(request) else {
      throw ConnectionFailure(underlying: ChannelError.ioOnClosedChannel)
    }
  }

  private func write(
    _ head: HTTPResponse, _ body: ByteBuffer?, to writer: consuming ResponseWriter, on channel: any NIOCore.Channel
  ) async throws {
    guard let body else { return try await writer.writeResponse(head) }
    let deadline = body.readableBytes > Self.quickBytesMax ? channel.closes(in: Self.writeTime) : nil
    defer { deadline?.cancel() }
    try await writer.write(response: head, body: ResponseBody(byteBuffer: body))
  }

  private func head(of reply: Reply, id: RequestID, microseconds: Int, concurrent: Int) -> HTTPResponse {
    var fields = HTTPFields()
    fields.reserveCapacity(6 + reply.headers.count)
    if reply.status != .noContent {
      fields.append(HTTPField(name: .contentType, value: reply.contentType))
      fields.append(HTTPField(name: .contentLength, value: String(reply.body.readableBytes)))
    }
    fields.append(HTTPField(name: .date, value: dates.text(at: api.engine.now())))
    fields.append(HTTPField(name: .twilioRequestId, value: id.text))
    fields.append(HTTPField(name: .twilioRequestDuration, value: Milliseconds.asSeconds(microseconds / 1000)))
    fields.append(HTTPField(name: .twilioConcurrentRequests, value: String(concurrent)))
    for header in reply.headers { fields.append(HTTPField(name: header.name, value: header.value)) }
    return HTTPResponse(status: reply.status, headerFields: fields)
  }

  /// Whether `Connection` has the option `close`, in any case.
  private static func asksToClose(_ request: Request) -> Bool {
    guard let options = request.headers[.connection] else { return false }
    return options.split(separator: ",").contains { $0.trimmingPrefix { $0 == " " }.lowercased().split(separator: " ").first == "close" }
  }

  private static func parts(of target: String) -> (path: Substring, query: Substring?) {
    guard let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (target[...], nil) }
    return (target[..<mark], target[target.utf8.index(after: mark)...])
  }

  /// Whether the path is the API's, so that even an unknown one asks who is calling (B-AUTH-3).
  private static func needsSignIn(_ path: Substring) -> Bool {
    [Self.memory, Self.conversations, Self.extensions].contains { prefix in
      path.utf8.starts(with: prefix) && (path.utf8.count == prefix.count || path.utf8.dropFirst(prefix.count).first == UInt8(ascii: "/"))
    }
  }

  private static let memory = Array("/v1".utf8)
  private static let conversations = Array("/v2".utf8)
  private static let extensions = Array("/parley".utf8)
}
