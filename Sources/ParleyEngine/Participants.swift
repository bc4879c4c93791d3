import ParleyDomain
import ParleyStorage

/// What can be done with the participants of a conversation.
package struct Participants: Sendable {
  let engine: Engine

  /// Adds a participant to an open conversation.
  package func create(
    _ body: Body, in id: Conversation.ID, for account: Account.ID, because cause: RequestID = RequestID()
  ) async throws -> Stored<Participant> {
    let draft = body.draft(ParticipantDraft.new)  // judged below: a missing conversation is said first (B-ERR-8)
    let now = engine.now()
    let newID = engine.newID(Participant.self, at: now)
    return try await engine.change(for: account, because: cause, at: now) { tx in
      guard let conversation = try tx.lockConversation(id) else { throw ParleyError.notFound(.conversation) }
      // B-PROF-1: the draft's profile will be resolved here.
      let admission = try conversation.admit(draft.get(), beside: tx.members(of: id), id: newID, at: now)
      try tx.exchange(admission.released, for: admission.claimed, of: conversation)
      let participant = try tx.insert(admission.participant, into: conversation)
      return .init(conversation: id, events: [.participantAdded(participant, at: now)], answer: participant)
    }
  }

  /// One participant; an id of nil is that of none.
  package func fetch(_ id: Participant.ID?, in conversation: Conversation.ID, for account: Account.ID) async throws -> Stored<Participant> {
    try await engine.database.read(for: account, .statement) { tx in
      if let id, let participant = try tx.participant(id, of: conversation) { return participant }
      throw ParleyError.notFound(try tx.hasConversation(conversation) ? .participant : .conversation)
    }
  }

  /// A page of the conversation's participants, oldest first.
  package func list(_ request: PageRequest, in id: Conversation.ID, for account: Account.ID) async throws -> Page {
    try await engine.database.read(for: account, .page(of: request)) { tx in
      let page = try tx.participants(of: id, request)
      if page.count == 0, try !tx.hasConversation(id) { throw ParleyError.notFound(.conversation) }
      return page
    }
  }

  /// Replaces a participant of an open conversation (B-PART-21); an id of nil is that of none.
  package func replace(
    _ id: Participant.ID?, by body: Body, in conversation: Conversation.ID, for account: Account.ID, because cause: RequestID = RequestID()
  ) async throws -> Stored<Participant> {
    let draft = body.draft { ParticipantDraft($0) }
    let now = engine.now()
    return try await engine.change(for: account, because: cause, at: now) { tx in
      guard let held = try tx.lockConversation(conversation) else { throw ParleyError.notFound(.conversation) }
      guard let id, let stored = try tx.participant(id, of: conversation) else { throw ParleyError.notFound(.participant) }
      let current = try stored.value()
      guard let admission = try held.replace(current, by: draft.get(), among: tx.members(of: conversation), at: now) else {
        return .init(conversation: conversation, events: [], answer: stored)
      }
      try tx.exchange(admission.released, for: admission.claimed, of: held)
      let participant = try tx.update(admission.participant, from: current)
      return .init(conversation: conversation, events: [.participantUpdated(participant, at: now)], answer: participant)
    }
  }
}
