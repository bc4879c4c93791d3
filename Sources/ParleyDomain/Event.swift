/// What happened to a conversation, as its status callbacks are told (B-HOOK-1, B-HOOK-2).
package struct Event: Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    case conversationCreated = "CONVERSATION_CREATED"
    case conversationUpdated = "CONVERSATION_UPDATED"
    case participantAdded = "PARTICIPANT_ADDED"
    case participantUpdated = "PARTICIPANT_UPDATED"
    case participantRemoved = "PARTICIPANT_REMOVED"
    case communicationCreated = "COMMUNICATION_CREATED"
    case communicationUpdated = "COMMUNICATION_UPDATED"
  }

  package let kind: Kind
  package let timestamp: Timestamp
  /// JSON text of the resource as it was right after the change.
  package let data: [UInt8]

  private init(_ kind: Kind, _ data: [UInt8], at timestamp: Timestamp) {
    (self.kind, self.data, self.timestamp) = (kind, data, timestamp)
  }

  /// `data` is the conversation's form in lists (B-HOOK-3).
  package static func conversationCreated(_ conversation: Stored<Conversation>, at now: Timestamp) -> Event {
    Event(.conversationCreated, conversation.document, at: now)
  }

  package static func conversationUpdated(_ conversation: Stored<Conversation>, at now: Timestamp) -> Event {
    Event(.conversationUpdated, conversation.document, at: now)
  }

  package static func participantAdded(_ participant: Stored<Participant>, at now: Timestamp) -> Event {
    Event(.participantAdded, participant.document, at: now)
  }

  package static func participantUpdated(_ participant: Stored<Participant>, at now: Timestamp) -> Event {
    Event(.participantUpdated, participant.document, at: now)
  }

  /// The JSON text that a callback gets.
  package var body: [UInt8] {
    var body = Self.head(kind, timestamp)
    body.reserveCapacity(body.count + data.count + 1)
    body.append(contentsOf: data)
    body.append(UInt8(ascii: "}"))
    return body
  }

  /// The text of `data` in a body that `body` made of an event of this kind and instant.
  package static func data(in body: [UInt8], of kind: Kind, at timestamp: Timestamp) -> ArraySlice<UInt8> {
    body.dropFirst(head(kind, timestamp).count).dropLast()
  }

  private static func head(_ kind: Kind, _ timestamp: Timestamp) -> [UInt8] {
    Array("{\"eventType\":\"\(kind.rawValue)\",\"timestamp\":\"\(timestamp.precise)\",\"data\":".utf8)
  }
}
