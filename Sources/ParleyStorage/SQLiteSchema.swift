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
    try connection.checkKey(seal)
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
      try connection.execute("BEGIN IMMEDIATE")
      do {
        try connection.execute(migration.text)
        try connection.note(migration)
        try connection.execute("COMMIT")
      } catch {
        if connection.isInTransaction { try connection.execute("ROLLBACK") }
        throw error
      }
    }
  }
}
