import CSQLite

/// A connection of SQLite's C library with as little around it as a measure of that library may have.
final class SQLiteFile {
  private let handle: OpaquePointer

  /// Opens a database, which must be there already if it is not to be made.
  init(_ path: String, creating: Bool = false) throws {
    var handle: OpaquePointer?
    let code = sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (creating ? SQLITE_OPEN_CREATE : 0), nil)
    guard let handle, code == SQLITE_OK else { throw YardstickError("cannot open \(path): \(String(cString: sqlite3_errstr(code)))") }
    self.handle = handle
  }

  deinit { sqlite3_close_v2(handle) }

  /// Runs statements that give no rows.
  func run(_ sql: String) throws {
    guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw failure(sql) }
  }

  /// Prepares a statement that is kept.
  func prepare(_ sql: String) throws -> Statement {
    var statement: OpaquePointer?
    guard sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil) == SQLITE_OK, let statement
    else { throw failure(sql) }
    return Statement(handle: statement, of: self)
  }

  /// All rows of a query.
  func rows(_ sql: String, _ values: [Value] = []) throws -> [[Value]] {
    let statement = try prepare(sql)
    for (index, value) in values.enumerated() { statement.bind(value, at: index + 1) }
    var rows: [[Value]] = []
    while try statement.step() { rows.append(statement.row) }
    return rows
  }

  fileprivate func failure(_ sql: String) -> YardstickError {
    YardstickError("\(String(cString: sqlite3_errmsg(handle))) in: \(sql.prefix(200))")
  }

  enum Value {
    case null
    case integer(Int64)
    case real(Double)
    case text([UInt8])
    case blob([UInt8])
  }

  /// A prepared statement; it is finalised with its last reference.
  final class Statement {
    private let handle: OpaquePointer
    private let file: SQLiteFile

    fileprivate init(handle: OpaquePointer, of file: SQLiteFile) {
      self.handle = handle
      self.file = file
    }

    deinit { sqlite3_finalize(handle) }

    /// Binds a copy of the value; the first place is 1.
    func bind(_ value: Value, at index: Int) {
      // SQLite's mark for "copy this": the macro is a cast that Swift does not import.
      let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
      let index = Int32(index)
      switch value {
      case .null: sqlite3_bind_null(handle, index)
      case .integer(let number): sqlite3_bind_int64(handle, index, number)
      case .real(let number): sqlite3_bind_double(handle, index, number)
      case .text(let bytes):
        bytes.withUnsafeBytes {
          _ = sqlite3_bind_text(handle, index, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count), copied)
        }
      case .blob(let bytes):
        bytes.withUnsafeBytes { _ = sqlite3_bind_blob(handle, index, $0.baseAddress, Int32($0.count), copied) }
      }
    }

    /// Binds text where it lies; it must stay there, unchanged, until the statement has run.
    func bind(textAt bytes: UnsafeMutableBufferPointer<UInt8>, at index: Int) {
      let start = UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
      sqlite3_bind_text(handle, Int32(index), start, Int32(bytes.count), nil)
    }

    /// Goes to the next row; false when there is none.
    func step() throws -> Bool {
      switch sqlite3_step(handle) {
      case SQLITE_ROW: return true
      case SQLITE_DONE: return false
      default: throw file.failure(String(cString: sqlite3_sql(handle)))
      }
    }

    /// Runs the statement to its end and makes it ready for the next time.
    func run() throws {
      while try step() {}
      sqlite3_reset(handle)
    }

    fileprivate var row: [Value] {
      (0..<sqlite3_column_count(handle)).map { column in
        let count = Int(sqlite3_column_bytes(handle, column))
        switch sqlite3_column_type(handle, column) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(handle, column))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(handle, column))
        case SQLITE_TEXT: return .text(Array(UnsafeRawBufferPointer(start: sqlite3_column_blob(handle, column), count: count)))
        case SQLITE_BLOB: return .blob(Array(UnsafeRawBufferPointer(start: sqlite3_column_blob(handle, column), count: count)))
        default: return .null
        }
      }
    }
  }
}
