import ParleyDomain
import ParleyEngine

/// `/v2/Conversations…`: each reads the call, asks `Conversations` once and wraps the answer.
struct ConversationHandlers: Sendable {
  let conversations: Conversations

  func create(_ call: Call) async throws -> Reply {
    .created(try await conversations.create(call.body, for: call.account, because: call.requestID))
  }

  func fetch(_ call: Call) async throws -> Reply {
    .ok(try await conversations.fetch(call.conversationID("Sid"), for: call.account))
  }

  func list(_ call: Call) async throws -> Reply {
    let fields = call.filters(of: "conversations")
    let statuses = fields.choices("status", of: Conversation.Status.self)
    let channelId = fields.first("channelId", "must have 1 to \(Address.channelIdCharactersMax) characters and no control characters") {
      text in
      text.hasCharacters(1...Address.channelIdCharactersMax) && !text.hasControlCharacters ? text : nil
    }
    let filter = ConversationFilter(statuses: statuses, channelId: channelId)
    let list = ListName(
      "conversations", filters: filter.statuses.map { "status=\($0.rawValue)" } + (channelId.map { ["channelId=\($0)"] } ?? []))
    let request = try call.page(of: list, checking: fields)
    return try .page(await conversations.list(filter, request, for: call.account), of: list, in: call)
  }

  func update(_ call: Call) async throws -> Reply {
    .ok(try await conversations.update(call.conversationID("Sid"), by: call.body, for: call.account, because: call.requestID))
  }

  func patch(_ call: Call) async throws -> Reply {
    .ok(try await conversations.patch(call.conversationID("Sid"), by: call.body, for: call.account, because: call.requestID))
  }
}
