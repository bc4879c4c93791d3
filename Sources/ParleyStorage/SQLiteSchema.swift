import CSQLite
import ParleyDomain

/// The schema of one SQLite file: which it has, and how it gets the one that this binary knows.
struct SQLiteSchema {
  let connection: SQLiteConnection
  let path: String

  /// Throws if this binary may not use the file, without changing anything.
  func check(mayMigrate: Bool, isServer: Bool) throws {
    try Schema.check(state(), mayMigrate: mayMigrate, isServer: isServer, place: path)
  }

  /// Brings a schema that was checked up to this binary's, and has the key checked or kept.
  func prepare(seal: (_ keyCheck: String?) throws -> String) throws {
    try migrate(from: state().number)
    if try state().isSealed { return try connection.checkKey(seal) }
    // A key may be made now. No other process looks for one, or makes one, until the database is sealed with this one.
    try inTransaction { try connection.checkKey(seal) }
  }

  /// Whether the file at a path has tables and the check of a key. It is not, as far as one can see, while another process makes it.
  static func isSealed(_ path: String) throws -> Bool {
    if SQLiteFile.isLost(path) { return true }
    guard !SQLiteFile.isEmpty(path) else { return false }
    // Opening a second name would make a second log.
    guard (try? SQLiteFile.checkHasOneName(path)) != nil else { return true }
    do {
      return try SQLiteSchema(connection: SQLiteConnection(path: path), path: path).state().isSealed
    } catch let error as SQLiteError {
      return error.primary != SQLITE_BUSY
    }
  }

  /// Whether there is no table yet.
  func isMissing() throws -> Bool { try state().number == 0 }

  /// Throws if the file has not the schema of this binary.
  func checkIsOurs() throws {
    try Schema.checkIsOurs(state(), place: path)
  }

  func state() throws -> SchemaState {
    let tables = try connection.one("SELECT COUNT(*) FROM sqlite_master") { $0.integer(0) } ?? 0
    if tables == 0 { return .missing }
    let isParley = try connection.one("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'parley_schema'") { _ in true } ?? false
    guard isParley else { throw StartFailure("\(path) is a database of something else") }
    guard let state = try connection.schemaState() else {
      throw StartFailure("\(path) is damaged: it does not say which schema it has")
    }
    return state
  }

  /// Each step in a transaction of its own, with the row that says so.
  func migrate(from found: Int64) throws {
    for migration in Migration.all where migration.number > found {
      try inTransaction {
        try connection.execute(migration.text)
        try connection.note(migration)
      }
    }
  }

  /// Runs work in a transaction beside which nobody else writes; what it throws undoes it.
  private func inTransaction(_ work: () throws -> Void) throws {
    try connection.execute("BEGIN IMMEDIATE")
    do {
      try work()
      try connection.execute("COMMIT")
    } catch {
      if connection.isInTransaction { try connection.execute("ROLLBACK") }
      throw error
    }
  }
}
