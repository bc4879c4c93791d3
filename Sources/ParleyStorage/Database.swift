import ParleyDomain

/// The one seam to the database.
///
/// Work is a synchronous closure in one transaction: nothing can be awaited inside, so no network call holds a transaction open. A closure
/// may run again, after it was rolled back or only to see what it asks, so it touches nothing but the transaction; times and ids are taken
/// before. What a closure throws is thrown on and leaves nothing behind; a database that can't do it throws `ParleyError.unavailable`.
package protocol Database: Sendable {
  func read<Answer: Sendable>(
    for account: Account.ID, _ access: Access, _ body: @escaping @Sendable (Transaction) throws -> Answer
  ) async throws -> Answer

  /// Returns once the transaction is on the disk.
  func write<Answer: Sendable>(
    for account: Account.ID, _ body: @escaping @Sendable (Transaction) throws -> Answer
  ) async throws -> Answer

  /// For what belongs to no account or to all: signing in, accounts, the schema.
  func readSystem<Answer: Sendable>(
    _ access: Access, _ body: @escaping @Sendable (SystemTransaction) throws -> Answer
  ) async throws -> Answer
  func writeSystem<Answer: Sendable>(_ body: @escaping @Sendable (SystemTransaction) throws -> Answer) async throws -> Answer

  /// A write that a failure of power may undo although it was answered, and nothing else: it is not waited for on the disk. For what may be
  /// done twice, such as a note that something was sent.
  func writeRelaxed<Answer: Sendable>(_ body: @escaping @Sendable (SystemTransaction) throws -> Answer) async throws -> Answer

  /// The present, by the clock that all who use the database share.
  func now() -> Timestamp

  var metrics: DatabaseMetrics { get }

  /// Ends the background work after what was accepted is done.
  func close() async
}

extension Database {
  package func readSystem<Answer: Sendable>(_ body: @escaping @Sendable (SystemTransaction) throws -> Answer) async throws -> Answer {
    try await readSystem(.snapshot, body)
  }
}

/// Who opens a database.
package enum DatabaseRole: Sendable {
  /// Brings the schema up to date; alone on an SQLite file, one of several nodes on PostgreSQL.
  case server
  /// Works beside servers, or alone: takes the schema as it is, and makes it only in an empty database.
  case command
}

/// How much a read needs.
package enum Access: Sendable {
  /// One statement, run where the caller runs. Several would each see their own state.
  case statement
  /// Several statements that see one state, run where the caller runs.
  case snapshot
  /// A snapshot that takes long enough to be run on a thread of its own.
  case bulk

  /// Pages of more items are read on a thread of their own.
  private static let itemsReadInPlaceMax = 200

  /// The access for a page. The first page of a list takes one statement, two where it may say that the parent is missing or has neighbours
  /// to look for.
  package static func page(of request: PageRequest) -> Access {
    if request.size > itemsReadInPlaceMax { return .bulk }
    return request.cursor == nil ? .statement : .snapshot
  }
}

/// One account's side of a transaction. Every statement of a table function has the account as its first condition.
package final class Transaction {
  let connection: any Connection
  let account: Account.ID

  init(_ connection: any Connection, account: Account.ID) {
    self.connection = connection
    self.account = account
  }
}

/// A transaction that sees all accounts: the exception, for signing in, accounts and the schema.
package final class SystemTransaction {
  let connection: any Connection

  init(_ connection: any Connection) { self.connection = connection }

  /// One account's side of the same transaction.
  package func transaction(for account: Account.ID) -> Transaction { Transaction(connection, account: account) }
}

/// What a database driver gives the tables.
protocol Connection: AnyObject {
  /// Runs a statement that returns no rows; says how many it changed.
  func run(_ sql: SQL) throws -> Int
  /// The same where nobody asks how many. It may be kept until the next call or the end of the transaction, and fail only then, so that a
  /// distant database costs one wait and not many.
  func send(_ sql: SQL) throws
  /// Runs a statement and shows each row to `body`, in order.
  func rows(_ sql: SQL, _ body: (any Row) throws -> Void) throws
  /// The same for a read of rows that are decided on: they stay as they are until the transaction ends.
  func lockedRows(_ sql: SQL, _ body: (any Row) throws -> Void) throws
  /// The same without those that another transaction holds at the moment: nobody is waited for.
  func claimedRows(_ sql: SQL, _ body: (any Row) throws -> Void) throws
}

/// A write saw a row that was gone when it looked again: another writer's doing, so the write begins anew.
struct ChangedHands: Error {
  let what: StaticString

  /// The error as callers of the database see it.
  var asSeenOutside: ParleyError { .unavailable(cause: "\(what) changed hands") }
}

extension Connection {
  /// The first row as `read` makes it; nil when there is none.
  func one<Value>(_ sql: SQL, _ read: (any Row) throws -> Value) throws -> Value? {
    var value: Value?
    try rows(sql) { row in if value == nil { value = try read(row) } }
    return value
  }

  func all<Value>(_ sql: SQL, _ read: (any Row) throws -> Value) throws -> [Value] {
    var values: [Value] = []
    try rows(sql) { values.append(try read($0)) }
    return values
  }
}
