/// One event on its way to one listing of a callback, and what became of it.
package struct Delivery: Identified, Sendable {
  package typealias ID = TypeID<Delivery>
  package static let idPrefix = "parley_delivery"

  package enum State: String, CaseIterable, Sendable {
    /// Waits for its turn, for its next attempt or for the URL to be resumed, or is being sent.
    case pending = "PENDING"
    case delivered = "DELIVERED"
    /// Given up (B-HOOK-32); it can be sent again.
    case failed = "FAILED"
  }

  package let id: ID
  package let conversationId: Conversation.ID
  package let eventKind: Event.Kind
  /// As it was configured.
  package let url: String
  package let method: StatusCallback.Method
  package let state: State
  /// Whether the URL is paused.
  package let isPaused: Bool
  /// The same with every attempt (B-HOOK-12).
  package let token: String
  /// Id of the request that caused the event (B-HDR-3).
  package let requestId: String
  package let attemptCount: Int64
  package let createdAt: Timestamp
  package let finishedAt: Timestamp?
  package let nextAttemptAt: Timestamp?

  package init(
    id: ID, conversationId: Conversation.ID, eventKind: Event.Kind, url: String, method: StatusCallback.Method, state: State,
    isPaused: Bool, token: String, requestId: String, attemptCount: Int64, createdAt: Timestamp, finishedAt: Timestamp?,
    nextAttemptAt: Timestamp?
  ) {
    (self.id, self.conversationId, self.eventKind, self.url, self.method) = (id, conversationId, eventKind, url, method)
    (self.state, self.isPaused, self.token, self.requestId) = (state, isPaused, token, requestId)
    (self.attemptCount, self.createdAt, self.finishedAt, self.nextAttemptAt) = (attemptCount, createdAt, finishedAt, nextAttemptAt)
  }

  /// Its members, without braces around them: a single one has more.
  package func writeMembers(to writer: inout JSONWriter) {
    writer.member("id", id.text)
    writer.member("conversationId", conversationId.text)
    writer.member("eventType", eventKind.rawValue)
    writer.member("url", url)
    writer.member("method", method.rawValue)
    writer.member("state", state.rawValue)
    writer.member("paused", isPaused)
    writer.member("idempotencyToken", token)
    writer.member("requestId", requestId)
    writer.member("attemptCount", attemptCount)
    writer.member("createdAt", createdAt.precise)
    writer.member("finishedAt", finishedAt)
    writer.member("nextAttemptAt", nextAttemptAt)
  }

  /// A token of random bits in the form of a UUID of version 4.
  package static func newToken() -> String {
    var random = SystemRandomNumberGenerator()
    let high = random.next() & ~0xF000 | 0x4000
    let low = random.next() & ~(0xC << 60) | 0x8 << 60
    let bytes = [high, low].flatMap { word in stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt64($0)) } }
    let digits = Array(bytes.hex.utf8)
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(decoding: digits[$0], as: UTF8.self) }.joined(separator: "-")
  }
}

/// One try to deliver, and what came of it.
package struct Attempt: Sendable {
  /// Bytes of a reply that are kept.
  package static let replyBytesMax = 4096
  /// Characters of a reason.
  package static let reasonCharactersMax = 200

  /// What went wrong before there was an answer, or instead of a try.
  package enum Failure: String, CaseIterable, Sendable {
    /// The name leads to an address that callbacks may not reach (B-HOOK-21).
    case addressRefused = "address_refused"
    case dns
    case connect
    case tls
    case timeout
    /// The connection ended before there was a byte of an answer.
    case reset
    /// What came is not a reply of HTTP, or ended inside its head (B-HOOK-44).
    case invalidReply = "invalid_reply"
    /// Too many events waited for the URL, and this was one of the oldest.
    case backlog
    /// The URL can't be called.
    case invalid
    /// The event does not fit into the URL of a GET (B-HOOK-37).
    case urlTooLong = "url_too_long"
    /// The server stopped; the attempt does not count.
    case interrupted
    /// Processes ended again and again while the event was being sent (B-HOOK-42).
    case crashed
  }

  /// Counted from 1 over all times that the event was sent.
  package let number: Int64
  package let startedAt: Timestamp
  package let milliseconds: Int64
  package let status: Int64?
  package let failure: Failure?
  /// The cause of the failure in a few words, without control characters.
  package let reason: String?
  /// Beginning of the reply's body, whatever of it is UTF-8; of a private host's body, its length.
  package let reply: String
  package let nextAttemptAt: Timestamp?

  package init(
    number: Int64, startedAt: Timestamp, milliseconds: Int64, status: Int64?, failure: Failure?, reason: String? = nil, reply: String,
    nextAttemptAt: Timestamp?
  ) {
    (self.number, self.startedAt, self.milliseconds, self.status) = (number, startedAt, milliseconds, status)
    (self.failure, self.reply, self.nextAttemptAt) = (failure, reply, nextAttemptAt)
    self.reason = reason.map { reason in
      let visible = reason.unicodeScalars.filter { $0.properties.generalCategory != .control }.prefix(Self.reasonCharactersMax)
      return String(String.UnicodeScalarView(visible))
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("number", number)
      writer.member("startedAt", startedAt.precise)
      writer.member("milliseconds", milliseconds)
      writer.name("status")
      if let status { writer.integer(status) } else { writer.null() }
      writer.name("failure")
      if let failure { writer.string(failure.rawValue) } else { writer.null() }
      writer.name("reason")
      if let reason { writer.string(reason) } else { writer.null() }
      writer.member("reply", reply)
      writer.member("nextAttemptAt", nextAttemptAt)
    }
  }
}

/// Which deliveries a list shows; nil and empty for any.
package struct DeliveryFilter: Sendable {
  package let conversationId: Conversation.ID?
  package let url: String?
  package let eventKinds: [Event.Kind]
  package let states: [Delivery.State]
  /// From this instant on.
  package let createdAfter: Timestamp?
  /// Up to this instant, without it.
  package let createdBefore: Timestamp?

  package init(
    conversationId: Conversation.ID? = nil, url: String? = nil, eventKinds: [Event.Kind] = [], states: [Delivery.State] = [],
    createdAfter: Timestamp? = nil, createdBefore: Timestamp? = nil
  ) {
    (self.conversationId, self.url, self.eventKinds, self.states) = (conversationId, url, eventKinds, states)
    (self.createdAfter, self.createdBefore) = (createdAfter, createdBefore)
  }
}

extension JSONWriter {
  /// An instant with its milliseconds, or null.
  package mutating func member(_ name: String, _ time: Timestamp?) {
    self.name(name)
    if let time { string(time.precise) } else { null() }
  }
}
