import ParleyDomain

/// What a new conversation pins (B-CONV-5): a version of a configuration, settings of its own, or both.
package struct ConversationPin: Sendable {
  package let configurationId: Configuration.ID?
  package let version: Int64?
  /// JSON text of the conversation's own settings.
  package let override: [UInt8]?

  package init(configurationId: Configuration.ID?, version: Int64?, override: [UInt8]?) {
    (self.configurationId, self.version, self.override) = (configurationId, version, override)
  }
}

extension Transaction {
  /// Adds a conversation; `held` says what its row counts.
  package func insert(_ conversation: Conversation, as held: HeldConversation, pinning pin: ConversationPin) throws -> Stored<Conversation>
  {
    let stored = Stored(conversation)
    try connection.send(
      """
      INSERT INTO conversation (account_id, id, status, configuration_id, configuration_version, settings_override, grouping_scope,
        grouping_type, participant_count, next_position, document)
      VALUES (\(account), \(conversation.id), \(conversation.status.rawValue), \(pin.configurationId), \(pin.version), \(pin.override),
        \(held.groupingScope), \(held.groupingType.rawValue), \(held.participantCount), \(held.nextPosition), \(stored.document))
      """)
    return stored
  }

  /// The conversation's narrow row, which stays as it is until the transaction ends; nil when there is no such conversation.
  package func lockConversation(_ id: Conversation.ID) throws -> HeldConversation? {
    var held: HeldConversation?
    try connection.lockedRows(
      """
      SELECT status, grouping_scope, grouping_type, participant_count, next_position FROM conversation
      WHERE account_id = \(account) AND id = \(id)
      """
    ) { row in
      held = HeldConversation(
        id: id, accountId: account, status: try row.choice(0), groupingScope: row.text(1), groupingType: try row.choice(2),
        participantCount: row.integer(3), nextPosition: row.integer(4))
    }
    return held
  }

  package func hasConversation(_ id: Conversation.ID) throws -> Bool {
    try connection.one("SELECT 1 FROM conversation WHERE account_id = \(account) AND id = \(id)") { _ in true } ?? false
  }

  package func conversation(_ id: Conversation.ID) throws -> Stored<Conversation>? {
    try connection.one("SELECT document FROM conversation WHERE account_id = \(account) AND id = \(id)") { $0.document(0) }
  }

  /// A page of conversations, newest first (B-PAGE-7), with one of the statuses and linked to the channel's id if these are given.
  package func conversations(_ filter: ConversationFilter, _ request: PageRequest) throws -> Page {
    try page(request, mayRepeat: filter.channelId != nil) { direction, key, limit in
      let (beyond, order): (StaticString, StaticString) = direction == .next ? ("<", "DESC") : (">", "ASC")
      // Greater than every id: the start of a list that goes down.
      let key = key ?? "conv_conversation_~"
      if let channelId = filter.channelId {
        return linked(to: channelId, filter.statuses, beyond: beyond, key: key, order: order, limit: limit)
      }
      let statuses = filter.statuses
      return switch statuses.count {
      case 0, Conversation.Status.allCases.count:
        """
        SELECT id, document FROM conversation WHERE account_id = \(account) AND id \(sql: beyond) \(key)
        ORDER BY id \(sql: order) LIMIT \(limit)
        """
      case 1:
        """
        SELECT id, document FROM conversation WHERE account_id = \(account) AND status = \(statuses[0].rawValue) AND id \(sql: beyond) \(key)
        ORDER BY id \(sql: order) LIMIT \(limit)
        """
      // One limited range a status, merged: an IN would walk through all conversations of the account.
      default:
        """
        SELECT id, document FROM (
          SELECT id, document FROM conversation WHERE account_id = \(account) AND status = \(statuses[0].rawValue)
            AND id \(sql: beyond) \(key) ORDER BY id \(sql: order) LIMIT \(limit)) AS one
        UNION ALL
        SELECT id, document FROM (
          SELECT id, document FROM conversation WHERE account_id = \(account) AND status = \(statuses[1].rawValue)
            AND id \(sql: beyond) \(key) ORDER BY id \(sql: order) LIMIT \(limit)) AS two
        ORDER BY id \(sql: order) LIMIT \(limit)
        """
      }
    }
  }

  /// The callbacks that an event of the conversation goes to: those in force, in their order, then the account's live listeners (B-HOOK-6).
  /// Throws `SettingsNotApart` if they stand beside capture rules.
  package func callbacks(of id: Conversation.ID, at now: Timestamp) throws -> [StatusCallback] {
    var callbacks: [StatusCallback] = []
    // Live as `isLive` says, in one text: every change asks for this.
    try connection.rows(
      """
      SELECT v.settings, NULL, v.form, c.settings_override, NULL, c.id, v.configuration_id, v.version, NULL, NULL
      FROM conversation AS c LEFT JOIN configuration_version AS v
        ON v.account_id = c.account_id AND v.configuration_id = c.configuration_id AND v.version = c.configuration_version
      WHERE c.account_id = \(account) AND c.id = \(id)
      UNION ALL
      SELECT NULL, NULL, NULL, NULL, l.url, l.id, NULL, NULL, l.key_id, l.token_number FROM listener AS l
      WHERE l.account_id = \(account) AND l.expires_at > \(now) AND l.set_at <= \(now.adding(Timestamp.clockTolerance))
        AND NOT EXISTS (SELECT 1 FROM api_key AS k WHERE k.id = l.key_id AND k.revoked_at IS NOT NULL)
        AND NOT EXISTS (
          SELECT 1 FROM account AS a WHERE a.id = l.account_id AND (a.disabled_at IS NOT NULL OR a.token_number <> l.token_number))
      """
    ) { row in
      if row.isNull(4) {
        callbacks.insert(contentsOf: try Self.pinned(row, apart: true).callbacks(), at: 0)
      } else {
        callbacks.append(StatusCallback(url: row.text(4), method: .post, credential: try Self.credential(row, at: 8)))
      }
    }
    return callbacks
  }

  /// What the conversation pins; it exists. Throws `SettingsNotApart` if capture rules must be `apart` and are not.
  package func pinnedConfiguration(of id: Conversation.ID, apart: Bool = false) throws -> PinnedConfiguration {
    let pinned = try connection.one(
      """
      SELECT v.settings, v.capture_rules, v.form, c.settings_override, NULL, c.id, v.configuration_id, v.version
      FROM conversation AS c LEFT JOIN configuration_version AS v
        ON v.account_id = c.account_id AND v.configuration_id = c.configuration_id AND v.version = c.configuration_version
      WHERE c.account_id = \(account) AND c.id = \(id)
      """
    ) { try Self.pinned($0, apart: apart) }
    guard let pinned else { throw DamagedDocument(reason: "a conversation without its row") }
    return pinned
  }

  private static func pinned(_ row: any Row, apart: Bool) throws -> PinnedConfiguration {
    let base = row.isNull(0) ? nil : row.settings(at: 0)
    if apart, base?.isWhole == true { throw SettingsNotApart(configurationId: row.id(6), version: row.integer(7)) }
    return PinnedConfiguration(base: base, override: row.optionalBytes(3))
  }

  /// Replaces a held conversation by a new state of it.
  package func update(_ conversation: Conversation) throws -> Stored<Conversation> {
    let stored = Stored(conversation)
    try connection.send(
      """
      UPDATE conversation SET status = \(conversation.status.rawValue), document = \(stored.document)
      WHERE account_id = \(account) AND id = \(conversation.id)
      """)
    return stored
  }

  /// Replaces the settings that a held conversation has of its own.
  package func setOverride(_ override: [UInt8]?, of id: Conversation.ID) throws {
    try connection.send("UPDATE conversation SET settings_override = \(override) WHERE account_id = \(account) AND id = \(id)")
  }

  /// Starts from the links. A conversation that is linked by several owners comes as often, one row after the other.
  private func linked(
    to channelId: String, _ statuses: [Conversation.Status], beyond: StaticString, key: String, order: StaticString, limit: Int64
  ) -> SQL {
    if statuses.isEmpty || statuses.count == Conversation.Status.allCases.count {
      return """
        SELECT c.id, c.document FROM channel_link AS l CROSS JOIN conversation AS c
        WHERE l.account_id = \(account) AND l.channel_id = \(channelId) AND l.conversation_id \(sql: beyond) \(key)
          AND c.account_id = l.account_id AND c.id = l.conversation_id
        ORDER BY l.conversation_id \(sql: order) LIMIT \(limit)
        """
    }
    return """
      SELECT c.id, c.document FROM channel_link AS l CROSS JOIN conversation AS c
      WHERE l.account_id = \(account) AND l.channel_id = \(channelId) AND l.conversation_id \(sql: beyond) \(key)
        AND c.account_id = l.account_id AND c.id = l.conversation_id AND c.status IN (\(list: statuses.map { .text($0.rawValue) }))
      ORDER BY l.conversation_id \(sql: order) LIMIT \(limit)
      """
  }
}
