import ParleyDomain
import ParleyEngine

struct ParticipantHandlers: Sendable {
  let participants: Participants

  func create(_ call: Call) async throws -> Reply {
    .created(try await participants.create(call.body, in: call.conversationID(), for: call.account).document)
  }

  func fetch(_ call: Call) async throws -> Reply {
    let conversation = try call.conversationID()
    return .ok(try await participants.fetch(call.id("Sid", .participant), in: conversation, for: call.account).document)
  }

  func list(_ call: Call) async throws -> Reply {
    let list = ListName("participants", parent: call.parameter("ConversationSid"))
    let request = try call.page(of: list, checking: QueryFields(call.query))
    return try .page(await participants.list(request, in: call.conversationID(), for: call.account), of: list, in: call)
  }

  func replace(_ call: Call) async throws -> Reply {
    let conversation = try call.conversationID()
    return .ok(try await participants.replace(call.id("Sid", .participant), by: call.body, in: conversation, for: call.account).document)
  }
}
