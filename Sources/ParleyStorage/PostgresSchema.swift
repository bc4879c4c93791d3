import ParleyDomain

/// The schema of one PostgreSQL database: which it has, and how it gets the one that this binary knows.
struct PostgresSchema {
  /// The advisory lock that whoever migrates holds, so that nodes that start together migrate once. Any number will do, if it is always the
  /// same: "parley" in ASCII.
  private static let lock: Int64 = 0x7061_726C_6579

  let connection: PostgresConnection

  /// Brings the schema up to this binary's, if it may, and has the key checked or kept. A database that needs nothing is only read.
  func prepare(isServer: Bool, mayMigrate: Bool, seal: (_ keyCheck: String?) throws -> String) throws {
    let found = try state()
    guard found.number < Migration.newest || !found.isSealed else {
      try check(found, isServer: isServer, mayMigrate: mayMigrate)
      return try connection.checkKey(seal)
    }
    try locked {
      // Another node may be between two steps when this one looks without the lock.
      let found = try state()
      try check(found, isServer: isServer, mayMigrate: mayMigrate)
      try migrate(from: found.number)
      try connection.checkKey(seal)
    }
  }

  /// Brings the schema up to this binary's; answers the numbers of the steps that were taken.
  func migrate() throws -> [Int64] {
    try locked {
      let found = try state()
      try Schema.check(found, mayMigrate: true, isServer: true, place: connection.place)
      try migrate(from: found.number)
      return found.pending
    }
  }

  func state() throws -> SchemaState {
    let isThere = try connection.one("SELECT to_regclass('parley_schema') IS NOT NULL") { $0.text(0) == "t" } ?? false
    guard isThere else { return .missing }
    guard let state = try connection.schemaState() else {
      throw StartFailure("\(connection.place) is damaged: it does not say which schema it has")
    }
    return state
  }

  /// Each step in a transaction of its own, with the row that says so.
  private func migrate(from found: Int64) throws {
    for migration in Migration.all where migration.number > found {
      try connection.begin("BEGIN READ WRITE")
      do {
        try connection.execute(Self.text(of: migration))
        try connection.note(migration)
        try connection.commit()
      } catch {
        connection.rollBack()
        throw error
      }
    }
  }

  /// Runs the work while nobody else migrates, however long others and the work take.
  private func locked<Answer>(_ work: () throws -> Answer) throws -> Answer {
    connection.deadline = nil
    try connection.rows("SELECT pg_advisory_lock(\(Self.lock))") { _ in }
    defer { try? connection.rows("SELECT pg_advisory_unlock(\(Self.lock))") { _ in } }
    return try work()
  }

  /// Text is compared and ordered byte by byte, as on SQLite, whatever the database's own collation is.
  static func text(of migration: Migration) -> String {
    migration.text.replacing(" TEXT", with: #" TEXT COLLATE "C""#).replacing(" WITHOUT ROWID", with: "")
  }

  private func check(_ found: SchemaState, isServer: Bool, mayMigrate: Bool) throws {
    // A command makes the schema of an empty database, and changes nobody's.
    let mayMigrate = mayMigrate && (isServer || found.number == 0)
    try Schema.check(found, mayMigrate: mayMigrate, isServer: isServer, place: connection.place)
  }
}
