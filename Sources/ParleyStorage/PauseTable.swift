import ParleyDomain

extension Transaction {
  /// Pauses a URL, its lanes included. The pause that is there already is returned instead; nil where the account has as many as it may.
  package func insert(_ pause: Pause, urlHash: String) throws -> (pause: Pause, isNew: Bool)? {
    // Held, so that two at a time count each other.
    try connection.lockedRows("SELECT id FROM account WHERE id = \(account)") { _ in }
    if let there = try self.pause(ofURLHash: urlHash) { return (there, false) }
    let count = try connection.one("SELECT COUNT(*) FROM webhook_pause WHERE account_id = \(account)") { $0.integer(0) } ?? 0
    guard count < Int64(Pause.pausesMax) else { return nil }
    try connection.send(
      """
      INSERT INTO webhook_pause (account_id, id, url, url_hash, created_at)
      VALUES (\(account), \(pause.id), \(pause.url), \(urlHash), \(pause.createdAt))
      """)
    try connection.send("UPDATE lane SET paused = 1 WHERE account_id = \(account) AND url_hash = \(urlHash)")
    return (pause, true)
  }

  package func pause(_ id: Pause.ID) throws -> Pause? {
    try connection.one("SELECT id, url, created_at FROM webhook_pause WHERE account_id = \(account) AND id = \(id)", Self.pause)
  }

  /// A page of the account's pauses, newest first.
  package func pauses(_ request: PageRequest) throws -> Page {
    try page(request) { direction, key, limit in
      let (beyond, order): (StaticString, StaticString) = direction == .next ? ("<", "DESC") : (">", "ASC")
      return """
        SELECT id, url, created_at FROM webhook_pause WHERE account_id = \(account) AND id \(sql: beyond) \(key ?? "\(Pause.idPrefix)_~")
        ORDER BY id \(sql: order) LIMIT \(limit)
        """
    } append: { row, items in
      var writer = JSONWriter()
      Self.pause(row).write(to: &writer)
      items.append(contentsOf: writer.bytes)
    }
  }

  /// Resumes a URL, its lanes included, which keep the times at which they are due; false when there is no such pause.
  package func resume(_ id: Pause.ID) throws -> Bool {
    let hash = try connection.one("SELECT url_hash FROM webhook_pause WHERE account_id = \(account) AND id = \(id)") { $0.text(0) }
    guard let hash, try connection.run("DELETE FROM webhook_pause WHERE account_id = \(account) AND id = \(id)") == 1 else { return false }
    try connection.send("UPDATE lane SET paused = 0 WHERE account_id = \(account) AND url_hash = \(hash)")
    return true
  }

  private func pause(ofURLHash hash: String) throws -> Pause? {
    try connection.one("SELECT id, url, created_at FROM webhook_pause WHERE account_id = \(account) AND url_hash = \(hash)", Self.pause)
  }

  private static func pause(_ row: any Row) -> Pause { Pause(id: row.id(0), url: row.text(1), createdAt: row.timestamp(2)) }
}
