import ParleyDomain
import ParleyStorage

/// What can be done with conversations. Single ones are answered with their configuration and participants (B-PAGE-10).
package struct Conversations: Sendable {
  let engine: Engine

  /// Makes a conversation with its participants, all or nothing (B-CONV-6).
  package func create(_ body: Body, for account: Account.ID, because cause: RequestID = RequestID()) async throws -> [UInt8] {
    let draft = try body.draft { [callbacks = engine.callbacks] in ConversationDraft($0, callbacks: callbacks) }.get()
    let now = engine.now()
    let id = engine.newID(Conversation.self, at: now)
    let participants = draft.participants.map { draft in
      Participant(draft, id: engine.newID(Participant.self, at: now), in: id, of: account, at: now)
    }
    let created = try await engine.change(for: account, because: cause, at: now) { tx in
      let (pin, scope, groupingType) = try Self.pin(draft, in: tx)
      let count = Int64(participants.count)
      let held = HeldConversation(
        id: id, accountId: account, status: .active, groupingScope: scope, groupingType: groupingType, participantCount: count,
        nextPosition: count + 1)
      // B-PROF-1: the participants' profiles will be resolved here.
      let keys = try held.keys(of: participants.map(\.member))
      let conversation = try tx.insert(Conversation(draft, id: id, of: account, at: now), as: held, pinning: pin)
      try tx.exchange([], for: keys, of: held)
      var events = [Event.conversationCreated(conversation, at: now)]
      for (index, participant) in participants.enumerated() {
        let stored = Stored(participant)
        try tx.insert(participant, stored, at: Int64(index) + 1)
        events.append(.participantAdded(stored, at: now))
      }
      return .init(conversation: id, events: events, answer: try WholeConversation(conversation, id, in: tx))
    }
    return try created.document()
  }

  package func fetch(_ id: Conversation.ID, for account: Account.ID) async throws -> [UInt8] {
    let found = try await engine.database.read(for: account, .snapshot) { tx in
      guard let conversation = try tx.conversation(id) else { throw ParleyError.notFound(.conversation) }
      return try WholeConversation(conversation, id, in: tx)
    }
    return try found.document()
  }

  /// A page of conversations, newest first.
  package func list(_ filter: ConversationFilter, _ request: PageRequest, for account: Account.ID) async throws -> Page {
    try await engine.database.read(for: account, .page(of: request)) { tx in try tx.conversations(filter, request) }
  }

  /// Sets the status, and name and metadata if they are given (B-CONV-22).
  package func update(
    _ id: Conversation.ID, by body: Body, for account: Account.ID, because cause: RequestID = RequestID()
  ) async throws -> [UInt8] {
    try await change(id, by: body.draft(ConversationChange.put), for: account, because: cause)
  }

  /// Changes what is given (B-CONV-23).
  package func patch(
    _ id: Conversation.ID, by body: Body, for account: Account.ID, because cause: RequestID = RequestID()
  ) async throws -> [UInt8] {
    let change = body.draft { [callbacks = engine.callbacks] in ConversationChange.patch($0, callbacks: callbacks) }
    return try await self.change(id, by: change, for: account, because: cause)
  }

  private func change(
    _ id: Conversation.ID, by change: Result<ConversationChange, ParleyError>, for account: Account.ID, because cause: RequestID
  ) async throws -> [UInt8] {
    let now = engine.now()
    let whole = try await engine.change(for: account, because: cause, at: now) { tx in
      guard let held = try tx.lockConversation(id), let stored = try tx.conversation(id) else { throw ParleyError.notFound(.conversation) }
      let change = try change.get()
      let pinned = try tx.pinnedConfiguration(of: id, apart: true)
      let pin = try pinned.changed(by: change.callbacks)
      let current = try stored.value()
      guard let changed = try current.changed(by: change, callbacksChange: pin != nil, at: now) else {
        return .init(conversation: id, events: [], answer: try WholeConversation(stored, id, pinning: pinned, in: tx))
      }
      // A new list is for what comes after this change (B-CONV-24).
      let callbacks = pin == nil ? nil : try tx.callbacks(of: id, at: now)
      if let pin { try tx.setOverride(pin.override, of: id) }
      if changed.status == .closed, held.status != .closed { try tx.releaseKeys(of: id) }
      let kept = try tx.update(changed)
      // B-CONV-27: metadata and callbacks change silently.
      let events = changed.isAnnounced(after: current) ? [Event.conversationUpdated(kept, at: now)] : []
      let whole = try WholeConversation(kept, id, pinning: pin ?? pinned, in: tx)
      return .init(conversation: id, events: events, callbacks: callbacks, answer: whole)
    }
    return try whole.document()
  }

  /// What a new conversation pins, and in which scope and by which type it is grouped.
  private static func pin(_ draft: ConversationDraft, in tx: Transaction) throws -> (ConversationPin, scope: String, GroupingType) {
    if let id = draft.configurationId {
      guard let version = try tx.currentVersion(of: id) else { throw ParleyError.notFound(.configuration) }
      let problems = draft.configuration?.problems(beside: version.groupingType, memoryStoreId: version.memoryStoreId) ?? []
      guard problems.isEmpty else { throw ParleyError.invalid(problems) }
      let pin = ConversationPin(configurationId: id, version: version.number, override: draft.configuration?.override)
      return (pin, id.text, version.groupingType)
    }
    guard let configuration = draft.configuration, let store = configuration.memoryStoreId, let type = configuration.groupingType else {
      throw ParleyError.notFound(.configuration)
    }
    let pin = ConversationPin(configurationId: nil, version: nil, override: configuration.whole)
    return (pin, HeldConversation.inlineScope(memoryStoreId: store, groupingType: type), type)
  }
}

/// What a transaction knows of one conversation. It is put together outside, so that no settings are merged while others wait to write.
private struct WholeConversation: Sendable {
  private let conversation: Stored<Conversation>
  private let pinned: PinnedConfiguration
  private let participants: Page

  init(_ conversation: Stored<Conversation>, _ id: Conversation.ID, pinning pinned: PinnedConfiguration? = nil, in tx: Transaction) throws {
    self.conversation = conversation
    self.pinned = try pinned ?? tx.pinnedConfiguration(of: id)
    participants = try tx.participants(of: id, PageRequest(size: Conversation.participantsMax))
  }

  /// The conversation with its configuration and participants joined in before its closing brace (B-PAGE-10).
  func document() throws -> [UInt8] {
    var members = JSONWriter()
    members.member("configuration", raw: try pinned.settings())
    members.name("participants")
    members.array { writer in if participants.count > 0 { writer.raw(participants.items) } }
    return conversation.document.joined(with: members.bytes)
  }
}
