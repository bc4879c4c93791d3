import ParleyDomain

/// The schema of one SQLite file: which it has, and how it gets the one that this binary knows.
struct SQLiteSchema {
  let connection: SQLiteConnection
  let path: String

  /// Throws if this binary may not use the file, without changing anything. A schema that a newer binary made is used if that says it may be.
  func check(mayMigrate: Bool, isServer: Bool) throws {
    let found = try number()
    if found > Migration.newest {
      guard isServer, try oldestCompatible() <= Migration.newest else { throw notOurs(found) }
    } else if found < Migration.newest {
      guard mayMigrate else { throw notOurs(found) }
    }
  }

  /// Brings a schema that was checked up to this binary's, and has the key checked or kept.
  func prepare(seal: (_ keyCheck: String?) throws -> String) throws {
    try migrate(from: try number())
    try checkKey(seal)
  }

  /// Whether there is no table yet.
  func isMissing() throws -> Bool { try number() == 0 }

  /// Throws if the file has not the schema of this binary.
  func checkIsOurs() throws {
    let found = try number()
    guard found == Migration.newest else { throw notOurs(found) }
  }

  /// 0 for an empty file.
  private func number() throws -> Int64 {
    let tables = try connection.one("SELECT COUNT(*) FROM sqlite_master") { $0.integer(0) } ?? 0
    if tables == 0 { return 0 }
    let isParley = try connection.one("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'parley_schema'") { _ in true } ?? false
    guard isParley else { throw StartFailure("\(path) is a database of something else") }
    guard let number = try connection.one("SELECT number FROM parley_schema WHERE id = 1", { $0.integer(0) }) else {
      throw StartFailure("\(path) is damaged: it does not say which schema it has")
    }
    return number
  }

  private func oldestCompatible() throws -> Int64 {
    try connection.one("SELECT oldest_compatible FROM parley_schema WHERE id = 1") { $0.integer(0) } ?? .max
  }

  /// Each step in a transaction of its own, with the row that says so.
  private func migrate(from found: Int64) throws {
    for migration in Migration.all where migration.number > found {
      try connection.execute("BEGIN IMMEDIATE")
      do {
        try connection.execute(migration.text)
        _ = try connection.run(
          """
          INSERT INTO parley_schema (id, number, oldest_compatible) VALUES (1, \(migration.number), \(migration.oldestCompatible))
          ON CONFLICT (id) DO UPDATE SET number = excluded.number, oldest_compatible = excluded.oldest_compatible
          """)
        try connection.execute("COMMIT")
      } catch {
        if connection.isInTransaction { try connection.execute("ROLLBACK") }
        throw error
      }
    }
  }

  private func checkKey(_ seal: (_ keyCheck: String?) throws -> String) throws {
    let kept = try connection.one("SELECT key_check FROM parley_schema WHERE id = 1") { $0.optionalText(0) } ?? nil
    let check = try seal(kept)
    guard kept == nil else { return }
    let isFirst = try connection.run("UPDATE parley_schema SET key_check = \(check) WHERE id = 1 AND key_check IS NULL") == 1
    // Another process sealed meanwhile, perhaps under another key.
    if !isFirst { try checkKey(seal) }
  }

  private func notOurs(_ found: Int64) -> StartFailure {
    let this = Migration.newest
    if found == 0 { return StartFailure("\(path) is still empty, and a server is about to fill it: try again") }
    return found > this
      ? StartFailure("\(path) has schema \(found), which needs a newer parley than this one (schema \(this))")
      : StartFailure("\(path) has schema \(found), this parley needs \(this): start its server once")
  }
}

/// The schema that this binary knows.
package enum Schema {
  package static var number: Int64 { Migration.newest }
}
