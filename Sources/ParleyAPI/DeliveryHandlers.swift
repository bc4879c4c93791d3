import HTTPTypes
import NIOCore
import ParleyDomain
import ParleyEngine

/// `/parley/v1/Deliveries…`: each reads the call, asks `Deliveries` once and wraps the answer.
struct DeliveryHandlers: Sendable {
  let deliveries: Deliveries

  func fetch(_ call: Call) async throws -> Reply {
    .ok(try await deliveries.fetch(call.deliveryID(), for: call.account))
  }

  func list(_ call: Call) async throws -> Reply {
    let fields = call.filters(of: "deliveries")
    let filter = DeliveryFilter(fields)
    let list = ListName("deliveries", filters: filter.names)
    let request = try call.page(of: list, checking: fields)
    return try .page(await deliveries.list(filter, request, for: call.account), of: list, in: call)
  }

  /// A body is read and ignored.
  func resend(_ call: Call) async throws -> Reply {
    Reply(status: .accepted, body: ByteBuffer(bytes: try await deliveries.resend(call.deliveryID(), for: call.account)))
  }

  func resendFailed(_ call: Call) async throws -> Reply {
    let resent = try await deliveries.resendFailed(call.body, for: call.account)
    var writer = JSONWriter()
    writer.object { $0.member("resent", Int64(resent)) }
    return Reply(status: .accepted, body: ByteBuffer(bytes: writer.bytes))
  }
}

extension Call {
  fileprivate func deliveryID() throws(ParleyError) -> Delivery.ID { try id("Sid", .delivery) }
}

extension DeliveryFilter {
  /// What the query or a page token asks for; choices each once, in the order of their enums.
  fileprivate init(_ fields: QueryFields) {
    let conversationId = fields.first("conversationId", "must be a conversation id") { Conversation.ID($0) }
    let url = fields.first("url", "must have 1 to \(CallbackPolicy.urlCharactersMax) characters and no control characters") { text in
      text.hasCharacters(CallbackPolicy.urlCharacters) && !text.hasControlCharacters ? text : nil
    }
    let kinds = fields.choices("eventType", of: Event.Kind.self)
    let states = fields.choices("state", of: Delivery.State.self)
    self.init(
      conversationId: conversationId, url: url, eventKinds: Event.Kind.allCases.filter(kinds.contains),
      states: Delivery.State.allCases.filter(states.contains),
      createdAfter: fields.instant("createdAfter"), createdBefore: fields.instant("createdBefore"))
  }

  /// What page tokens carry of it.
  fileprivate var names: [String] {
    var names = eventKinds.map { "eventType=\($0.rawValue)" } + states.map { "state=\($0.rawValue)" }
    if let conversationId { names.append("conversationId=\(conversationId.text)") }
    if let url { names.append("url=\(url)") }
    if let createdAfter { names.append("createdAfter=\(createdAfter.milliseconds)") }
    if let createdBefore { names.append("createdBefore=\(createdBefore.milliseconds)") }
    return names
  }
}
