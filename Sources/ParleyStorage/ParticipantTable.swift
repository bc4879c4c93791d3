import ParleyDomain

extension Transaction {
  /// Adds a participant at the conversation's next position, with its addresses and channel links; the conversation is held and the
  /// addresses were found free.
  package func insert(_ participant: Participant, into conversation: HeldConversation) throws -> Stored<Participant> {
    let stored = Stored(participant)
    try insert(participant, stored, at: conversation.nextPosition)
    try connection.send(
      """
      UPDATE conversation SET participant_count = participant_count + 1, next_position = next_position + 1
      WHERE account_id = \(account) AND id = \(conversation.id)
      """)
    return stored
  }

  /// The same at a given position, for a conversation whose row already counts it.
  package func insert(_ participant: Participant, _ stored: Stored<Participant>, at position: Int64) throws {
    try connection.send(
      """
      INSERT INTO participant (account_id, conversation_id, id, position, type, profile_id, document)
      VALUES (\(account), \(participant.conversationId), \(participant.id), \(position), \(participant.type.rawValue),
        \(participant.profileId), \(stored.document))
      """)
    try own(participant.member.addresses, by: participant)
    try link(participant.channelIds, to: participant)
  }

  package func participant(_ id: Participant.ID, of conversation: Conversation.ID) throws -> Stored<Participant>? {
    try connection.one(
      """
      SELECT document FROM participant
      WHERE account_id = \(account) AND conversation_id = \(conversation) AND id = \(id)
      """
    ) { $0.document(0) }
  }

  /// A page of the conversation's participants, oldest first by position (B-PAGE-7).
  package func participants(of conversation: Conversation.ID, _ request: PageRequest) throws -> Page {
    try page(request) { direction, key, limit in
      let position = key.flatMap { Int64($0) } ?? 0
      return switch direction {
      case .next:
        """
        SELECT position, document FROM participant
        WHERE account_id = \(account) AND conversation_id = \(conversation) AND position > \(position)
        ORDER BY position LIMIT \(limit)
        """
      case .previous:
        """
        SELECT position, document FROM participant
        WHERE account_id = \(account) AND conversation_id = \(conversation) AND position < \(position)
        ORDER BY position DESC LIMIT \(limit)
        """
      }
    }
  }

  /// What the conversation's rules need to know of all its participants, by position. One statement for both tables.
  package func members(of conversation: Conversation.ID) throws -> [Member] {
    var found: [(position: Int64, member: Member)] = []
    var addresses: [String: [OwnedAddress]] = [:]
    try connection.rows(
      """
      SELECT id, position, type, profile_id, NULL, NULL FROM participant
      WHERE account_id = \(account) AND conversation_id = \(conversation)
      UNION ALL
      SELECT participant_id, 0, NULL, NULL, channel, normal_form FROM owned_address
      WHERE account_id = \(account) AND conversation_id = \(conversation)
      """
    ) { row in
      if row.isNull(2) {
        addresses[row.text(0), default: []].append(OwnedAddress(channel: try row.choice(4), normalForm: row.text(5)))
      } else {
        found.append((row.integer(1), Member(id: row.id(0), type: try row.choice(2), profileId: row.optionalText(3), addresses: [])))
      }
    }
    let members = found.sorted { $0.position < $1.position }.map { entry in
      var member = entry.member
      member.addresses = addresses.removeValue(forKey: member.id.text) ?? []
      return member
    }
    guard addresses.isEmpty else { throw DamagedDocument(reason: "an address of nobody") }
    return members
  }

  /// Replaces a participant of a held conversation by a new state of it.
  package func update(_ participant: Participant, from previous: Participant) throws -> Stored<Participant> {
    let stored = Stored(participant)
    try connection.send(
      """
      UPDATE participant SET type = \(participant.type.rawValue), profile_id = \(participant.profileId), document = \(stored.document)
      WHERE account_id = \(account) AND conversation_id = \(participant.conversationId) AND id = \(participant.id)
      """)
    let (before, after) = (previous.member.addresses, participant.member.addresses)
    try disown(before.filter { !after.contains($0) }, of: participant)
    try own(after.filter { !before.contains($0) }, by: participant)
    let (oldLinks, newLinks) = (previous.channelIds, participant.channelIds)
    try unlink(oldLinks.filter { id in !newLinks.contains { $0.isSame(as: id) } }, from: participant)
    try link(newLinks.filter { id in !oldLinks.contains { $0.isSame(as: id) } }, to: participant)
    return stored
  }

  private func own(_ addresses: [OwnedAddress], by participant: Participant) throws {
    guard !addresses.isEmpty else { return }
    let rows: [[Value]] = addresses.map { address in
      [
        .text(account.text), .text(participant.conversationId.text), .text(address.channel.rawValue), .text(address.normalForm),
        .text(participant.id.text),
      ]
    }
    // Without ON CONFLICT: whoever holds the conversation has looked, so a row that is in the way is a fault and ends the transaction.
    try connection.send(
      "INSERT INTO owned_address (account_id, conversation_id, channel, normal_form, participant_id) VALUES \(rows: rows)")
  }

  private func disown(_ addresses: [OwnedAddress], of participant: Participant) throws {
    for address in addresses {
      try connection.send(
        """
        DELETE FROM owned_address WHERE account_id = \(account) AND conversation_id = \(participant.conversationId)
          AND channel = \(address.channel.rawValue) AND normal_form = \(address.normalForm) AND participant_id = \(participant.id)
        """)
    }
  }

  private func link(_ channelIds: [String], to participant: Participant) throws {
    guard !channelIds.isEmpty else { return }
    let rows: [[Value]] = channelIds.map { channelId in
      [.text(account.text), .text(channelId), .text(participant.conversationId.text), .text(participant.id.text)]
    }
    try connection.send(
      "INSERT INTO channel_link (account_id, channel_id, conversation_id, owner_id) VALUES \(rows: rows) ON CONFLICT DO NOTHING")
  }

  private func unlink(_ channelIds: [String], from participant: Participant) throws {
    for channelId in channelIds {
      try connection.send(
        """
        DELETE FROM channel_link WHERE account_id = \(account) AND channel_id = \(channelId)
          AND conversation_id = \(participant.conversationId) AND owner_id = \(participant.id)
        """)
    }
  }
}
