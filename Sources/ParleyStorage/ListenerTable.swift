import ParleyDomain

extension Transaction {
  /// Adds a listener; false where the account has as many live ones as it may.
  package func insert(_ listener: Listener) throws -> Bool {
    // Held, so that two at a time count each other.
    try connection.lockedRows("SELECT id FROM account WHERE id = \(account)") { _ in }
    let count: SQL = "SELECT COUNT(*) FROM listener AS l WHERE l.account_id = \(account) AND "
    let live = try connection.one(count.followed(by: Self.isLive(at: listener.createdAt))) { $0.integer(0) }
    guard live ?? 0 < Int64(Listener.liveMax) else { return false }
    try connection.send(
      """
      INSERT INTO listener (account_id, id, url, created_at, expires_at, set_at, key_id, token_number)
      VALUES (\(account), \(listener.id), \(listener.url), \(listener.createdAt), \(listener.expiresAt), \(listener.createdAt),
        \(listener.credential?.key), \(listener.credential?.tokenNumber))
      """)
    return true
  }

  /// A live listener; nil when there is none.
  package func listener(_ id: Listener.ID, at now: Timestamp) throws -> Listener? {
    let sql: SQL = "SELECT \(sql: Self.columns) FROM listener AS l WHERE l.account_id = \(account) AND l.id = \(id) AND "
    return try connection.one(sql.followed(by: Self.isLive(at: now)), Self.listener)
  }

  /// All live listeners, newest first.
  package func liveListeners(at now: Timestamp) throws -> [Listener] {
    let sql: SQL = "SELECT \(sql: Self.columns) FROM listener AS l WHERE l.account_id = \(account) AND "
    return try connection.all(sql.followed(by: Self.isLive(at: now)).followed(by: " ORDER BY l.id DESC"), Self.listener)
  }

  /// A page of live listeners, newest first.
  package func listeners(_ request: PageRequest, at now: Timestamp) throws -> Page {
    try page(request) { direction, key, limit in
      let (beyond, order): (StaticString, StaticString) = direction == .next ? ("<", "DESC") : (">", "ASC")
      let sql: SQL = """
        SELECT \(sql: Self.columns) FROM listener AS l
        WHERE l.account_id = \(account) AND l.id \(sql: beyond) \(key ?? "\(Listener.idPrefix)_~") AND 
        """
      return sql.followed(by: Self.isLive(at: now)).followed(by: " ORDER BY l.id \(sql: order) LIMIT \(limit)")
    } append: { row, items in
      var writer = JSONWriter()
      try Self.listener(row).write(to: &writer)
      items.append(contentsOf: writer.bytes)
    }
  }

  /// Moves the end of a live listener; false when there is none. It still ends with what its maker signed in with.
  package func renew(_ id: Listener.ID, until: Timestamp, at now: Timestamp) throws -> Bool {
    let sql: SQL = """
      UPDATE listener AS l SET expires_at = \(until), set_at = \(now) WHERE l.account_id = \(account) AND l.id = \(id) AND 
      """
    return try connection.run(sql.followed(by: Self.isLive(at: now))) == 1
  }

  /// Ends a live listener; false when there is none.
  package func endListener(_ id: Listener.ID, at now: Timestamp) throws -> Bool {
    let sql: SQL = "DELETE FROM listener AS l WHERE l.account_id = \(account) AND l.id = \(id) AND "
    return try connection.run(sql.followed(by: Self.isLive(at: now))) == 1
  }

  /// Whether row `l` of `listener` is live: its time is not over and was not set while the clock was ahead, and its maker can still sign in.
  static func isLive(at now: Timestamp) -> SQL {
    """
    l.expires_at > \(now) AND l.set_at <= \(now.adding(Timestamp.clockTolerance))
      AND NOT EXISTS (SELECT 1 FROM api_key AS k WHERE k.id = l.key_id AND k.revoked_at IS NOT NULL)
      AND NOT EXISTS (
        SELECT 1 FROM account AS a WHERE a.id = l.account_id AND (a.disabled_at IS NOT NULL OR a.token_number <> l.token_number))
    """
  }

  private static let columns: StaticString = "l.id, l.url, l.created_at, l.expires_at, l.key_id, l.token_number"

  private static func listener(_ row: any Row) throws -> Listener {
    Listener(
      id: row.id(0), url: row.text(1), createdAt: row.timestamp(2), expiresAt: row.timestamp(3), credential: try credential(row, at: 4))
  }

  /// What is in the two columns from `column` on.
  static func credential(_ row: any Row, at column: Int32) throws -> Credential? {
    Credential(
      key: row.isNull(column) ? nil : try row.sid(column), tokenNumber: row.isNull(column + 1) ? nil : row.integer(column + 1))
  }
}
