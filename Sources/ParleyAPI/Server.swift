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
  /// Answers above this size are waited for until they are taken.
  private static let quickBytesMax = 64 << 10

  private let api: API
  private let limits: ServerLimits
  private let table: RouteTable
  private let dates = HTTPDates()

  package init(_ api: API, limits: ServerLimits = ServerLimits()) {
    self.api = api
    self.limits = limits
    table = RouteTable(api.routes())
  }

  /// The server as a service that runs until it is told to stop; then it takes no new connections and finishes what it has begun.
  package func service(
    host: String, port: Int, logger: Logger, onRunning: @escaping @Sendable (_ address: SocketAddress?) async -> Void
  ) throws -> any Service {
    let perAddress = limits.perAddress(api.connectionsPerAddress)
    return try HTTPServerBuilder { responder in
      ClientChannel(http: HTTP1Channel(responder: responder), counts: api.connections, perAddress: perAddress, limits: limits)
    }.buildServer(
      configuration: .init(
        address: .hostname(host, port: port), backlog: 1024,
        availableConnectionsDelegate: MaximumAvailableConnections(limits.connections)),
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger
    ) { request, writer, channel in
      try await respond(to: request, writer, on: channel)
    } onServerRunning: { channel in
      await onRunning(channel.localAddress)
    }
  }

  /// A request on its way, with what is held for it.
  private struct Exchange {
    let request: Request
    let id = RequestID()
    let path: Substring
    let query: Substring?
    let found: (path: RouteTable.Path, parameters: Parameters)?
    var caller: Authentication.Caller?
    var body: IncomingBody
    /// How much of the body is still read behind the answer.
    var skippedMax = BodyReader.refusedBytesMax
    var bodyClaim: BodyBudget.Claim
    var answerClaim: AnswerBudget.Claim?

    /// Bytes of the answer's body that the client gets.
    func bytesSent(of reply: Reply) -> Int { request.method == .head ? 0 : reply.body.readableBytes }
  }

  /// Answers one request, counts and logs it, and makes the connection ready for the next one.
  private func respond(to request: Request, _ writer: consuming ResponseWriter, on channel: any NIOCore.Channel) async throws {
    let start = ContinuousClock.now
    let (path, query) = Self.parts(of: request.head.path ?? "")
    var exchange = Exchange(
      request: request, path: path, query: query, found: table.find(path), body: IncomingBody(request),
      bodyClaim: BodyBudget.Claim(of: api.bodies.budget))
    defer {
      exchange.bodyClaim.giveBack()
      exchange.caller?.signedIn.requests.subtract(1, ordering: .relaxed)
    }

    let reply: Reply
    var cause: String?
    do {
      reply = try await answer(&exchange, on: channel) { try await writer.writeInformationalHead(HTTPResponse(status: .continue)) }
    } catch let failure as ConnectionFailure {
      throw failure.underlying
    } catch {
      let errorReply = ErrorReply(error)
      (reply, cause) = (errorReply.reply, errorReply.cause)
      // Also where the body was whole by then: its connection was told, and can't be read any further.
      if exchange.bodyClaim.isGivenUp { exchange.body.giveUp() }
    }

    // What comes now, sending and skipping, may take long and needs none of it.
    exchange.bodyClaim.giveBack()
    let duration = start.duration(to: .now).microseconds
    let signedIn = exchange.caller?.signedIn
    var head = head(of: reply, id: exchange.id, microseconds: duration, concurrent: signedIn?.requests.load(ordering: .relaxed) ?? 1)
    if exchange.body.isLeft(beyond: exchange.skippedMax) { head.headerFields[.connection] = "close" }
    try await write(head, request.method == .head ? nil : reply.body, claim: exchange.answerClaim, to: writer, on: channel)
    api.counts.count(path: exchange.found?.path.index, status: reply.status.code, microseconds: duration)
    api.log.request(
      id: exchange.id, account: signedIn?.account, method: request.method, template: exchange.found?.path.template ?? "none",
      status: reply.status.code, microseconds: duration, cause: cause, at: api.engine.now())
    guard try await api.bodies.skip(&exchange.body, upTo: exchange.skippedMax, on: channel) else {
      throw ConnectionFailure(underlying: ChannelError.ioOnClosedChannel)
    }
  }

  /// The answer to a request, with its memory claimed. The steps stand in the order in which their errors are said (B-ERR-8).
  private func answer(
    _ exchange: inout Exchange, on channel: any NIOCore.Channel, proceed: () async throws -> Void
  ) async throws -> Reply {
    let request = exchange.request
    // What is wrong with the message itself comes before who sends it.
    try RequestHost.check(request.head)
    if request.method == .connect { throw Refusal.methodNotAllowed(allow: "DELETE, GET, HEAD, PATCH, POST, PUT") }
    if Self.needsSignIn(exchange.path) {
      let caller = try await api.authentication.identify(request.headers[.authorization])
      caller.signedIn.requests.add(1, ordering: .relaxed)
      exchange.caller = caller
    }
    guard let found = exchange.found else { throw Refusal.noSuchPath }
    guard let route = found.path.route(request.method) else { throw Refusal.methodNotAllowed(allow: found.path.allow) }
    switch route.answer {
    case .open(let handler):
      let reply = try await handler()
      exchange.answerClaim = try api.answers.take(exchange.bytesSent(of: reply), for: nil, mustBeSaid: false)
      return reply
    case .api(let handler):
      guard let caller = exchange.caller else { throw Refusal.notSignedIn }
      let account = caller.signedIn.account
      let token = caller.signedIn.bucket.take()
      guard token.isTaken else { throw Refusal.tooManyRequests(retryAfterSeconds: token.retryAfterSeconds) }
      try api.answers.checkRoom(for: account, givesPage: route.givesPage)
      var bytes: [UInt8] = []
      if route.takesBody {
        bytes = try await api.bodies.read(&exchange.body, of: account, claim: &exchange.bodyClaim, on: channel, proceed: proceed)
      } else {
        // B-HTTP-1: a body on a GET is read to the limit and ignored.
        exchange.skippedMax = BodyReader.bytesMax
      }
      let path = exchange.path
      let call = Call(
        account: account, credential: caller.credential, requestID: exchange.id, parameters: found.parameters, query: Query(exchange.query),
        body: try await api.bodies.parse(bytes, of: account, claim: exchange.bodyClaim), idempotencyKey: request.headers[.idempotencyKey],
        baseURL: api.baseURLs.base(of: request.head, on: channel),
        target: "\(request.method.rawValue) \(path.hasSuffix("/") ? path.dropLast() : path)", tokens: api.tokens)
      let reply = try await handler(call)
      exchange.answerClaim = try api.answers.take(exchange.bytesSent(of: reply), for: account, mustBeSaid: route.method != .get)
      return reply
    }
  }

  /// Writes an answer, and gives its memory back once the client has taken it. A large one ends only then, as its connection would be idle
  /// behind its end.
  private func write(
    _ head: HTTPResponse, _ body: ByteBuffer?, claim: AnswerBudget.Claim?, to writer: consuming ResponseWriter,
    on channel: any NIOCore.Channel
  ) async throws {
    guard let body else { return try await writer.writeResponse(head) }
    guard let claim else { return try await writer.write(response: head, body: ResponseBody(byteBuffer: body)) }
    let taken = ConnectionHandler.Taken()
    if body.readableBytes <= Self.quickBytesMax {
      defer { channel.triggerUserOutboundEvent(taken).whenComplete { _ in claim.giveBack() } }
      try await writer.write(response: head, body: ResponseBody(byteBuffer: body))
    } else {
      defer { claim.giveBack() }
      var rest = try await writer.writeHead(head)
      try await rest.write(body)
      try await channel.triggerUserOutboundEvent(taken).get()
      try await rest.finish(nil)
    }
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

extension IncomingBody {
  /// Whether so much of it will not be read that the connection ends behind the answer.
  fileprivate func isLeft(beyond bytesMax: Int) -> Bool {
    isGivenUp || isAnnounced && !hasEnded && (awaitsContinue || length.map { $0 > bytesMax } ?? false)
  }
}
