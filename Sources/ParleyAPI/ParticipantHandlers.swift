import ParleyDomain
import ParleyEngine

/// `/v2/Conversations/{ConversationSid}/Participants…`: each reads the call, asks `Participants` once and wraps the answer.
struct ParticipantHandlers: Sendable {
  let participants: Participants

  func create(_ call: Call) async throws -> Reply {
    .created(
      try await participants.create(call.body, in: call.conversationID(), for: call.account, because: call.requestID).document)
  }

  func fetch(_ call: Call) async throws -> Reply {
    .ok(try await participants.fetch(call.participantID, in: call.conversationID(), for: call.account).document)
  }

  func list(_ call: Call) async throws -> Reply {
    let list = ListName("participants", parent: call.parameter("ConversationSid"))
    let request = try call.page(of: list, checking: QueryFields(call.query))
    return try .page(await participants.list(request, in: call.conversationID(), for: call.account), of: list, in: call)
  }

  func replace(_ call: Call) async throws -> Reply {
    .ok(
      try await participants.replace(
        call.participantID, by: call.body, in: call.conversationID(), for: call.account, because: call.requestID
      ).document)
  }
}

extension Call {
  /// Nil for a text that is no such id; a missing conversation is said before that (B-ERR-8).
  fileprivate var participantID: Participant.ID? { Participant.ID(parameter("Sid")) }
}
