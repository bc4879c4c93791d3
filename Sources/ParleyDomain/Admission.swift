/// A conversation as those who change what is in it hold it: locked, with what their rules need.
package struct HeldConversation: Sendable {
  package let id: Conversation.ID
  package let accountId: Account.ID
  package let status: Conversation.Status
  /// Conversations exclude each other by grouping keys inside one scope (B-GROUP-3): a configuration's id, or that of inline ones.
  package let groupingScope: String
  package let groupingType: GroupingType
  package let participantCount: Int64
  /// The place in the conversation that the next participant gets.
  package let nextPosition: Int64

  package init(
    id: Conversation.ID, accountId: Account.ID, status: Conversation.Status, groupingScope: String, groupingType: GroupingType,
    participantCount: Int64, nextPosition: Int64
  ) {
    (self.id, self.accountId, self.status) = (id, accountId, status)
    (self.groupingScope, self.groupingType) = (groupingScope, groupingType)
    (self.participantCount, self.nextPosition) = (participantCount, nextPosition)
  }

  /// The scope of conversations without a configuration (B-CONV-3).
  package static func inlineScope(memoryStoreId: String, groupingType: GroupingType) -> String {
    "inline:\(memoryStoreId):\(groupingType.rawValue)"
  }

  /// Adds the participant that a draft asks for: the conversation is open, has room, and nobody in it owns the addresses.
  package func admit(
    _ draft: ParticipantDraft, beside members: [Member], id: Participant.ID, at now: Timestamp
  ) throws(ParleyError) -> Admission {
    try checkOpen()
    guard participantCount < Conversation.participantsMax else { throw .refusedByState(.participantsFull) }
    let participant = Participant(draft, id: id, in: self.id, of: accountId, at: now)
    return try admission(of: participant, from: members, to: members + [participant.member])
  }

  /// Replaces a participant by what a draft asks for; nil when that changes nothing (B-PART-22).
  package func replace(
    _ current: Participant, by draft: ParticipantDraft, among members: [Member], at now: Timestamp
  ) throws(ParleyError) -> Admission? {
    try checkOpen()
    let participant = current.replaced(by: draft, at: now)
    if participant.says(sameAs: current) { return nil }
    return try admission(of: participant, from: members, to: members.map { $0.id == participant.id ? participant.member : $0 })
  }

  /// The keys that a new conversation with these participants claims.
  package func keys(of members: [Member]) throws(ParleyError) -> [Grouping.Key] {
    Grouping.sorted(try keySet(of: members))
  }

  private func checkOpen() throws(ParleyError) {
    if status == .closed { throw .refusedByState(.conversationClosed) }
  }

  private func keySet(of members: [Member]) throws(ParleyError) -> Set<Grouping.Key> {
    guard let keys = Grouping.keys(of: members, by: groupingType) else { throw .refusedByState(.groupingKeysFull) }
    return keys
  }

  /// B-PART-7: the limit on keys is said before any conflict; B-PART-5: an owned address before one of grouping.
  private func admission(of participant: Participant, from before: [Member], to after: [Member]) throws(ParleyError) -> Admission {
    let held = Grouping.keys(of: before, by: groupingType) ?? []
    let wanted = try keySet(of: after)
    for address in participant.member.addresses {
      let owner = before.first { $0.id != participant.id && $0.addresses.contains(address) }
      if let owner { throw .conflict(.addressOwned(by: owner.id)) }
    }
    return Admission(
      participant: participant, released: Grouping.sorted(held.subtracting(wanted)), claimed: Grouping.sorted(wanted.subtracting(held)))
  }
}

/// A participant that its conversation takes, and what that does to the conversation's grouping keys.
package struct Admission: Sendable {
  package let participant: Participant
  /// Both sorted, so that two writers never wait for each other.
  package let released: [Grouping.Key]
  package let claimed: [Grouping.Key]
}
