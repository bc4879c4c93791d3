import CPostgres
import ParleyDomain

/// What Parley asks of every session: that the server is one it can rely on, and that nothing in it waits for ever.
enum PostgresSession {
  /// Sets the limits of a session that requests use. Nothing is written in it by chance, and a commit is on the disk when it is answered.
  static func prepare(_ connection: PostgresConnection, _ timeouts: PostgresTimeouts) throws {
    try check(connection)
    try set(
      connection, statement: timeouts.statementMilliseconds, lock: timeouts.lockMilliseconds, idle: timeouts.idleInTransactionMilliseconds,
      readOnly: "on")
  }

  /// The same without limits.
  fileprivate static func prepareWithoutLimits(_ connection: PostgresConnection) throws {
    try set(connection, statement: 0, lock: 0, idle: 0, readOnly: "off")
    try check(connection)
  }

  private static func set(_ connection: PostgresConnection, statement: Int, lock: Int, idle: Int, readOnly: String) throws {
    // Not in the connection's `options`, which are the operator's.
    try connection.rows(
      """
      SELECT set_config('statement_timeout', \("\(statement)"), false), set_config('lock_timeout', \("\(lock)"), false),
        set_config('idle_in_transaction_session_timeout', \("\(idle)"), false), set_config('default_transaction_read_only', \(readOnly), false),
        set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
          ELSE current_setting('synchronous_commit') END, false)
      """
    ) { _ in }
  }

  private static func check(_ connection: PostgresConnection) throws {
    try connection.rows(
      """
      SELECT current_setting('server_version_num'), current_setting('server_encoding'), pg_is_in_recovery(), pg_backend_pid(),
        current_setting('default_transaction_read_only')
      """
    ) { row in
      connection.isReadOnly = row.text(4) == "on"
      let objection: String? =
        if Int(row.text(0)) ?? 0 < PostgresConnection.versionMin {
          "the server is older than PostgreSQL 14"
        } else if row.text(1) != "UTF8" {
          "the database has the encoding \(row.text(1)) and not UTF8"
        } else if row.integer(3) != Int64(PQbackendPID(connection.handle)) {
          // PgBouncer and its like: in their transaction mode the next statement may come to another session, without what was set and prepared.
          "a connection pooler stands before the server: Parley keeps its own connections and needs the server itself"
        } else if row.text(2) == "t" {
          "the server is a standby; with several hosts in the URL, target_session_attrs=read-write finds the primary"
        } else {
          nil
        }
      if let objection { throw PostgresError(sqlState: nil, message: objection) }
    }
  }
}

extension PostgresConnection {
  /// Opens a session for migrations and copies, which the server lets take as long as they take. The deadline, which is for looking around,
  /// is to be lifted for them.
  convenience init(forCommands url: PostgresURL) throws {
    let timeouts = PostgresTimeouts()
    try self.init(url, connectSeconds: timeouts.connectSeconds)
    deadline = .now + timeouts.transaction
    try PostgresSession.prepareWithoutLimits(self)
  }
}
