import HTTPTypes
import NIOCore
import ParleyDomain
import ParleyEngine

/// One request to a route, signed in and with its body read, as the handlers see it.
package struct Call: Sendable {
  package let account: Account.ID
  /// What the caller signed in with.
  let credential: Credential
  /// What the request is known by, to its webhooks too (B-HDR-3).
  let requestID: RequestID
  /// The values of the route's parameters, decoded.
  let parameters: Parameters
  let query: Query
  let body: Body
  let idempotencyKey: String?
  /// Scheme, host and port that the client used (B-OP-2).
  let baseURL: String
  /// What tells whether another request is the same: method and path as sent.
  let target: String
  let tokens: PageTokens

  /// The value of a parameter that the route's template has.
  func parameter(_ name: String) -> String { parameters.first { $0.name == name }?.value ?? "" }

  /// The id under a route's parameter. A text that is no such id names nothing (B-HTTP-6).
  func id<Resource: Identified>(_ parameter: String, _ kind: ParleyError.Kind) throws(ParleyError) -> TypeID<Resource> {
    guard let id = TypeID<Resource>(self.parameter(parameter)) else { throw .notFound(kind) }
    return id
  }

  func conversationID(_ parameter: String = "ConversationSid") throws(ParleyError) -> Conversation.ID { try id(parameter, .conversation) }
}

/// What a handler answers.
package struct Reply: Sendable {
  let status: HTTPResponse.Status
  let headers: [(name: HTTPField.Name, value: String)]
  let contentType: String
  let body: ByteBuffer

  init(
    status: HTTPResponse.Status, headers: [(name: HTTPField.Name, value: String)] = [], body: ByteBuffer,
    contentType: String = "application/json"
  ) {
    (self.status, self.headers, self.body, self.contentType) = (status, headers, body, contentType)
  }

  static func ok(_ document: [UInt8]) -> Reply { Reply(status: .ok, body: ByteBuffer(bytes: document)) }

  static func created(_ document: [UInt8]) -> Reply { Reply(status: .created, body: ByteBuffer(bytes: document)) }

  /// A page under the name of its list (B-PAGE-2…4); tokens are sealed for the list that the page is of.
  static func page(_ page: Page, of list: ListName, in call: Call) throws -> Reply {
    var meta = JSONWriter(capacity: 256)
    try meta.object { writer in
      writer.member("key", list.key)
      writer.member("pageSize", Int64(page.count))
      if let next = page.next { writer.member("nextToken", try call.tokens.seal(next, of: list, for: call.account)) }
      if let previous = page.previous { writer.member("previousToken", try call.tokens.seal(previous, of: list, for: call.account)) }
    }
    // The items are copied once, into what is sent.
    var body = ByteBuffer()
    body.reserveCapacity(page.items.count + meta.bytes.count + list.key.utf8.count + 16)
    body.writeString("{\"\(list.key)\":[")
    body.writeBytes(page.items)
    body.writeString("],\"meta\":")
    body.writeBytes(meta.bytes)
    body.writeString("}")
    return Reply(status: .ok, body: body)
  }

  /// A change that became an operation (B-OP-1).
  static func accepted(_ operation: AcceptedOperation) -> Reply {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("statusUrl", operation.statusURL)
      writer.name("related")
      writer.object { $0.member("configurationId", operation.configurationId.text) }
    }
    let headers: [(HTTPField.Name, String)] = [
      (.operationId, operation.operationId.text), (.location, operation.statusURL), (.retryAfter, "1"),
    ]
    return Reply(status: .accepted, headers: headers, body: ByteBuffer(bytes: writer.bytes))
  }
}

extension HTTPField.Name {
  static let operationId = field("Operation-Id")
  static let conflictingResourceId = field("X-Conflicting-Resource-Id")
  static let twilioRequestId = field("Twilio-Request-Id")
  static let twilioRequestDuration = field("Twilio-Request-Duration")
  static let twilioConcurrentRequests = field("Twilio-Concurrent-Requests")
  static let idempotencyKey = field("Idempotency-Key")
  static let forwardedProto = field("X-Forwarded-Proto")
  static let forwardedHost = field("X-Forwarded-Host")
  static let host = field("Host")

  private static func field(_ name: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is no name of a header") }
    return name
  }
}
