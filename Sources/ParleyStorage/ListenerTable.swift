import ParleyDomain

extension Transaction {
  /// Adds a listener; false where the account has as many live ones as it may.
  package func insert(_ listener: Listener) throws -> Bool {
    // Held, so that two at a time count each other.
    try connection.lockedRows("SELECT id FROM account WHERE id = \(account)") { _ in }
    let live = try connection.one("SELECT COUNT(*) FROM listener WHERE account_id = \(account) AND expires_at > \(listener.createdAt)") {
      $0.integer(0)
    }
    guard live ?? 0 < Int64(Listener.liveMax) else { return false }
    try connection.send(
      """
      INSERT INTO listener (account_id, id, url, created_at, expires_at)
      VALUES (\(account), \(listener.id), \(listener.url), \(listener.createdAt), \(listener.expiresAt))
      """)
    return true
  }

  /// A live listener; nil when there is none.
  package func listener(_ id: Listener.ID, at now: Timestamp) throws -> Listener? {
    try connection.one(
      "SELECT id, url, created_at, expires_at FROM listener WHERE account_id = \(account) AND id = \(id) AND expires_at > \(now)",
      Self.listener)
  }

  /// A page of live listeners, newest first.
  package func listeners(_ request: PageRequest, at now: Timestamp) throws -> Page {
    try page(request) { direction, key, limit in
      let (beyond, order): (StaticString, StaticString) = direction == .next ? ("<", "DESC") : (">", "ASC")
      return """
        SELECT id, url, created_at, expires_at FROM listener
        WHERE account_id = \(account) AND id \(sql: beyond) \(key ?? "\(Listener.idPrefix)_~") AND expires_at > \(now)
        ORDER BY id \(sql: order) LIMIT \(limit)
        """
    } append: { row, items in
      var writer = JSONWriter()
      Self.listener(row).write(to: &writer)
      items.append(contentsOf: writer.bytes)
    }
  }

  /// Moves the end of a live listener; false when there is none.
  package func renew(_ id: Listener.ID, until: Timestamp, at now: Timestamp) throws -> Bool {
    try connection.run(
      "UPDATE listener SET expires_at = \(until) WHERE account_id = \(account) AND id = \(id) AND expires_at > \(now)") == 1
  }

  /// Ends a live listener; false when there is none.
  package func endListener(_ id: Listener.ID, at now: Timestamp) throws -> Bool {
    try connection.run("DELETE FROM listener WHERE account_id = \(account) AND id = \(id) AND expires_at > \(now)") == 1
  }

  private static func listener(_ row: any Row) -> Listener {
    Listener(id: row.id(0), url: row.text(1), createdAt: row.timestamp(2), expiresAt: row.timestamp(3))
  }
}
