import ArgumentParser
import Foundation
import Logging
import NIOCore
import ParleyAPI
import ParleyDomain
import ParleyEngine
import ParleyStorage
import ServiceLifecycle

/// `parley serve`: settings, database, engine, server, in the order in which they start.
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the server.",
    discussion: """
      On an embedded database without accounts it makes one, and writes account.env beside the database.

      Example: parley serve --port 8080 --database-url sqlite:data/parley.db
      """)

  @OptionGroup var database: DatabaseOptions

  @Option(help: ArgumentHelp("Connections of this node to a database server.", valueName: "n"))
  var databaseConnections: String?

  @Option(help: ArgumentHelp("Whether the schema is brought up to date at the start: true or false.", valueName: "bool"))
  var databaseMigrate: String?

  @Option(help: "Address to listen on.")
  var host: String?

  @Option(help: "Port to listen on; 0 picks a free one.")
  var port: String?

  @Option(help: ArgumentHelp("Requests a second for each account; 0 is no limit.", valueName: "n"))
  var rateLimit: String?

  @Option(help: ArgumentHelp("Memory for request bodies in flight, in MiB.", valueName: "MiB"))
  var maxBodyMemory: String?

  @Option(help: ArgumentHelp("Connections of one client address; 0 is no limit.", valueName: "n"))
  var connectionsPerAddress: String?

  @Option(help: ArgumentHelp("How long requests are still taken after SIGTERM.", valueName: "seconds"))
  var drainSeconds: String?

  @Option(help: ArgumentHelp("Scheme and host of absolute URLs in answers.", valueName: "url"))
  var publicURL: String?

  @Option(help: ArgumentHelp("Addresses whose X-Forwarded-* headers are believed, joined by commas.", valueName: "addresses"))
  var trustedProxies: String?

  @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
  var logLevel: String?

  @Option(help: "text or json.")
  var logFormat: String?

  @Flag(help: "Let status callbacks go to http://, loopback and private hosts; the setting may name some of them.")
  var webhookAllowPrivate = false

  @Option(help: ArgumentHelp("Deliveries in flight on this node.", valueName: "n"))
  var webhookConcurrency: String?

  @Option(help: ArgumentHelp("Retries of a delivery before it is given up.", valueName: "n"))
  var webhookRetries: String?

  @Option(help: ArgumentHelp("How long deliveries are kept for looking at and resending.", valueName: "days"))
  var webhookLogDays: String?

  @Option(help: ArgumentHelp("Events that may wait for one URL; beyond, the oldest are given up.", valueName: "n"))
  var webhookBacklog: String?

  @Flag(help: "Print the auth token of the account in account.env.")
  var showToken = false

  func run() async throws {
    var read = try readSettings(flags: flags)
    let connectionsMax = try shareFiles(&read)
    let settings = read
    let isTerminal = isatty(STDERR_FILENO) == 1
    let log = LogSink(descriptor: STDERR_FILENO, format: settings.logFormat ?? (isTerminal ? .text : .json), level: settings.logLevel)
    LoggingSystem.bootstrap { SinkLogHandler(log, label: $0, level: max(settings.logLevel, .warning), now: SystemClock.now) }
    defer { log.close() }
    do {
      if let exposure = settings.database.exposure { say(exposure) }
      let (database, key) = try openDatabase(settings, as: .server, create: true)
      let engine = Engine(database: database, key: key, callbacks: CallbackPolicy(settings.privateHosts))
      let accountFile = try await firstAccount(of: engine, settings)
      let api = API(engine: engine, settings: settings.api, log: log)
      try await serve(api, engine, settings, accountFile, connectionsMax: connectionsMax)
      await database.close()
    } catch {
      throw CommandFailure(error)
    }
  }

  /// Of the account that a first start makes.
  private static let firstName = "default"

  /// Holds the settings to what the process may open; answers how many connections clients can have at a time.
  private func shareFiles(_ settings: inout Settings) throws -> Int {
    let shares: ProcessLimits.Shares
    let wanted = settings.webhooks.concurrency
    do {
      shares = try ProcessLimits.prepare(deliveries: wanted, database: settings.database.folder == nil ? settings.databaseConnections : 0)
    } catch {
      throw CommandFailure(error)
    }
    if let allowed = shares.allowed, shares.deliveries < wanted {
      say(
        "PARLEY_WEBHOOK_CONCURRENCY is held to \(shares.deliveries) instead of \(wanted), because the process may open "
          + "\(allowed) files only (ulimit -n)")
    }
    shares.apply(to: &settings.webhooks)
    return shares.clients
  }

  private var flags: [String: String] {
    let own = [
      "PARLEY_DATABASE_CONNECTIONS": databaseConnections, "PARLEY_DATABASE_MIGRATE": databaseMigrate, "PARLEY_HOST": host,
      "PARLEY_PORT": port, "PARLEY_RATE_LIMIT": rateLimit, "PARLEY_MAX_BODY_MEMORY": maxBodyMemory,
      "PARLEY_CONNECTIONS_PER_ADDRESS": connectionsPerAddress,
      "PARLEY_DRAIN_SECONDS": drainSeconds, "PARLEY_PUBLIC_URL": publicURL, "PARLEY_TRUSTED_PROXIES": trustedProxies,
      "PARLEY_LOG_LEVEL": logLevel, "PARLEY_LOG_FORMAT": logFormat, "PARLEY_WEBHOOK_ALLOW_PRIVATE": webhookAllowPrivate ? "true" : nil,
      "PARLEY_WEBHOOK_CONCURRENCY": webhookConcurrency, "PARLEY_WEBHOOK_RETRIES": webhookRetries,
      "PARLEY_WEBHOOK_LOG_DAYS": webhookLogDays, "PARLEY_WEBHOOK_BACKLOG": webhookBacklog,
    ]
    return own.compactMapValues { $0 }.merging(database.flags) { own, _ in own }
  }

  /// Makes the account that the settings name, or one of its own on an embedded database without any. Only that has a file of its account.
  private func firstAccount(of engine: Engine, _ settings: Settings) async throws -> AccountFile? {
    if let given = settings.account { try await ensure(given, in: engine) }
    guard let folder = settings.database.folder else { return nil }
    let accounts = try await engine.accounts.list()
    var file: AccountFile
    do {
      file = try AccountFile(in: folder)
    } catch let error as UnreadableFile where settings.account != nil || !accounts.isEmpty {
      // The first account's token would be lost; any other server can do without the file.
      say("\(error), and is left as it is")
      return nil
    }
    if let given = settings.account {
      if !file.exists { (file.sid, file.token) = (given.sid.text, given.token) }
    } else if accounts.isEmpty {
      let made = try await engine.accounts.create(name: Self.firstName)
      (file.sid, file.token, file.url) = (made.account.id.text, made.token, "http://\(LocalHost.reachable(settings.host)):\(settings.port)")
    }
    // A first start that ended between the account and its file: nobody else has the token.
    if !file.exists, accounts.count == 1, let first = accounts.first, first.name == Self.firstName, first.disabledAt == nil {
      file.sid = first.id.text
    }
    if file.token == nil, let known = accounts.first(where: { $0.id.text == file.sid }) {
      file.token = try await engine.accounts.token(of: known.id)
    }
    return file
  }

  /// Another node may make the same account at the same time.
  private func ensure(_ given: Settings.GivenAccount, in engine: Engine) async throws {
    do {
      _ = try await engine.accounts.create(name: Self.firstName, sid: given.sid, token: given.token)
    } catch AccountFailure.exists {
      guard try await engine.accounts.token(of: given.sid) == given.token else {
        throw StartFailure("account \(given.sid.text) has another token than PARLEY_AUTH_TOKEN: see parley account rotate-token")
      }
    }
  }

  private func serve(
    _ api: API, _ engine: Engine, _ settings: Settings, _ accountFile: AccountFile?, connectionsMax: Int
  ) async throws {
    var limits = ServerLimits()
    limits.connections = connectionsMax
    let service = try Server(api, limits: limits).service(
      host: settings.host, port: settings.port, logger: Logger(label: "http")
    ) { address in
      do {
        try announce(settings, accountFile, at: address)
      } catch {
        say("\(error)")
        Foundation.exit(1)
      }
    }
    let sender = WebhookSender(addresses: AddressGuard(policy: engine.callbacks, resolver: SystemResolver()), settings: settings.webhooks)
    let loop = JobLoop(engine: engine, settings: settings.webhooks, sender: sender, logger: Logger(label: "webhooks"))
    if settings.database.folder != nil { try await loop.takeOver() }
    let group = ServiceGroup(configuration: .init(services: [LoopService(loop: loop), service], logger: Logger(label: "services")))
    let shutdown = Shutdown(drainSeconds: settings.drainSeconds, api: api) {
      // At once, not when the last request is done, as services end one after the other.
      loop.stop()
      Task { await group.triggerGracefulShutdown() }
    }
    defer { shutdown.end() }
    do {
      try await group.run()
    } catch {
      // The next start is not the first one any more, and would not write it.
      if let accountFile, accountFile.token != nil, let folder = settings.database.folder, let written = try? AccountFile(in: folder),
        written.writtenToken == nil
      {
        try? accountFile.write()
      }
      let place = "\(LocalHost.inURL(settings.host)):\(settings.port)"
      throw StartFailure("the server can't listen on \(place); if the port is in use, set PARLEY_PORT (\(error))")
    }
    await sender.shutDown()
  }

  /// Writes the URL into account.env and prints it. A file of an account that this database does not have is left alone.
  private func announce(_ settings: Settings, _ accountFile: AccountFile?, at address: SocketAddress?) throws {
    let port = address?.port ?? settings.port
    let url = settings.api.publicURL ?? "http://\(LocalHost.reachable(settings.host)):\(port)"
    var text = "Parley listens on \(url)"
    if var file = accountFile, file.token != nil {
      file.url = url
      try file.write()
      text += "\n\(file.example)"
      if showToken { text += "\nTWILIO_AUTH_TOKEN=\(file.token ?? "")" }
    }
    printResult(text)
  }
}

/// The loop in a group that ends its services one after the other, each when the one before has returned. It is stopped by then.
private struct LoopService: Service {
  let loop: JobLoop

  func run() async throws {
    try await loop.run()
    try? await gracefulShutdown()
  }
}
