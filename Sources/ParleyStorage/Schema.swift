import ParleyDomain

/// The schema that this binary knows, and which others it may use.
package enum Schema {
  package static var number: Int64 { Migration.newest }

  /// Throws if this binary may not use a database of schema `found`, 0 for none. A newer one is used by servers if it says that they may.
  static func check(_ found: SchemaState, mayMigrate: Bool, isServer: Bool, place: String) throws {
    if found.number > Migration.newest {
      guard isServer, found.oldestCompatible <= Migration.newest else { throw notOurs(found.number, place) }
    } else if found.number < Migration.newest {
      guard mayMigrate else { throw notOurs(found.number, place) }
    }
  }

  /// Throws if a database has not the schema of this binary.
  static func checkIsOurs(_ found: SchemaState, place: String) throws {
    guard found.number == Migration.newest else { throw notOurs(found.number, place) }
  }

  /// Why a schema can't be used by this binary as it is.
  static func notOurs(_ found: Int64, _ place: String) -> StartFailure {
    let this = Migration.newest
    if found == 0 { return StartFailure("\(place) has no tables of Parley: start a server on it, or run parley db migrate") }
    return found > this
      ? StartFailure("\(place) has schema \(found), which needs a newer parley than this one (schema \(this))")
      : StartFailure("\(place) has schema \(found), this parley needs \(this): start its server once, or run parley db migrate")
  }
}

/// What a database says of its schema.
package struct SchemaState: Sendable {
  /// 0 for a database without tables.
  package let number: Int64
  /// The oldest binary, by the schema that it knows, that may use the database.
  package let oldestCompatible: Int64
  package let isSealed: Bool

  static let missing = SchemaState(number: 0, oldestCompatible: 0, isSealed: false)

  /// Numbers of the steps that the database lacks.
  package var pending: [Int64] { Migration.all.map(\.number).filter { $0 > number } }
}

extension Connection {
  /// What the schema's row says; nil if there is no row. The table exists.
  func schemaState() throws -> SchemaState? {
    try one("SELECT number, oldest_compatible, key_check FROM parley_schema WHERE id = 1") { row in
      SchemaState(number: row.integer(0), oldestCompatible: row.integer(1), isSealed: !row.isNull(2))
    }
  }

  /// Notes that a step was taken; in the step's own transaction.
  func note(_ migration: Migration) throws {
    _ = try run(
      """
      INSERT INTO parley_schema (id, number, oldest_compatible) VALUES (1, \(migration.number), \(migration.oldestCompatible))
      ON CONFLICT (id) DO UPDATE SET number = excluded.number, oldest_compatible = excluded.oldest_compatible
      """)
  }

  /// Has the key of the database checked by `seal`, or kept if there is none yet.
  func checkKey(_ seal: (_ keyCheck: String?) throws -> String) throws {
    let kept = try one("SELECT key_check FROM parley_schema WHERE id = 1") { $0.optionalText(0) } ?? nil
    let check = try seal(kept)
    guard kept == nil else { return }
    let isFirst = try run("UPDATE parley_schema SET key_check = \(check) WHERE id = 1 AND key_check IS NULL") == 1
    // Another process sealed meanwhile, perhaps under another key.
    if !isFirst { try checkKey(seal) }
  }
}

extension SystemTransaction {
  /// The number of the schema that the database has; an error if it can't be asked.
  package func schemaNumber() throws -> Int64 { try connection.schemaState()?.number ?? 0 }
}
