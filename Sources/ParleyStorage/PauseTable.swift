import ParleyDomain

extension Pause {
  /// How many pauses hold delivery `d` back: that of its URL, and that of all URLs.
  static let countOfDelivery: StaticString = """
    (SELECT COUNT(*) FROM webhook_pause AS p WHERE p.account_id = d.account_id AND p.url_hash IN (d.url_hash, '*'))
    """
}

extension Transaction {
  /// Pauses a URL, its lanes included. The pause that is there already is returned instead; nil where the account has as many as it may.
  package func insert(_ pause: Pause, urlHash: String) throws -> (pause: Pause, isNew: Bool)? {
    // Held, so that two at a time count each other.
    try connection.lockedRows("SELECT id FROM account WHERE id = \(account)") { _ in }
    if let there = try self.pause(ofURLHash: urlHash) { return (there, false) }
    let count = try connection.one("SELECT COUNT(*) FROM webhook_pause WHERE account_id = \(account)") { $0.integer(0) } ?? 0
    guard count < Int64(Pause.pausesMax) || pause.isForAllURLs else { return nil }
    try connection.send(
      """
      INSERT INTO webhook_pause (account_id, id, url, url_hash, created_at)
      VALUES (\(account), \(pause.id), \(pause.url), \(urlHash), \(pause.createdAt))
      """)
    var lanes: SQL = "UPDATE lane SET paused = paused + 1 WHERE account_id = \(account) AND paused IN (0, 2)"
    if !pause.isForAllURLs { lanes = lanes.followed(by: " AND url_hash = \(urlHash)") }
    try connection.send(lanes)
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

  /// Ends a pause. Its lanes keep the times at which they are due, and stay paused while another pause covers them; false when there is no
  /// such pause.
  package func resume(_ id: Pause.ID) throws -> Bool {
    guard try connection.run("DELETE FROM webhook_pause WHERE account_id = \(account) AND id = \(id)") == 1 else { return false }
    try wakeLanesWithoutPause()
    return true
  }

  /// Wakes lanes that sleep for a pause that is over. Several that write side by side need it now and then: a lane that was added while its
  /// URL was resumed may not have seen it.
  package func wakeLanesWithoutPause() throws {
    try connection.send(
      """
      UPDATE lane SET paused = paused - 1 WHERE account_id = \(account) AND paused IN (1, 3) AND NOT EXISTS (
        SELECT 1 FROM webhook_pause AS p WHERE p.account_id = \(account) AND p.url_hash IN (lane.url_hash, \(Pause.allURLs)))
      """)
  }

  package func pause(ofURLHash hash: String) throws -> Pause? {
    try connection.one("SELECT id, url, created_at FROM webhook_pause WHERE account_id = \(account) AND url_hash = \(hash)", Self.pause)
  }

  private static func pause(_ row: any Row) -> Pause { Pause(id: row.id(0), url: row.text(1), createdAt: row.timestamp(2)) }
}
