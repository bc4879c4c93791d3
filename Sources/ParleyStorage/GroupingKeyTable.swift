import ParleyDomain

extension Transaction {
  /// Gives up and takes grouping keys of a held conversation. A key that another open conversation holds is a conflict that names the most
  /// recently created of the holders (B-GROUP-6).
  package func exchange(_ released: [Grouping.Key], for claimed: [Grouping.Key], of conversation: HeldConversation) throws {
    for key in released {
      try connection.send(
        """
        DELETE FROM grouping_key WHERE account_id = \(account) AND scope = \(conversation.groupingScope) AND key = \(key)
          AND conversation_id = \(conversation.id)
        """)
    }
    // Few sizes of statement, so that they can all be kept prepared.
    var taken = 0
    for start in stride(from: 0, to: claimed.count, by: Self.keysAtOnce) {
      taken += try claim(claimed[start..<min(start + Self.keysAtOnce, claimed.count)], for: conversation)
    }
    guard taken < claimed.count else { return }
    if let holder = try newestHolder(of: claimed, besides: conversation) { throw ParleyError.conflict(.grouping(with: holder)) }
    // Only where several writers run side by side: the holder let go between our two looks.
    throw ChangedHands(what: "a grouping key")
  }

  /// Gives up all keys of a conversation that closes (B-GROUP-4).
  package func releaseKeys(of conversation: Conversation.ID) throws {
    try connection.send("DELETE FROM grouping_key WHERE account_id = \(account) AND conversation_id = \(conversation)")
  }

  private static let keysAtOnce = 32

  private func claim(_ keys: ArraySlice<Grouping.Key>, for conversation: HeldConversation) throws -> Int {
    let rows: [[Value]] = keys.map { key in
      [.text(account.text), .text(conversation.groupingScope), .bytes(key), .text(conversation.id.text)]
    }
    return try connection.run(
      "INSERT INTO grouping_key (account_id, scope, key, conversation_id) VALUES \(rows: rows) ON CONFLICT DO NOTHING")
  }

  private func newestHolder(of keys: [Grouping.Key], besides conversation: HeldConversation) throws -> Conversation.ID? {
    var newest: Conversation.ID?
    for start in stride(from: 0, to: keys.count, by: Self.keysAtOnce) {
      let some = keys[start..<min(start + Self.keysAtOnce, keys.count)].map(Value.bytes)
      let holder: Conversation.ID?? = try connection.one(
        """
        SELECT MAX(conversation_id) FROM grouping_key WHERE account_id = \(account) AND scope = \(conversation.groupingScope)
          AND conversation_id <> \(conversation.id) AND key IN (\(list: some))
        """
      ) { row in row.isNull(0) ? nil : row.id(0) }
      if let holder, let found = holder, newest.map({ $0 < found }) ?? true { newest = found }
    }
    return newest
  }
}
