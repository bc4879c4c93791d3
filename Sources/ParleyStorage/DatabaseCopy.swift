import Crypto
import Foundation
import ParleyDomain

/// Moves a whole installation from one database to another of either kind.
package enum DatabaseCopy {
  /// What was copied of one table.
  package struct Table: Sendable, Equatable {
    package let name: String
    package let rows: Int
    /// SHA-256 over all rows in the order of their keys, in hexadecimal digits.
    package let checksum: String
  }

  /// Rows that are read and written at once, if they are small.
  private static let rowsMax = 512
  /// Bytes of them, if they are not; so much of the installation is in memory at a time.
  private static let bytesMax = 8 << 20
  /// Rows of which nothing is known yet.
  private static let rowsAtFirst = 16

  /// Copies everything, in one transaction: the target has all of it afterwards, or nothing. The source is seen in one state; an SQLite file
  /// must not be in use by a server. Throws if the target is not empty, or if it does not read like the source in the end. `progress` gets
  /// the table and how many rows of it are there.
  package static func run(
    from source: DatabaseLocation, to target: DatabaseLocation, progress: (_ table: String, _ rows: Int) -> Void
  ) throws -> [Table] {
    if case .sqlite(let one) = source, case .sqlite(let other) = target, let file = FileID(path: one), file == FileID(path: other) {
      throw StartFailure("\(target.place) is the database to copy")
    }
    let from = try source.withStartFailures { try CopyEnd(reading: source) }
    let to = try target.withStartFailures { try CopyEnd(writing: target) }
    return try target.withStartFailures {
      try checkIsEmpty(to, place: target.place)
      var copied: [Table] = []
      for table in SchemaTable.all {
        var checksum = SHA256()
        var count = 0
        progress(table.name, count)
        try eachBatch(of: table, in: from.connection) { rows in
          _ = try to.connection.run(table.insert(rows))
          for row in rows { add(row, to: &checksum) }
          count += rows.count
          progress(table.name, count)
        }
        copied.append(Table(name: table.name, rows: count, checksum: checksum.finalize().hex))
      }
      try copyKeyCheck(from, to)
      progress("verification", 0)
      for (table, expected) in zip(SchemaTable.all, copied) {
        let found = try read(table, in: to.connection)
        guard found == expected else {
          throw StartFailure("table \(table.name) came out different: \(found.rows) rows of \(expected.rows)")
        }
      }
      try to.commit()
      return copied
    }
  }

  private static func read(_ table: SchemaTable, in connection: any Connection) throws -> Table {
    var checksum = SHA256()
    var count = 0
    try eachBatch(of: table, in: connection) { rows in
      for row in rows { add(row, to: &checksum) }
      count += rows.count
    }
    return Table(name: table.name, rows: count, checksum: checksum.finalize().hex)
  }

  private static func eachBatch(of table: SchemaTable, in connection: any Connection, _ body: ([[Value]]) throws -> Void) throws {
    var size = rowsAtFirst
    var last: [Value]?
    while true {
      var rows: [[Value]] = []
      var bytes = 0
      try connection.rows(table.rows(behind: last, limit: Int64(size))) { row in
        let values = table.values(row)
        bytes += values.reduce(0) { $0 + $1.byteCount }
        rows.append(values)
      }
      guard let end = rows.last else { return }
      try body(rows)
      if rows.count < size { return }
      last = table.key(of: end)
      // Powers of two, so that there are few texts of statements.
      let fitting = bytesMax / max(1, bytes / rows.count)
      while size < rowsMax, size * 2 <= fitting { size *= 2 }
      while size > 1, size > fitting { size /= 2 }
    }
  }

  /// Each value with its kind and length, so that no two rows look alike.
  private static func add(_ row: [Value], to checksum: inout SHA256) {
    for value in row {
      let (kind, bytes): (UInt8, [UInt8]) =
        switch value {
        case .null: (0, [])
        case .integer(let number): (1, Array("\(number)".utf8))
        case .text(let text): (2, Array(text.utf8))
        case .bytes(let bytes): (2, bytes)
        }
      checksum.update(data: [kind] + withUnsafeBytes(of: UInt64(bytes.count).littleEndian, Array.init))
      checksum.update(data: bytes)
    }
  }

  private static func checkIsEmpty(_ end: CopyEnd, place: String) throws {
    for table in SchemaTable.all {
      let isThere = try end.connection.one(SQL(text: "SELECT 1 FROM \(table.name) LIMIT 1", values: [])) { _ in true } ?? false
      if isThere { throw StartFailure("\(place) is not empty: there are rows in \(table.name)") }
    }
  }

  /// The copy is sealed by the key of the source.
  private static func copyKeyCheck(_ from: CopyEnd, _ to: CopyEnd) throws {
    func keyCheck(_ end: CopyEnd) throws -> String? {
      try end.connection.one("SELECT key_check FROM parley_schema WHERE id = 1") { $0.optionalText(0) } ?? nil
    }
    guard let check = try keyCheck(from) else { return }
    if let other = try keyCheck(to), other != check { throw StartFailure("the target was sealed with another key than the source") }
    _ = try to.connection.run("UPDATE parley_schema SET key_check = \(check) WHERE id = 1")
  }
}

extension Value {
  fileprivate var byteCount: Int {
    switch self {
    case .null, .integer: 8
    case .text(let text): text.utf8.count
    case .bytes(let bytes): bytes.count
    }
  }
}

/// One side of a copy: a connection with a transaction open.
private struct CopyEnd {
  let connection: any Connection
  /// Makes what was written last.
  let commit: () throws -> Void
  /// Keeps servers away from a file as long as it is copied.
  private let lock: DatabaseLock?

  init(reading location: DatabaseLocation) throws {
    switch location {
    case .sqlite(let path):
      let real = try SQLiteFile.existing(path)
      let opened = try SQLiteConnection(path: real)
      // Before the lock, whose file would stay behind, and once more when no server can change the schema any longer.
      try SQLiteSchema(connection: opened, path: path).checkIsOurs()
      lock = try Self.lock(real, place: path)
      try SQLiteSchema(connection: opened, path: path).checkIsOurs()
      try opened.execute("PRAGMA query_only = ON; BEGIN")
      (connection, commit) = (opened, {})
    case .postgres(let url):
      let opened = try PostgresConnection(forCommands: url)
      try Schema.checkIsOurs(PostgresSchema(connection: opened).state(), place: url.place)
      opened.deadline = nil
      try opened.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
      (connection, commit, lock) = (opened, {}, nil)
    }
  }

  /// The schema is made if there is none.
  init(writing location: DatabaseLocation) throws {
    _ = try location.migrate()
    switch location {
    case .sqlite(let path):
      let real = try SQLiteFile.existing(path)
      lock = try Self.lock(real, place: path)
      let opened = try SQLiteConnection(path: real)
      try SQLiteWriter.prepare(opened)
      try opened.execute("BEGIN IMMEDIATE")
      connection = opened
      commit = {
        try opened.execute("COMMIT")
        try opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
      }
    case .postgres(let url):
      let opened = try PostgresConnection(forCommands: url)
      opened.deadline = nil
      try opened.begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
      // Nobody else writes between the first look and the commit.
      let tables = SchemaTable.all.map(\.name).joined(separator: ", ")
      _ = try opened.run(SQL(text: "LOCK TABLE \(tables) IN SHARE ROW EXCLUSIVE MODE NOWAIT", values: []))
      (connection, commit, lock) = (opened, { try opened.commit() }, nil)
    }
  }

  private static func lock(_ path: String, place: String) throws -> DatabaseLock {
    guard let lock = try DatabaseLock.take(path) else { throw StartFailure("a server uses \(place): stop it first") }
    return lock
  }
}
