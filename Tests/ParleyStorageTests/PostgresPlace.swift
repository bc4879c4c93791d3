import Foundation
import ParleyDomain
import ParleyTesting
import Synchronization
import Testing

@testable import ParleyStorage

/// A place of its own in the tests' cluster, with a session beside the product's that looks at it and changes it.
final class PostgresPlace: Sendable {
  /// Of the schema, of the product's sessions by `application_name`, and of what else needs one that nobody has.
  let name: String
  /// Without the name of the sessions.
  let plainURL: String
  private let session: Mutex<PostgresConnection>
  private let opened = Mutex<[PostgresDatabase]>([])

  private init(_ url: String) throws {
    plainURL = url
    name = String(url.split(separator: "%3D").last ?? "")
    guard let parsed = PostgresURL(url) else { throw StartFailure("\(url) is no URL") }
    session = Mutex(try PostgresConnection(parsed, connectSeconds: 10))
  }

  /// Runs a test on an empty place. The databases that it opened are closed at its end.
  static func with(_ test: (_ place: PostgresPlace) async throws -> Void) async throws {
    let cluster = try TestCluster.get()
    let place = try PostgresPlace(cluster.makePlace())
    let failure: (any Error)?
    do {
      try await test(place)
      failure = nil
    } catch {
      failure = error
    }
    for database in place.opened.withLock({ $0 }) { await database.close() }
    cluster.drop(place.plainURL)
    if let failure { throw failure }
  }

  /// The URL of the product's sessions.
  var url: String { "\(plainURL)&application_name=\(name)" }
  /// The same where functions of the schema hide those of the server that have the same name.
  var hidingURL: String { url.replacing("%3D\(name)", with: "%3D\(name)%2Cpg_catalog") }
  /// The same for another role.
  func url(as role: String) -> String { url.replacing("//parley@", with: "//\(role)@") }
  /// The same with more of the server's settings, as a command line gives them.
  func url(setting settings: String...) -> String {
    url.replacing("%3D\(name)", with: "%3D\(name)" + settings.map { "%20-c%20\($0.replacing("=", with: "%3D"))" }.joined())
  }

  /// Opens the database, which is closed with the test.
  func open(
    _ url: String? = nil, as role: DatabaseRole = .server, connections: Int = 4, migrates: Bool = true,
    timeouts: PostgresTimeouts = PostgresTimeouts(), seal: (_ keyCheck: String?) throws -> String = { $0 ?? TestDatabase.keyCheck }
  ) throws -> PostgresDatabase {
    let parsed = try #require(PostgresURL(url ?? self.url))
    let database = try PostgresDatabase(
      parsed, role: role, connections: connections, migrates: migrates, timeouts: timeouts, seal: seal)
    opened.withLock { $0.append(database) }
    return database
  }

  /// One more session, as the product makes them.
  func connect(_ url: String? = nil) throws -> PostgresConnection {
    try PostgresConnection(try #require(PostgresURL(url ?? self.url)), connectSeconds: 10)
  }

  // MARK: - Beside the product

  func execute(_ text: String) throws { try session.withLock { try $0.execute(text) } }
  func run(_ sql: SQL) throws -> Int { try session.withLock { try $0.run(sql) } }
  func texts(_ sql: SQL) throws -> [String] { try session.withLock { connection in try connection.all(sql) { $0.text(0) } } }
  func number(_ sql: SQL) throws -> Int64? { try session.withLock { connection in try connection.one(sql) { $0.integer(0) } } }

  /// The table of tests of transactions.
  func makeTable() throws {
    try execute("CREATE TABLE t (id BIGINT PRIMARY KEY, text TEXT, parent BIGINT REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)")
  }

  /// What is in it.
  var rows: [Int64] {
    get throws { try session.withLock { connection in try connection.all("SELECT id FROM t ORDER BY id") { $0.integer(0) } } }
  }

  /// The product's sessions that the server has.
  var sessions: Int64? { get throws { try number("SELECT count(*) FROM pg_stat_activity WHERE application_name = \(name)") } }

  /// Returns once the product has none: that of a migration is seen until a moment after it was closed.
  func waitForNoSession() async throws {
    while try sessions != 0 { await Task.yield() }
  }

  /// Ends a session as an administrator does, and returns once it is gone.
  func terminate(_ process: Int64) throws { try execute("SELECT pg_terminate_backend(\(process), 30000)") }

  /// Makes a role that may sign in, gone with the test.
  func makeRole(_ options: String) throws -> String {
    let role = "\(name)_role"
    try execute("CREATE ROLE \(role) LOGIN \(options)")
    return role
  }

  /// Returns once a session of the product waits for a lock.
  func waitForLock() async throws {
    while try number("SELECT count(*) FROM pg_stat_activity WHERE application_name = \(name) AND wait_event_type = 'Lock'") == 0 {
      await Task.yield()
    }
  }
}

extension PostgresTimeouts {
  /// Those of the product, but for some.
  static func with(_ change: (inout Self) -> Void) -> Self {
    var timeouts = Self()
    change(&timeouts)
    return timeouts
  }
}

extension PostgresClock {
  /// Reads that a database which was opened since then may have made by itself: now and then it asks for the time.
  static func readsMax(since start: ContinuousClock.Instant) -> Int { Int((ContinuousClock.now - start) / interval) }
}

extension PostgresDatabase {
  /// A read on no account's data, on a connection that it has for itself unless it says that it needs one statement.
  func ask<Answer: Sendable>(
    _ access: Access = .snapshot, _ body: @escaping @Sendable (any Connection) throws -> Answer
  ) async throws -> Answer {
    try await read(for: Self.nobody, access) { tx in try body(tx.connection) }
  }

  /// A write on no account's data.
  func change<Answer: Sendable>(_ body: @escaping @Sendable (any Connection) throws -> Answer) async throws -> Answer {
    try await write(for: Self.nobody) { tx in try body(tx.connection) }
  }

  /// The server's process behind a connection of the pool.
  func process() async throws -> Int64 { try await ask { try $0.process } }

  /// Holds a connection inside a read until it is let go.
  func hold() async -> HeldConnection {
    let (begun, gate) = (Gate(), Gate())
    let task = Task {
      // If it is refused, its holder hears it when it lets go.
      defer { begun.open() }
      try await self.ask { _ in
        begun.open()
        gate.wait()
      }
    }
    await begun.opened()
    return HeldConnection(gate: gate, task: task)
  }

  /// Returns once so many closures wait for a connection.
  func queued(_ count: Int) async {
    while metrics.queueLength < count { await Task.yield() }
  }

  private static let nobody = Account.ID(random: Array(repeating: 0, count: 16))
}

/// A connection of a pool that a read holds.
struct HeldConnection {
  let gate: Gate
  let task: Task<Void, any Error>

  func release() async throws {
    gate.open()
    try await task.value
  }
}

extension Connection {
  /// The number of the server's process.
  var process: Int64 { get throws { try one("SELECT pg_backend_pid()") { $0.integer(0) } ?? 0 } }

  func setting(_ name: String) throws -> String? { try one("SELECT setting FROM pg_settings WHERE name = \(name)") { $0.text(0) } }
  func add(_ id: Int64) throws { _ = try run("INSERT INTO t (id) VALUES (\(id))") }
}

/// The error that the work throws; nil if it throws none.
func failure(of work: () async throws -> Void) async -> (any Error)? {
  do {
    try await work()
    return nil
  } catch {
    return error
  }
}
