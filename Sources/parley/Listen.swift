import ArgumentParser
import AsyncHTTPClient
import Foundation
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ParleyDomain
import ParleyEngine
import ParleyStorage
import ServiceLifecycle
import UnixSignals

/// `parley listen`: the events of an account, as they arrive, on a developer's terminal and in his application.
struct Listen: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the webhooks of an account as they arrive, and forward them to an application on this machine.",
    discussion: """
      Listens to all conversations of the account until it is ended; nothing needs to be configured for it. What is forwarded is signed
      anew for the URL that it goes to, so that the application's own check passes.

      The server must allow this machine, on which the command listens: PARLEY_WEBHOOK_ALLOW_PRIVATE=127.0.0.1, or true.
      Account and server come from TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and PARLEY_URL, else from account.env beside the database.

      Example: parley listen --forward-to http://localhost:3000/hook
      """)

  @OptionGroup var database: DatabaseOptions
  @Option(help: ArgumentHelp("Where events are sent on to; without it they are only printed.", valueName: "url")) var forwardTo: String?
  @Flag(help: "Read the URL of --forward-to from a line of standard input, for one with a password in it.") var forwardToStdin = false
  @Option(help: ArgumentHelp("Address to listen on, which the server must reach.", valueName: "address")) var host = "127.0.0.1"
  @Option(help: "Port to listen on; 0 picks a free one.") var port = 0
  @Flag(help: "Print one JSON object an event.") var json = false
  /// Between renewals of the listener, for tests.
  @Option(help: .hidden) var renewSeconds = 20

  func validate() throws {
    guard (0...65535).contains(port) else { throw ValidationError("--port must be 0 to 65535") }
    guard (1...30).contains(renewSeconds) else { throw ValidationError("--renew-seconds must be 1 to 30") }
    guard let forwardTo else { return }
    if forwardToStdin { throw ValidationError("--forward-to and --forward-to-stdin can't be given together") }
    if try Self.target(forwardTo, of: "--forward-to").basicAuthorization != nil {
      throw ValidationError("--forward-to has a user or password, which ps shows: use --forward-to-stdin")
    }
  }

  private static func target(_ url: String, of option: String) throws -> CallbackTarget {
    if let objection = CallbackPolicy(allowPrivate: true).objection(to: url) { throw ValidationError("\(option) \(objection)") }
    guard let target = CallbackTarget(url) else { throw ValidationError("\(option) is not a URL that can be called") }
    return target
  }

  /// Where events are sent on to, if anywhere.
  private func forwardTarget() throws -> CallbackTarget? {
    guard forwardToStdin else { return try forwardTo.map { try Self.target($0, of: "--forward-to") } }
    let url: String
    do { url = try TextFile.firstLineOfInput() } catch { throw CommandFailure(error) }
    return try Self.target(url, of: "the URL on standard input")
  }

  func run() async throws {
    do { try ProcessLimits.raiseFiles(atLeast: ProcessLimits.filesReserved) } catch { throw CommandFailure(error) }
    let settings = try readSettings(flags: database.flags)
    let target = try forwardTarget()
    let account: ListenAccount
    do { account = try ListenAccount { try ListenAccount.Access(settings) } } catch { throw CommandFailure(error) }
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    // An application that is down is said at once.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.guardReplies()
    let client = HTTPClient(
      eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
    do {
      try await listen(account, target, client)
    } catch {
      try? await client.shutdown()
      throw CommandFailure(error)
    }
    try await client.shutdown()
  }

  private func listen(_ account: ListenAccount, _ target: CallbackTarget?, _ client: HTTPClient) async throws {
    let registration = ListenRegistration(account: account, client: client, renewal: .seconds(Int64(renewSeconds)))
    let forward = target.map { EventForward(target: $0, account: account, client: client) }
    let reception = EventReception(account: account, forward: forward, json: json)
    let quiet = Logger(label: "listen") { _ in SwiftLogNoOpLogHandler() }
    let server = try HTTPServerBuilder.http1().buildServer(
      configuration: .init(address: .hostname(LocalHost.bare(host), port: port)),
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet
    ) { request, writer, _ in
      try await reception.receive(request, writer)
    } onServerRunning: { [host] channel in
      registration.isReached(at: "http://\(LocalHost.reachable(host)):\(channel.localAddress?.port ?? 0)/")
    }
    let group = ServiceGroup(
      configuration: .init(services: [server, registration], gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet))
    try await group.run()
  }
}

/// Sends an event on, signed for where it goes.
struct EventForward: Sendable {
  private static let timeout = TimeAmount.seconds(14)

  let target: CallbackTarget
  let account: ListenAccount
  let client: HTTPClient

  /// The application's status; 502 when it gives none.
  func send(_ body: [UInt8], headers: HTTPFields) async -> Int {
    let signed = WebhookSignature(post: body, to: target, token: account.access.token)
    var request = HTTPClientRequest(url: target.connectionURL(signed.url))
    request.method = .POST
    request.body = .bytes(ByteBuffer(bytes: body))
    for field in headers where !Self.ownHeaders.contains(field.name.canonicalName) {
      request.headers.add(name: field.name.rawName, value: field.value)
    }
    request.headers.add(name: "Host", value: target.hostHeader)
    request.headers.add(name: "X-Twilio-Signature", value: signed.signature)
    if let login = target.basicAuthorization {
      request.headers.add(name: "Authorization", value: "Basic \(Data(login).base64EncodedString())")
    }
    do {
      return Int(try await client.execute(request, timeout: Self.timeout).status.code)
    } catch {
      say("\(target.hostHeader) does not answer")
      return 502
    }
  }

  /// Those of the connection, and those that are made anew.
  private static let ownHeaders: Set<String> = [
    "host", "connection", "content-length", "transfer-encoding", "x-twilio-signature", "authorization",
  ]
}

/// Takes one event: checks its signature, sends it on if that is right, prints it, and answers what the application answered.
struct EventReception: Sendable {
  private static let bodyBytesMax = 16 << 20
  private static let typeCharactersMax = 100

  let account: ListenAccount
  let forward: EventForward?
  let json: Bool

  func receive(_ request: Request, _ writer: consuming ResponseWriter) async throws {
    let body = Array(try await request.body.collect(upTo: Self.bodyBytesMax).readableBytesView)
    let url = "http://\(request.head.authority ?? "")\(request.head.path ?? "/")"
    let signature = request.headers[.signature]
    let isValid = signature.map { WebhookSignature.isValid($0, url: url, body: body, token: account.access.token) } ?? false
    // Whoever reaches this port may send anything: what is sent on gets the account's own signature, so only what had one is.
    let status = isValid ? await forward?.send(body, headers: request.headers) : nil
    if isValid {
      show(body, forwarded: status)
    } else {
      showRefused(signature == nil ? "not signed" : "signature does not match", bytes: body.count, type: request.headers[.contentType])
    }
    let answer = status ?? (isValid ? 200 : 403)
    try await writer.writeResponse(HTTPResponse(status: .init(code: answer), headerFields: [.contentLength: "0"]))
  }

  private func show(_ body: [UInt8], forwarded status: Int?) {
    let event = (try? JSON.parse(body))?.object
    guard json else {
      let data = event?["data"]?.object
      let conversation = data?["conversationId"]?.string ?? data?["id"]?.string ?? "-"
      let line = [
        event?["timestamp"]?.string ?? "-", event?["eventType"]?.string ?? "not an event", conversation, "signature valid",
        status.map { "forwarded: \($0)" },
      ]
      let head = line.compactMap { $0.map(Terminal.text) }.joined(separator: "  ")
      return printResult("\(head)\n  \(Terminal.text(String(decoding: body, as: UTF8.self)))")
    }
    printObject(isValid: true, forwarded: status) { writer in
      writer.name("event")
      // Written anew, so that it is one line.
      if let event { writer.value(.object(event)) } else { writer.null() }
    }
  }

  /// Anybody may have sent what is not correctly signed, so only its size and type are shown.
  private func showRefused(_ problem: String, bytes: Int, type: String?) {
    let type = String(String.UnicodeScalarView((type ?? "no content type").unicodeScalars.prefix(Self.typeCharactersMax)))
    guard json else { return printResult("\(problem): \(bytes) bytes, \(Terminal.text(type))") }
    printObject(isValid: false, forwarded: nil) { writer in
      writer.name("event")
      writer.null()
      writer.member("problem", problem)
      writer.member("bytes", Int64(bytes))
      writer.member("contentType", type)
    }
  }

  private func printObject(isValid: Bool, forwarded status: Int?, _ rest: (inout JSONWriter) -> Void) {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("signatureValid", isValid)
      writer.name("forwardStatus")
      if let status { writer.integer(Int64(status)) } else { writer.null() }
      rest(&writer)
    }
    printResult(String(decoding: writer.bytes, as: UTF8.self))
  }
}

extension HTTPField.Name {
  fileprivate static let signature = HTTPField.Name("X-Twilio-Signature") ?? .authorization
}
