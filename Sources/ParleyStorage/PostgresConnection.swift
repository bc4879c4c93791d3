import CPostgres
import Foundation
import ParleyDomain

/// How long a connection waits.
struct PostgresTimeouts: Sendable {
  /// For a connection of the pool.
  var pool = Duration.seconds(5)
  /// For one server to take a connection; libpq counts in seconds, from 2 on.
  var connectSeconds = 5
  /// Sending and receiving of one transaction, all tries of it together: what takes longer is a closed connection. The server's own limits
  /// below are shorter, so that it is the server that gives up where it can.
  var transaction = Duration.seconds(15)
  var statementMilliseconds = 10_000
  var lockMilliseconds = 5000
  var idleInTransactionMilliseconds = 30_000
  /// After which a connection that nobody needs is closed.
  var idle = Duration.seconds(300)
}

/// One connection to a PostgreSQL server, with its statements kept prepared. Used by one thread at a time.
///
/// It is always in libpq's pipeline mode: statements are queued, and go out together once an answer is asked for.
final class PostgresConnection: Connection, @unchecked Sendable {
  // Unchecked: whoever has the connection has it alone; the pool sees to it.

  /// Statements kept; what comes beyond is prepared anew each time.
  private static let statementsMax = 256
  /// Statements that are queued before their answers are read, so that the queue stays small.
  private static let queuedMax = 64
  static let versionMin = 140_000

  private enum Queued {
    case preparation(of: String)
    case statement
    /// The end of what was sent without waiting for the answers.
    case end
  }

  /// When what is being waited for is given up and the connection with it; nil to wait for ever.
  var deadline: ContinuousClock.Instant?
  /// Whether rows are shown as they come instead of being collected first; a statement can't run inside another's `body` then.
  var streamsRows = false
  /// Whether the connection can't be used any more.
  private(set) var isBroken = false
  /// Whether a COMMIT is on its way, so that what became of the transaction is unknown if the connection ends.
  private(set) var hasSentCommit = false
  /// Whether the operator lets sessions only read.
  var isReadOnly = false
  /// Where the server stands, for people.
  let place: String
  let handle: OpaquePointer
  private var names: [String: String] = [:]
  /// How many statements were ever prepared, so that each name is new: one whose preparation was skipped may be there or not.
  private var prepared = 0
  private var queued: [Queued] = []
  private let warnings = PostgresWarnings()

  /// Connects to the first of the URL's servers that is what the URL asks for. The thread waits as long as libpq's `connect_timeout`.
  init(_ url: PostgresURL, connectSeconds: Int) throws {
    place = url.place
    // What stands before the URL are defaults, what stands behind it is not for the URL to say.
    let parameters = [
      ("connect_timeout", "\(connectSeconds)"), ("fallback_application_name", "parley"), ("gssencmode", "disable"), ("dbname", url.text),
      ("client_encoding", "UTF8"),
    ]
    let keywords = parameters.map { strdup($0.0) } + [nil]
    let values = parameters.map { strdup($0.1) } + [nil]
    defer { for text in keywords + values { free(text) } }
    let opened = PQconnectdbParams(keywords.map { UnsafePointer($0) }, values.map { UnsafePointer($0) }, 1)
    guard let opened, PQstatus(opened) == CONNECTION_OK else {
      defer { PQfinish(opened) }
      // A line for each server that was tried.
      throw PostgresError(lost: opened.map { PostgresError.lines(PQerrorMessage($0)).joined(separator: "; ") } ?? "out of memory")
    }
    handle = opened
    PQsetNoticeReceiver(
      handle, { context, result in context.map { Unmanaged<PostgresWarnings>.fromOpaque($0).takeUnretainedValue().add(result) } },
      Unmanaged.passUnretained(warnings).toOpaque())
    guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else { throw lost() }
  }

  deinit { PQfinish(handle) }

  /// Whether the server has closed the connection while nobody used it. Costs one look at the socket.
  func isStale() -> Bool {
    guard !isBroken else { return true }
    var entry = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
    // Whatever came unasked is either a notice or the end.
    guard poll(&entry, 1, 0) > 0 else { return false }
    if PQconsumeInput(handle) == 0 || PQstatus(handle) != CONNECTION_OK { isBroken = true }
    return isBroken
  }

  // MARK: - Transactions

  /// Opens a transaction together with what comes next.
  func begin(_ begin: StaticString) throws {
    hasSentCommit = false
    try send(SQL(stringLiteral: String(describing: begin)))
  }

  /// Has all that was sent answered.
  func settle() throws { if !queued.isEmpty { try answer() } }

  /// Ends a transaction that only read, without waiting for the answer.
  func leave() throws {
    try settle()
    try queue("COMMIT")
    guard PQpipelineSync(handle) == 1 else { throw lost() }
    queued.append(.end)
    try flush()
  }

  /// Sends all that is queued and COMMIT. An error of the server's own means that nothing was committed; after any other, nobody knows.
  func commit() throws {
    // Not by `send`, which may answer at once.
    try queue("COMMIT")
    hasSentCommit = true
    warnings.clear()
    let result: PostgresResult?
    do {
      result = try answer()
    } catch {
      hasSentCommit = isBroken
      throw error
    }
    hasSentCommit = false
    // A transaction that failed before says ROLLBACK.
    guard let result, String(cString: PQcmdStatus(result.handle)) == "COMMIT" else {
      throw PostgresError(sqlState: "25P02", message: "the transaction had failed before its end")
    }
    // Committed here, but not where it should be as well: a standby that is waited for.
    if let warning = warnings.first { throw PostgresError(sqlState: nil, message: warning) }
  }

  /// Ends a transaction that is not to be committed; a connection that can't is broken.
  func rollBack() {
    // If something that was queued fails, the server skips what is behind it: hence the second time.
    for _ in 0..<2 where !isBroken && !(queued.isEmpty && PQtransactionStatus(handle) == PQTRANS_IDLE) { _ = try? run("ROLLBACK") }
    if PQtransactionStatus(handle) != PQTRANS_IDLE { isBroken = true }
  }

  /// Runs text of one or more statements without values.
  func execute(_ text: String) throws {
    try settle()
    guard PQexitPipelineMode(handle) == 1, PQsendQuery(handle, text) == 1 else { throw lost() }
    try flush()
    var failure: PostgresError?
    while let result = try next() {
      if PQresultStatus(result.handle) == PGRES_FATAL_ERROR { failure = failure ?? PostgresError(result) }
    }
    guard PQenterPipelineMode(handle) == 1 else { throw lost() }
    if let failure { throw failure }
  }

  // MARK: - Statements

  func run(_ sql: SQL) throws -> Int {
    try queue(sql)
    return try answer().flatMap { Int(String(cString: PQcmdTuples($0.handle))) } ?? 0
  }

  func send(_ sql: SQL) throws {
    try queue(sql)
    if queued.count >= Self.queuedMax { try answer() }
  }

  func rows(_ sql: SQL, _ body: (any Row) throws -> Void) throws {
    try queue(sql)
    if streamsRows {
      try answer(streaming: true, body)
    } else if let result = try answer() {
      try result.eachRow(body)
    }
  }

  func lockedRows(_ sql: SQL, _ body: (any Row) throws -> Void) throws { try rows(sql.followed(by: " FOR UPDATE"), body) }

  func claimedRows(_ sql: SQL, _ body: (any Row) throws -> Void) throws { try rows(sql.followed(by: " FOR UPDATE SKIP LOCKED"), body) }

  /// Runs statements that have nothing to do with each other and only read, all at once. Nil is what was skipped because of another's error.
  func answers(to statements: [SQL]) throws -> [Result<PostgresResult, PostgresError>?] {
    let places = try statements.map { sql in
      try queue(sql)
      return queued.count - 1
    }
    var answers: [Int: Result<PostgresResult, PostgresError>] = [:]
    do {
      try answer(each: { answers[$0] = $1 })
    } catch  where !isBroken {
      // Among the answers, or a preparation's.
    }
    return places.map { answers[$0] }
  }

  // MARK: - The pipeline

  private func queue(_ sql: SQL) throws {
    guard !isBroken else { throw PostgresError(lost: "the connection was lost") }
    let name = try names[sql.text] ?? prepare(sql)
    let arguments = PostgresArguments(sql.values)
    let sent = arguments.withPointers { PQsendQueryPrepared(handle, name, Int32(sql.values.count), $0, nil, nil, 0) }
    guard sent == 1 else { throw lost() }
    queued.append(.statement)
  }

  private func prepare(_ sql: SQL) throws -> String {
    // The empty name may be given again and again, no other. COMMIT's is for who reads the wire.
    let name = names.count >= Self.statementsMax ? "" : sql.text == "COMMIT" ? "commit" : "s\(prepared)"
    guard PQsendPrepare(handle, name, sql.text, Int32(sql.values.count), sql.values.map(\.oid)) == 1 else { throw lost() }
    prepared += 1
    if !name.isEmpty { names[sql.text] = name }
    queued.append(.preparation(of: sql.text))
    return name
  }

  /// Sends what is queued, reads the answers to all of it, and gives the last one's. Throws the first error among them. `each` gets the place
  /// in the queue and what came of it, but for what was skipped.
  @discardableResult
  private func answer(
    streaming: Bool = false, _ body: (any Row) throws -> Void = { _ in },
    each: (Int, Result<PostgresResult, PostgresError>) -> Void = { _, _ in }
  ) throws -> PostgresResult? {
    guard PQpipelineSync(handle) == 1 else { throw lost() }
    try flush()
    var failure: (any Error)?
    var last: PostgresResult?
    for (index, item) in queued.enumerated() {
      if streaming, index == queued.count - 1, failure == nil {
        failure = try showRows(body)
        continue
      }
      while let result = try next() {
        let status = PQresultStatus(result.handle)
        if status == PGRES_PIPELINE_SYNC { break }
        if status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK {
          last = result
          each(index, .success(result))
        } else {
          if case .preparation(let text) = item { names[text] = nil }
          guard status == PGRES_FATAL_ERROR else { continue }
          failure = failure ?? PostgresError(result)
          each(index, .failure(PostgresError(result)))
        }
      }
    }
    queued.removeAll(keepingCapacity: true)
    guard let sync = try next(), PQresultStatus(sync.handle) == PGRES_PIPELINE_SYNC else { throw lost() }
    if let failure { throw failure }
    return last
  }

  /// Shows the rows of the next statement one by one; what goes wrong is returned, because all must be read in any case.
  private func showRows(_ body: (any Row) throws -> Void) throws -> (any Error)? {
    var failure: (any Error)?
    PQsetSingleRowMode(handle)
    while let result = try next() {
      switch PQresultStatus(result.handle) {
      case PGRES_SINGLE_TUPLE, PGRES_TUPLES_OK:
        guard failure == nil else { continue }
        do {
          try result.eachRow(body)
        } catch {
          failure = error
        }
      case PGRES_FATAL_ERROR: failure = PostgresError(result)
      default: break
      }
    }
    return failure
  }

  private func flush() throws {
    while true {
      let code = PQflush(handle)
      if code == 0 { return }
      guard code > 0 else { throw lost() }
      // A server that can't send its answers takes nothing more.
      if try wait(for: POLLIN | POLLOUT) & POLLIN != 0, PQconsumeInput(handle) == 0 { throw lost() }
    }
  }

  /// The next result; nil at the end of a statement's.
  private func next() throws -> PostgresResult? {
    while PQisBusy(handle) == 1 {
      _ = try wait(for: POLLIN)
      guard PQconsumeInput(handle) == 1 else { throw lost() }
    }
    let result = PQgetResult(handle).map(PostgresResult.init)
    if PQstatus(handle) == CONNECTION_BAD { throw result.map { lost(PostgresError($0)) } ?? lost() }
    return result
  }

  /// Waits until the socket can do one of the things; says which. The connection is broken once the deadline has passed.
  private func wait(for events: Int32) throws -> Int32 {
    var entry = pollfd(fd: PQsocket(handle), events: Int16(events), revents: 0)
    while true {
      var milliseconds = -1
      if let deadline {
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else {
          isBroken = true
          PostgresCancellation.send(for: handle)
          throw PostgresError(lost: "the database did not answer in time")
        }
        milliseconds = left.microseconds / 1000 + 1
      }
      let ready = poll(&entry, 1, Int32(clamping: milliseconds))
      if ready > 0 { return Int32(entry.revents) & events == 0 ? events : Int32(entry.revents) }
      guard ready == 0 || errno == EINTR else { throw lost() }
    }
  }

  private func lost(_ cause: PostgresError? = nil) -> PostgresError {
    isBroken = true
    return PostgresError(
      lost: cause?.message ?? PostgresError.lines(PQerrorMessage(handle)).first ?? "no reason was given", sqlState: cause?.sqlState)
  }
}
