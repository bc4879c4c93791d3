import Foundation
import ParleyDomain
import Synchronization

/// The embedded database: one SQLite file, readers beside one writer.
package final class SQLiteDatabase: Database {
  private let readers: SQLiteReaders
  private let writer: SQLiteWriter
  private let lock: Mutex<DatabaseLock?>

  /// Opens the file, which is made (mode 0600) with its folder if it is not there and `migrates` is true. `seal` is asked once the schema is
  /// ready: it gets the key check that the schema row has (nil in a new one) and returns the one to keep; it throws to refuse the database.
  package init(path: String, role: DatabaseRole, migrates: Bool = true, seal: (_ keyCheck: String?) throws -> String) throws {
    let place = path
    if migrates { try SQLiteFile.makeFolder(of: place) }
    let path = try SQLiteFile.real(place)
    if !migrates, !SQLiteFile.isThere(path) { throw StartFailure("there is no database at \(place): parley db migrate makes one") }
    var lock = role == .server ? try DatabaseLock.take(path, until: { try SQLiteSchema.isSealed(path) }) : nil
    if case .server = role, lock == nil { throw StartFailure("another server uses \(place): it has the file or \(path).lock locked") }
    if case .command = role {
      try SQLiteFile.checkIsNotLost(path, beside: .command)
      try SQLiteFile.makeIfMissing(path)
      try SQLiteFile.checkHasOneName(path)
      try SQLiteFile.checkIsNotServedElsewhere(path)
    }
    let connection: SQLiteConnection
    do {
      connection = try SQLiteConnection(path: path)
      if case .server = role { try SQLiteFile.check(connection, path: path, place: place) }
      let schema = SQLiteSchema(connection: connection, path: place)
      // A command changes nobody's schema; a file that is still empty is nobody's, and one that another process is making is waited for. A
      // command that finds a database leaves the lock alone: a server that starts meanwhile must get it.
      let found = try schema.state()
      if case .command = role, migrates, !found.isSealed, found.number < Schema.number {
        lock = try DatabaseLock.take(path, until: { try schema.state().isSealed })
        if lock == nil, try schema.isMissing() { throw StartFailure("another process is making \(place): try again") }
      }
      // Before the first write: what is refused stays as it is.
      try schema.check(mayMigrate: lock != nil && migrates && (role == .server || found.number == 0), isServer: role == .server)
      try SQLiteWriter.prepare(connection)
      try schema.prepare(seal: seal)
    } catch let error as SQLiteError {
      throw StartFailure("\(place) can't be used: \(error.message)")
    }
    if case .command = role { lock = nil }
    self.lock = Mutex(lock)
    readers = SQLiteReaders(path: path, file: connection.file)
    writer = SQLiteWriter(path: path, connection: connection, checkpoints: role == .server)
  }

  package func read<Answer: Sendable>(
    for account: Account.ID, _ access: Access, _ body: @escaping @Sendable (Transaction) throws -> Answer
  ) async throws -> Answer {
    try await readers.read(access) { connection in try body(Transaction(connection, account: account)) }
  }

  package func write<Answer: Sendable>(
    for account: Account.ID, _ body: @escaping @Sendable (Transaction) throws -> Answer
  ) async throws -> Answer {
    try await writer.write { connection in try body(Transaction(connection, account: account)) }
  }

  package func readSystem<Answer: Sendable>(
    _ access: Access, _ body: @escaping @Sendable (SystemTransaction) throws -> Answer
  ) async throws -> Answer {
    try await readers.read(access) { connection in try body(SystemTransaction(connection)) }
  }

  package func writeSystem<Answer: Sendable>(_ body: @escaping @Sendable (SystemTransaction) throws -> Answer) async throws -> Answer {
    try await writer.write { connection in try body(SystemTransaction(connection)) }
  }

  package func writeRelaxed<Answer: Sendable>(_ body: @escaping @Sendable (SystemTransaction) throws -> Answer) async throws -> Answer {
    try await writer.write(isDurable: false) { connection in try body(SystemTransaction(connection)) }
  }

  package func now() -> Timestamp { SystemClock.now() }

  package var metrics: DatabaseMetrics {
    var metrics = DatabaseMetrics()
    writer.add(to: &metrics)
    (metrics.reads, metrics.readMicroseconds) = readers.totals
    return metrics
  }

  package func close() async {
    readers.close()
    await writer.stop()
    lock.withLock { $0 = nil }
  }

  /// Brings the schema of a file up to date, which is made if it is not there; answers the numbers of the steps that were taken.
  static func migrate(_ place: String) throws -> [Int64] {
    try SQLiteFile.makeFolder(of: place)
    let path = try SQLiteFile.real(place)
    guard let lock = try DatabaseLock.take(path) else { throw StartFailure("a server uses \(place): stop it first") }
    defer { withExtendedLifetime(lock) {} }
    let connection = try SQLiteConnection(path: path)
    let schema = SQLiteSchema(connection: connection, path: place)
    try schema.check(mayMigrate: true, isServer: true)
    let pending = try schema.state().pending
    try SQLiteWriter.prepare(connection)
    try schema.migrate(from: schema.state().number)
    return pending
  }

  /// Writes a consistent copy of the database at `place` to `target`, which must not exist, and checks it. Runs beside a server.
  package static func backUp(_ place: String, to target: String) throws {
    try SQLiteFile.checkIsFree(target)
    let path = try SQLiteFile.existing(place)
    // The name is for a copy that is whole: what a command that was killed left has another.
    let part = Folders.part(of: target)
    var isMade = false
    do {
      let source = try SQLiteConnection(path: path)
      try SQLiteSchema(connection: source, path: place).checkIsOurs()
      // Made first, so that nobody else can read it while it grows; VACUUM INTO takes an empty file.
      try SQLiteFile.makeNew(part)
      isMade = true
      _ = try source.run("VACUUM INTO \(part)")
      let problems = try SQLiteConnection(path: part).all("PRAGMA integrity_check(1)") { $0.text(0) }
      guard problems == ["ok"] else { throw StartFailure("the copy is damaged: \(problems.joined(separator: "; "))") }
      try SQLiteFile.sync(part)
      guard Folders.put(part, at: target, replaces: false) else { throw StartFailure("\(target) can't be made: \(systemError())") }
      isMade = false
      try SQLiteFile.sync(target)
    } catch {
      if isMade { unlink(part) }
      throw (error as? SQLiteError).map { StartFailure("\(place) can't be copied: \($0.message)") } ?? error
    }
  }
}

/// Why a server or command can't begin, in a sentence for the person at the terminal.
package struct StartFailure: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
