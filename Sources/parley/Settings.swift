import Foundation
import Logging
import ParleyAPI
import ParleyDomain
import ParleyEngine
import ParleyStorage

/// What an operator sets. A flag wins over the environment, the environment over the file named by `PARLEY_CONFIG`.
struct Settings: Sendable {
  var host = "127.0.0.1"
  var port = 8080
  var database = DatabaseLocation.sqlite(path: "data/parley.db")
  /// Connections of this node to a database server.
  var databaseConnections = 10
  /// Whether a server brings the schema up to date when it starts.
  var migrates = true
  var secretKeyFile = "data/secret.key"
  var secretKey: SecretKey?
  var account: GivenAccount?
  /// The two halves of it, which a command may take for itself.
  var accountSID: Account.ID?
  var authToken: String?
  var drainSeconds = 0
  var privateHosts = PrivateHosts.none
  var webhooks = WebhookSettings()
  var logLevel = Logger.Level.info
  var logFormat: LogSink.Format?
  var api = APISettings()
  /// Names that begin with PARLEY_ and mean nothing here.
  var unknown: [String] = []

  /// An account that the operator names with its token.
  struct GivenAccount: Sendable {
    let sid: Account.ID
    let token: String
  }

  /// Reads the settings; throws `WrongSettings` with all that is wrong. `flags` has the values of flags by the setting's name. Half an account
  /// is wrong unless the command says the other half by itself.
  static func read(
    flags: [String: String] = [:], environment: [String: String] = ProcessInfo.processInfo.environment, needsWholeAccount: Bool = true
  ) throws -> Settings {
    var source = SettingsSource(flags: flags, environment: environment)
    let settings = Settings(&source, needsWholeAccount: needsWholeAccount)
    if !source.problems.isEmpty { throw WrongSettings(problems: source.problems) }
    return settings
  }

  private init(_ source: inout SettingsSource, needsWholeAccount: Bool) {
    host = LocalHost.bare(source.value("PARLEY_HOST") ?? host)
    port = source.integer("PARLEY_PORT", in: 0...65535) ?? port
    database =
      source.read(
        "PARLEY_DATABASE_URL",
        "must be sqlite:PATH or postgres://USER@HOST:PORT/NAME; @ : / ? # % in a user name or password are written %40 %3A %2F %3F %23 %25",
        DatabaseLocation.init) ?? database
    if source.flag("PARLEY_DATABASE_URL").flatMap(DatabaseLocation.init)?.hasPassword == true {
      source.problems.append(
        "PARLEY_DATABASE_URL has a password on the command line, where ps shows it: use the environment or a password file")
    }
    databaseConnections = source.integer("PARLEY_DATABASE_CONNECTIONS", in: 1...1000) ?? databaseConnections
    migrates = source.bool("PARLEY_DATABASE_MIGRATE") ?? migrates
    secretKeyFile = source.value("PARLEY_SECRET_KEY_FILE") ?? secretKeyFile
    secretKey = source.read("PARLEY_SECRET_KEY", "must be 32 bytes in base64 (openssl rand -base64 32)") { SecretKey(base64: $0) }
    let sid = source.read("PARLEY_ACCOUNT_SID", "must be AC with 32 lower-case hexadecimal digits", Account.ID.init)
    let token = source.read("PARLEY_AUTH_TOKEN", "must have 16 to 128 visible ASCII characters") { Self.isToken($0) ? $0 : nil }
    (accountSID, authToken) = (sid, token)
    if let sid, let token { account = GivenAccount(sid: sid, token: token) }
    if !needsWholeAccount {
      // The command looks at the halves.
    } else if source.value("PARLEY_ACCOUNT_SID") == nil, source.value("PARLEY_AUTH_TOKEN") != nil {
      source.problems.append("PARLEY_AUTH_TOKEN needs PARLEY_ACCOUNT_SID beside it")
    } else if source.value("PARLEY_ACCOUNT_SID") != nil, source.value("PARLEY_AUTH_TOKEN") == nil {
      source.problems.append("PARLEY_ACCOUNT_SID needs PARLEY_AUTH_TOKEN beside it")
    }
    api.rateLimit = source.integer("PARLEY_RATE_LIMIT", in: 0...1_000_000) ?? api.rateLimit
    api.bodyMemoryMiB = source.integer("PARLEY_MAX_BODY_MEMORY", in: 1...1_048_576) ?? api.bodyMemoryMiB
    api.connectionsPerAddress = source.integer("PARLEY_CONNECTIONS_PER_ADDRESS", in: 0...1_000_000) ?? api.connectionsPerAddress
    drainSeconds = source.integer("PARLEY_DRAIN_SECONDS", in: 0...3600) ?? drainSeconds
    privateHosts =
      source.read(
        "PARLEY_WEBHOOK_ALLOW_PRIVATE",
        "must be true, false, or hosts, addresses and networks joined by commas, such as 127.0.0.1:3000,10.0.0.0/8,hooks.internal; "
          + "link-local and metadata addresses are always refused",
        PrivateHosts.init) ?? privateHosts
    webhooks.concurrency = source.integer("PARLEY_WEBHOOK_CONCURRENCY", in: 1...10_000) ?? webhooks.concurrency
    webhooks.retries = source.integer("PARLEY_WEBHOOK_RETRIES", in: 0...WebhookSettings.retriesMax) ?? webhooks.retries
    webhooks.logDays = source.integer("PARLEY_WEBHOOK_LOG_DAYS", in: 1...3650) ?? webhooks.logDays
    webhooks.backlog = source.integer("PARLEY_WEBHOOK_BACKLOG", in: 1...100_000_000) ?? webhooks.backlog
    api.publicURL = source.read("PARLEY_PUBLIC_URL", "must be http:// or https:// with a host and nothing behind it", Self.publicURL)
    api.trustedProxies = source.read("PARLEY_TRUSTED_PROXIES", "must be IP addresses, joined by commas", Self.addresses) ?? []
    logLevel =
      source.read("PARLEY_LOG_LEVEL", "must be one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))") {
        Logger.Level(rawValue: $0)
      } ?? logLevel
    logFormat = source.read("PARLEY_LOG_FORMAT", "must be text or json") { LogSink.Format(rawValue: $0) }
    unknown = source.unknownNames
  }

  private static func addresses(_ text: String) -> Set<IPAddress>? {
    let parts = text.split { ", ".contains($0) }
    let addresses = parts.compactMap { IPAddress(String($0)) }
    return addresses.count == parts.count ? Set(addresses) : nil
  }

  private static func publicURL(_ text: String) -> String? {
    let url = text.hasSuffix("/") ? String(text.dropLast()) : text
    guard CallbackTarget(url) != nil, let host = url.split(separator: "://", maxSplits: 1).last else { return nil }
    return host.contains { "/?#@".contains($0) } ? nil : url
  }

  static func isToken(_ text: String) -> Bool {
    Accounts.tokenCharacters.contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }
}

/// All that is wrong with the settings, a line each; values of secrets are not among them.
struct WrongSettings: Error, CustomStringConvertible {
  let problems: [String]

  var description: String { (["Some settings are wrong:"] + problems.map { "  \($0)" }).joined(separator: "\n") }
}

/// Where settings come from, and what was wrong with them.
private struct SettingsSource {
  private static let names: Set<String> = [
    "PARLEY_HOST", "PARLEY_PORT", "PARLEY_DATABASE_URL", "PARLEY_DATABASE_CONNECTIONS", "PARLEY_DATABASE_MIGRATE", "PARLEY_SECRET_KEY_FILE",
    "PARLEY_SECRET_KEY", "PARLEY_ACCOUNT_SID",
    "PARLEY_AUTH_TOKEN", "PARLEY_RATE_LIMIT", "PARLEY_MAX_BODY_MEMORY", "PARLEY_CONNECTIONS_PER_ADDRESS", "PARLEY_DRAIN_SECONDS",
    "PARLEY_WEBHOOK_ALLOW_PRIVATE",
    "PARLEY_WEBHOOK_CONCURRENCY", "PARLEY_WEBHOOK_RETRIES", "PARLEY_WEBHOOK_LOG_DAYS", "PARLEY_WEBHOOK_BACKLOG",
    "PARLEY_PUBLIC_URL", "PARLEY_TRUSTED_PROXIES", "PARLEY_LOG_LEVEL", "PARLEY_LOG_FORMAT", "PARLEY_CONFIG",
    // Not a setting, but in account.env, which people read into their shell.
    "PARLEY_URL",
  ]

  private let flags: [String: String]
  private let environment: [String: String]
  /// Of flags and the environment, without empty ones.
  private var values: [String: String] = [:]
  private var file: [String: String] = [:]
  var problems: [String] = []

  init(flags: [String: String], environment: [String: String]) {
    self.environment = environment
    self.flags = flags
    takeValues(of: flags)
    takeValues(of: environment.filter { Self.names.contains($0.key) && values[$0.key] == nil })
    guard let path = value("PARLEY_CONFIG") else { return }
    do {
      var found = stat()
      guard let bytes = try TextFile.bytes(of: path, onlyRegular: false, check: { found = $0 }) else {
        throw StartFailure("\(path) can't be read: it is missing")
      }
      for line in TextFile.lines(bytes) { take(line, of: path) }
      let secrets = ["PARLEY_SECRET_KEY", "PARLEY_AUTH_TOKEN"].filter { file[$0]?.isEmpty == false }
      if let secret = secrets.first, found.st_mode & S_IFMT == S_IFREG,
        let objection = SecretKeyFile.objection(owner: found.st_uid, mode: found.st_mode, user: geteuid())
      {
        problems.append("PARLEY_CONFIG: \(path) has \(secret) in it and \(objection): chown it to the server's user and chmod 600 it")
      }
    } catch {
      problems.append("PARLEY_CONFIG: \(error)")
    }
  }

  private mutating func takeValues(of given: [String: String]) {
    for (name, text) in given.sorted(by: { $0.key < $1.key }) {
      guard let value = TextFile.value(text) else {
        problems.append("\(name) has a control character")
        continue
      }
      if !value.isEmpty { values[name] = value }
    }
  }

  private mutating func take(_ line: TextFile.Line, of path: String) {
    let place = "PARLEY_CONFIG: line \(line.number) of \(path)"
    if let problem = line.problem { return problems.append("\(place) \(problem)") }
    let text = line.text.trimmingCharacters(in: .whitespaces)
    if text.isEmpty || text.hasPrefix("#") { return }
    guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) else { return problems.append("\(place) is not NAME=value") }
    let name = text[..<equals].trimmingCharacters(in: .whitespaces)
    guard Self.names.contains(name) else { return problems.append("\(place) names no setting of this version") }
    guard name != "PARLEY_CONFIG" else { return problems.append("\(place) names a file of settings, which can't be done in such a file") }
    let value = text[text.utf8.index(after: equals)...].trimmingCharacters(in: .whitespaces)
    guard !value.hasControlCharacters else { return problems.append("\(place) has a control character") }
    file[name] = value
  }

  var unknownNames: [String] { environment.keys.filter { $0.hasPrefix("PARLEY_") && !Self.names.contains($0) }.sorted() }

  func flag(_ name: String) -> String? { flags[name] }

  /// The first of flag, environment and file that is not empty: an empty value counts as none.
  func value(_ name: String) -> String? {
    values[name] ?? file[name].flatMap { $0.isEmpty ? nil : $0 }
  }

  mutating func read<Value>(_ name: String, _ objection: String, _ read: (String) -> Value?) -> Value? {
    guard let text = value(name) else { return nil }
    if let value = read(text) { return value }
    problems.append("\(name) \(objection)")
    return nil
  }

  mutating func integer(_ name: String, in range: ClosedRange<Int>) -> Int? {
    read(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  mutating func bool(_ name: String) -> Bool? {
    read(name, "must be true or false") { ["true": true, "false": false][$0] }
  }
}
