import CSQLite
import ParleyDomain

/// One connection to an SQLite file, with its statements kept prepared. Used by one thread at a time.
final class SQLiteConnection: Connection, @unchecked Sendable {
  // Unchecked: whoever has the connection has it alone; the pool and the writer's thread see to it.

  /// Statements kept; beyond, all are dropped, which a program with a fixed set of texts does not reach.
  private static let statementsMax = 256
  /// How long a statement waits for another process that writes.
  static let busyMilliseconds: Int32 = 5000

  let handle: OpaquePointer
  private let use: OpenFiles.Connection
  /// Pages in the write-ahead log after this connection's last commit; counted from `countLogPages` on.
  private(set) var logPages: Int32 = 0
  private var statements: [String: OpaquePointer] = [:]

  /// Opens the file, which exists, and must be `file` if that is given. Nothing but the server's writer checkpoints: a checkpoint from
  /// elsewhere would make others wait for its syncs.
  init(path: String, expecting file: FileID? = nil) throws {
    guard let found = FileID(path: path) else { throw SQLiteError(code: SQLITE_CANTOPEN, message: "unable to open database file") }
    guard file == nil || file == found else { throw Self.moved }
    use = OpenFiles.Connection(to: found)
    var opened: OpaquePointer?
    let code = sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
    guard let opened, code == SQLITE_OK else {
      let message = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(opened)
      throw SQLiteError(code: code, message: message)
    }
    handle = opened
    if hasMoved || FileID(path: path) != found { throw Self.moved }
    sqlite3_busy_timeout(handle, Self.busyMilliseconds)
    _ = parley_sqlite3_no_checkpoint_on_close(handle)
    try execute("PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA trusted_schema = OFF")
  }

  deinit {
    for statement in statements.values { sqlite3_finalize(statement) }
    sqlite3_close_v2(handle)
  }

  /// Which file it is.
  var file: FileID { use.file }

  /// Whether another file, or none, has the name under which this one was opened. What is written to it would be found by nobody.
  var hasMoved: Bool {
    var moved: Int32 = 0
    return sqlite3_file_control(handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0
  }

  static var moved: SQLiteError {
    SQLiteError(
      code: SQLITE_CANTOPEN, message: "the file was moved or replaced while in use: put it back, or restart the server on the new one")
  }

  /// Whether a transaction is open. One may end by itself when the disk is full or fails.
  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  func countLogPages() {
    _ = sqlite3_wal_hook(
      handle,
      { context, _, _, pages in
        if let context { Unmanaged<SQLiteConnection>.fromOpaque(context).takeUnretainedValue().logPages = pages }
        return SQLITE_OK
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  /// Runs text of one or more statements without values.
  func execute(_ text: String) throws {
    let code = sqlite3_exec(handle, text, nil, nil, nil)
    guard code == SQLITE_OK else { throw error(code) }
  }

  func send(_ sql: SQL) throws { _ = try run(sql) }

  func run(_ sql: SQL) throws -> Int {
    try rows(sql) { _ in }
    return Int(sqlite3_changes64(handle))
  }

  func rows(_ sql: SQL, _ body: (any Row) throws -> Void) throws {
    let (statement, isKept) = try prepared(sql.text)
    defer {
      sqlite3_reset(statement)
      if isKept { sqlite3_clear_bindings(statement) } else { sqlite3_finalize(statement) }
    }
    try bind(sql.values, to: statement)
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW: try body(SQLiteRow(statement: statement))
      case SQLITE_DONE: return
      case let code: throw error(code)
      }
    }
  }

  /// SQLite has one writer at a time, so what a write reads stays as it is.
  func lockedRows(_ sql: SQL, _ body: (any Row) throws -> Void) throws { try rows(sql, body) }

  func claimedRows(_ sql: SQL, _ body: (any Row) throws -> Void) throws { try rows(sql, body) }

  private func prepared(_ text: String) throws -> (OpaquePointer, isKept: Bool) {
    if let kept = statements[text] {
      if sqlite3_stmt_busy(kept) == 0 { return (kept, true) }
      return (try prepare(text), false)
    }
    if statements.count >= Self.statementsMax {
      let busy = statements.filter { sqlite3_stmt_busy($0.value) != 0 }
      for (text, statement) in statements where busy[text] == nil { sqlite3_finalize(statement) }
      statements = busy
    }
    let statement = try prepare(text)
    statements[text] = statement
    return (statement, true)
  }

  private func prepare(_ text: String) throws -> OpaquePointer {
    var statement: OpaquePointer?
    let code = sqlite3_prepare_v3(handle, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
    guard code == SQLITE_OK, let statement else { throw error(code) }
    return statement
  }

  private func bind(_ values: [Value], to statement: OpaquePointer) throws {
    for (offset, value) in values.enumerated() {
      let index = Int32(offset + 1)
      let code =
        switch value {
        case .null: sqlite3_bind_null(statement, index)
        case .integer(let number): sqlite3_bind_int64(statement, index, number)
        case .text(var text): text.withUTF8 { bind($0, to: statement, at: index) }
        case .bytes(let bytes): bytes.withUnsafeBufferPointer { bind($0, to: statement, at: index) }
        }
      guard code == SQLITE_OK else { throw error(code) }
    }
  }

  private func bind(_ utf8: UnsafeBufferPointer<UInt8>, to statement: OpaquePointer, at index: Int32) -> Int32 {
    // SQLITE_TRANSIENT: SQLite copies the text.
    let copy = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    guard let base = utf8.baseAddress else { return sqlite3_bind_text(statement, index, "", 0, copy) }
    return base.withMemoryRebound(to: CChar.self, capacity: utf8.count) { text in
      sqlite3_bind_text64(statement, index, text, UInt64(utf8.count), copy, UInt8(SQLITE_UTF8))
    }
  }

  private func error(_ code: Int32) -> SQLiteError { SQLiteError(code: code, message: String(cString: sqlite3_errmsg(handle))) }
}

private struct SQLiteRow: Row {
  let statement: OpaquePointer

  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_NULL }
  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }
  func text(_ column: Int32) -> String { String(decoding: utf8(column), as: UTF8.self) }
  func bytes(_ column: Int32) -> [UInt8] { Array(utf8(column)) }
  func append(_ column: Int32, to buffer: inout [UInt8]) { buffer.append(contentsOf: utf8(column)) }

  private func utf8(_ column: Int32) -> UnsafeBufferPointer<UInt8> {
    // The text first: asking for it may change how many bytes there are.
    let text = sqlite3_column_text(statement, column)
    return UnsafeBufferPointer(start: text, count: Int(sqlite3_column_bytes(statement, column)))
  }
}

/// What SQLite said.
struct SQLiteError: Error, CustomStringConvertible {
  /// Extended result code.
  let code: Int32
  let message: String

  /// The code without its extension.
  var primary: Int32 { code & 0xFF }

  /// Whether the file itself is wrong, and not the permission, the lock or the limit that kept it from being read.
  var isDamage: Bool { [SQLITE_CORRUPT, SQLITE_NOTADB].contains(primary) }

  /// Whether the cause is the machine's or another process's, so that the same statement may work later.
  var isPassing: Bool {
    [
      SQLITE_FULL, SQLITE_IOERR, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_NOMEM, SQLITE_CORRUPT, SQLITE_NOTADB,
      SQLITE_PERM, SQLITE_AUTH, SQLITE_INTERRUPT, SQLITE_PROTOCOL, SQLITE_NOLFS, SQLITE_TOOBIG,
    ].contains(primary)
  }

  var description: String { "SQLite error \(code): \(message)" }

  /// The error as callers of the database see it.
  var asSeenOutside: any Error { isPassing ? ParleyError.unavailable(cause: description) : self }
}

/// Runs work on the database and gives its errors the form that callers see.
func withOutsideErrors<Answer>(_ work: () throws -> Answer) throws -> Answer {
  do {
    return try work()
  } catch let error as SQLiteError {
    throw error.asSeenOutside
  } catch let error as ChangedHands {
    throw error.asSeenOutside
  }
}
