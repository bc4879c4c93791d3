import Foundation
import Logging
import NIOCore
import ParleyAPI
import ParleyDomain
import ParleyEngine
import ParleyStorage
import ServiceLifecycle

/// The real server in the test's own process: on a free port of 127.0.0.1, over a database file of its own, with time that stands still
/// until the test moves it, ids that are counted, and accounts whose SIDs and tokens are always the same.
package final class TestServer: Sendable {
  package let clock: TestClock
  package let engine: Engine
  package let api: API
  package let port: Int
  /// As many as the test asked for.
  package let callers: [Caller]

  private let opened: TestDatabase
  private let log: LogSink
  private let logFile: FileHandle
  private let group: ServiceGroup
  private let running: Task<Void, Never>

  /// Runs a test on a fresh server, which ends with it.
  package static func with(
    _ settings: APISettings = APISettings(), accounts: Int = 1, logFormat: LogSink.Format = .json, limits: ServerLimits = ServerLimits(),
    host: String = "127.0.0.1", _ test: (TestServer) async throws -> Void
  ) async throws {
    let server = try await TestServer(settings, accounts: accounts, logFormat: logFormat, limits: limits, host: host)
    do {
      try await test(server)
      await server.end()
    } catch {
      await server.end()
      throw error
    }
  }

  private init(_ settings: APISettings, accounts: Int, logFormat: LogSink.Format, limits: ServerLimits, host: String) async throws {
    opened = try TestDatabase()
    let logPath = opened.folder.appendingPathComponent("log").path
    guard let key = SecretKey(Array(0..<UInt8(SecretKey.byteCount))), FileManager.default.createFile(atPath: logPath, contents: nil),
      let logFile = FileHandle(forUpdatingAtPath: logPath)
    else { throw StartFailure("a test server lacks its key or its log") }
    let clock = TestClock()
    let engine = Engine(
      database: opened.database, key: key, callbacks: CallbackPolicy(allowPrivate: false), clock: { clock.now },
      ids: IDGenerator(random: CountedBits()))
    let log = LogSink(descriptor: logFile.fileDescriptor, format: logFormat, level: .info, closing: .seconds(60))
    // A sign-in stays remembered, however slow the machine is.
    let start = ContinuousClock.now
    let api = API(engine: engine, settings: settings, log: log) { start }
    (self.clock, self.engine, self.api, self.log, self.logFile) = (clock, engine, api, log, logFile)

    var callers: [Caller] = []
    for number in 1...UInt8(accounts) { callers.append(try await Caller(number, in: engine)) }
    self.callers = callers

    let (ports, port) = AsyncThrowingStream.makeStream(of: Int.self)
    let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let service = try Server(api, limits: limits).service(host: host, port: 0, logger: quiet) { address in port.yield(address?.port ?? 0) }
    let group = ServiceGroup(configuration: .init(services: [service], logger: quiet))
    running = Task {
      do {
        try await group.run()
        port.finish()
      } catch {
        port.finish(throwing: error)
      }
    }
    self.group = group
    guard let number = try await ports.first(where: { _ in true }) else { throw StartFailure("a test server did not start") }
    self.port = number
  }

  /// The account of most tests.
  package var caller: Caller { callers[0] }

  /// Sends a request by a connection of its own. With a caller it is signed in; a host is named either way.
  package func send(_ request: WireRequest, as caller: Caller?) async throws -> WireAnswer {
    try await Wire.with(port: port) { wire in
      try await wire.send(signed(request, as: caller).bytes)
      return try await wire.receive(toHead: request.method == "HEAD")
    }
  }

  /// The same for the account of most tests.
  package func send(_ method: String, _ target: String, _ json: String? = nil) async throws -> WireAnswer {
    try await send(WireRequest(method, target, json), as: caller)
  }

  /// The request with its host, and signed in.
  package func signed(_ request: WireRequest, as caller: Caller?) -> WireRequest {
    var signed = request
    if let caller { signed.headers.insert(("Authorization", caller.authorization), at: 0) }
    if request["Host"] == nil { signed.headers.insert(("Host", "parley.test"), at: 0) }
    return signed
  }

  /// Takes the database away, as a broken disk would; the server goes on.
  package func loseDatabase() async { await opened.database.close() }

  /// Stops the server and answers what it logged. Nothing else can be asked of it then.
  package func logAfterStop() async throws -> String {
    await stop()
    try logFile.seek(toOffset: 0)
    return String(decoding: try logFile.readToEnd() ?? Data(), as: UTF8.self)
  }

  private func stop() async {
    await group.triggerGracefulShutdown()
    await running.value
    log.close()
  }

  private func end() async {
    await stop()
    await opened.end()
    try? logFile.close()
  }
}

/// An account as its callers know it.
package struct Caller: Sendable {
  package let account: Account.ID
  package let token: String

  /// Makes the account; the number tells it from others.
  fileprivate init(_ number: UInt8, in engine: Engine) async throws {
    account = Account.ID(random: Array(repeating: number, count: 16))
    token = Array(repeating: 0xA0 | number, count: 16).hex
    _ = try await engine.accounts.create(name: "Account \(number)", sid: account, token: token)
  }

  /// The header that signs in.
  package var authorization: String { Self.authorization(account.text, token) }

  package static func authorization(_ user: String, _ password: String) -> String {
    "Basic \(Data("\(user):\(password)".utf8).base64EncodedString())"
  }
}

/// Bits that only count, so that ids come out the same each time.
private struct CountedBits: RandomNumberGenerator, Sendable {
  private var count: UInt64 = 0

  mutating func next() -> UInt64 {
    count += 1
    return count
  }
}
