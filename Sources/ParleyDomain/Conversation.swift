/// A thread of communications among participants.
package struct Conversation: Identified, Sendable {
  package typealias ID = TypeID<Conversation>
  package static let idPrefix = "conv_conversation"
  package static let nameCharactersMax = 256
  package static let participantsMax = 100
  /// Participants that can be made together with a conversation (B-CONV-6).
  package static let inlineParticipantsMax = 50
  package static let callbacksMax = 20

  package enum Status: String, CaseIterable, Sendable {
    case active = "ACTIVE"
    case inactive = "INACTIVE"
    case closed = "CLOSED"
  }

  package let id: ID
  package let accountId: Account.ID
  /// Nil when the settings were given inline (B-CONV-3).
  package let configurationId: Configuration.ID?
  package var status: Status
  package var name: String?
  package var metadata: Metadata
  package let createdAt: Timestamp
  package var updatedAt: Timestamp

  package init(_ draft: ConversationDraft, id: ID, of account: Account.ID, at now: Timestamp) {
    self.id = id
    accountId = account
    configurationId = draft.configurationId
    status = .active
    name = draft.name
    metadata = draft.metadata
    createdAt = now
    updatedAt = now
  }

  /// The conversation after a PUT or PATCH, or nil when that changes nothing. `callbacksChange` says whether its callbacks do.
  /// CLOSED is final: from there every change is refused (B-CONV-25, B-CONV-28).
  package func changed(by change: ConversationChange, callbacksChange: Bool, at now: Timestamp) throws(ParleyError) -> Conversation? {
    var changed = self
    if let status = change.status { changed.status = status }
    switch change.name {
    case .keep: break
    case .set(let name): changed.name = name
    case .clear: changed.name = nil
    }
    changed.metadata = try change.metadata(metadata)
    guard callbacksChange || !changed.says(sameAs: self) else { return nil }
    if status == .closed { throw .refusedByState(.conversationClosed) }
    changed.updatedAt = max(now, updatedAt)
    return changed
  }

  /// Whether callbacks are told of the change from `previous`: that of a status or name (B-CONV-27).
  package func isAnnounced(after previous: Conversation) -> Bool { status != previous.status || !hasSameName(as: previous) }

  private func says(sameAs other: Conversation) -> Bool {
    status == other.status && hasSameName(as: other) && metadata == other.metadata
  }

  private func hasSameName(as other: Conversation) -> Bool {
    switch (name, other.name) {
    case (nil, nil): true
    case (let left?, let right?): left.isSame(as: right)
    default: false
    }
  }
}

extension Conversation: DocumentValue {
  package init?(document: JSON.Object) {
    guard let id = document["id"]?.string.flatMap(ID.init), let accountId = document["accountId"]?.string.flatMap(Account.ID.init),
      let status = document["status"]?.string.flatMap(Status.init), let metadata = document["metadata"]?.object,
      let createdAt = document["createdAt"]?.string.flatMap(Timestamp.init(wholeSeconds:)),
      let updatedAt = document["updatedAt"]?.string.flatMap(Timestamp.init(wholeSeconds:))
    else { return nil }
    (self.id, self.accountId, self.status) = (id, accountId, status)
    configurationId = document["configurationId"]?.string.flatMap(Configuration.ID.init)
    name = document["name"]?.string
    self.metadata = Metadata(metadata.members.compactMap { member in member.value.string.map { (member.name, $0) } })
    (self.createdAt, self.updatedAt) = (createdAt, updatedAt)
  }

  /// The conversation's own fields, which is the form that lists show (B-PAGE-10).
  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("id", id.text)
      writer.member("accountId", accountId.text)
      writer.name("configurationId")
      if let configurationId { writer.string(configurationId.text) } else { writer.null() }
      writer.member("status", status.rawValue)
      writer.name("name")
      if let name { writer.string(name) } else { writer.null() }
      writer.name("metadata")
      metadata.write(to: &writer)
      writer.member("createdAt", createdAt.wholeSeconds)
      writer.member("updatedAt", updatedAt.wholeSeconds)
    }
  }
}

/// The caller's own notes on a conversation (B-CONV-10).
package struct Metadata: Sendable, Equatable {
  package static let entriesMax = 8
  /// Names in one request, those with null included.
  package static let namesMax = 1000
  package static let nameCharactersMax = 128
  package static let valueCharactersMax = 512

  package private(set) var entries: [(name: String, value: String)]

  package init(_ entries: [(name: String, value: String)] = []) { self.entries = entries }

  package subscript(name: String) -> String? {
    get { entries.first { $0.name == name }?.value }
    set {
      entries.removeAll { $0.name == name && newValue == nil }
      guard let newValue else { return }
      if let index = entries.firstIndex(where: { $0.name == name }) {
        entries[index].value = newValue
      } else {
        entries.append((name, newValue))
      }
    }
  }

  /// The same entries, in whatever order.
  package static func == (left: Self, right: Self) -> Bool {
    left.entries.count == right.entries.count && left.entries.allSatisfy { right[$0.name]?.isSame(as: $0.value) ?? false }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { writer in for entry in entries { writer.member(entry.name, entry.value) } }
  }

  /// What `metadata` says of each name: a text, or nil for null; no list when it is absent or null itself.
  fileprivate static func changes(_ fields: Fields) -> [(name: String, value: String?)]? {
    guard let entries = fields.object("metadata") else { return nil }
    let names = entries.names
    guard names.count <= namesMax else {
      fields.problem("metadata", tooMany)
      return nil
    }
    return names.compactMap { name in
      guard isName(name) else {
        fields.problem("metadata", "must have names of 1 to \(nameCharactersMax) letters, digits, dots, - and _")
        return nil
      }
      guard entries.value(name) != nil else { return (name, nil) }
      return entries.string(name, characters: 0...valueCharactersMax).map { (name, $0) }
    }
  }

  /// The metadata of a POST or PUT; nil when absent. A null entry is one left out (B-HTTP-4).
  fileprivate static func whole(_ fields: Fields) -> Metadata? {
    guard let changes = changes(fields) else { return nil }
    let metadata = Metadata(changes.compactMap { change in change.value.map { (change.name, $0) } })
    if metadata.entries.count > entriesMax { fields.problem("metadata", tooMany) }
    return metadata
  }

  fileprivate static let tooMany = "must have at most \(entriesMax) entries"

  private static func isName(_ name: String) -> Bool {
    (1...nameCharactersMax).contains(name.utf8.count)
      && name.utf8.allSatisfy { $0.isASCIIWord || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
  }
}

/// What a caller wants a new conversation to be.
package struct ConversationDraft: Sendable {
  package let configurationId: Configuration.ID?
  package let name: String?
  package let configuration: InlineConfiguration?
  package let participants: [ParticipantDraft]
  package let metadata: Metadata

  package init?(_ fields: Fields, callbacks policy: CallbackPolicy) {
    let configurationId = fields.string("configurationId") { text in
      Configuration.ID(text) == nil ? "must be a configuration id, conv_configuration_… with 26 more characters" : nil
    }
    // B-CONV-3; what is there but wrong is a problem of its own.
    if fields.value("configurationId") == nil, !Self.hasSettings(fields.value("configuration")?.object) {
      fields.problem("configurationId", "is required unless configuration has conversationGroupingType and memoryStoreId")
    }
    let name = fields.string("name", characters: 0...Conversation.nameCharactersMax)
    let configuration = fields.object("configuration").map { InlineConfiguration($0, callbacks: policy) }
    let places = fields.places("participants", max: Conversation.inlineParticipantsMax) { ParticipantDraft($0) } ?? []
    participants = places.compactMap { $0 }
    for place in Self.addressesOfOthers(places) {
      fields.problem("participants[\(place.participant)].addresses[\(place.address)]", "belongs to an earlier participant of this request")
    }
    metadata = Metadata.whole(fields) ?? Metadata()
    // B-CONV-11: silently not sending would mislead.
    if fields.value("action") != nil { fields.problem("action", "is not supported") }
    self.configurationId = configurationId.flatMap(Configuration.ID.init)
    (self.name, self.configuration) = (name, configuration)
  }

  private static func hasSettings(_ configuration: JSON.Object?) -> Bool {
    ["conversationGroupingType", "memoryStoreId"].allSatisfy { configuration?[$0] ?? .null != .null }
  }

  /// Places of addresses that an earlier participant of the same request has (B-PART-6).
  private static func addressesOfOthers(_ participants: [ParticipantDraft?]) -> [(participant: Int, address: Int)] {
    var owners: [[UInt8]: Int] = [:]
    var places: [(participant: Int, address: Int)] = []
    for (participant, draft) in participants.enumerated() {
      for (index, address) in (draft?.places ?? []).enumerated() {
        guard let address else { continue }
        let key = Array("\(address.channel.rawValue)\t\(address.normalForm)".utf8)
        if owners[key, default: participant] != participant { places.append((participant, index)) }
        owners[key] = owners[key] ?? participant
      }
    }
    return places
  }
}

/// What a PUT or PATCH asks of a conversation.
package struct ConversationChange: Sendable {
  package let status: Conversation.Status?
  package let name: Change<String>
  package let callbacks: Change<[StatusCallback]>
  private let metadataReplacement: Metadata?
  private let metadataChanges: [(name: String, value: String?)]

  /// A PUT: `status` must be there, what is left out is kept, `configuration` and `participants` are ignored (B-CONV-22).
  package static func put(_ fields: Fields) -> ConversationChange? {
    fields.require("status")
    let status: Conversation.Status? = fields.choice("status")
    let name = fields.string("name", characters: 0...Conversation.nameCharactersMax).map(Change.set) ?? .keep
    let metadata = Metadata.whole(fields)
    return status.map { .init(status: $0, name: name, callbacks: .keep, metadataReplacement: metadata, metadataChanges: []) }
  }

  /// A PATCH: only what is there changes (B-CONV-23, B-CONV-24).
  package static func patch(_ fields: Fields, callbacks policy: CallbackPolicy) -> ConversationChange? {
    let name = fields.change("name") { fields.string($0, characters: 0...Conversation.nameCharactersMax) }
    let status: Conversation.Status? = fields.choice("status")
    let configuration = fields.object("configuration")
    for setting in InlineConfiguration.fixedSettings where configuration?.value(setting) != nil {
      configuration?.problem(setting, "can't be changed in a conversation")
    }
    let callbacks =
      configuration?.change("statusCallbacks") { _ in
        configuration.flatMap { StatusCallback.list($0, max: Conversation.callbacksMax, policy: policy) }
      } ?? .keep
    let metadata = Metadata.changes(fields) ?? []
    return .init(status: status, name: name, callbacks: callbacks, metadataReplacement: nil, metadataChanges: metadata)
  }

  /// The metadata after the change; a PATCH may still make it too large.
  fileprivate func metadata(_ current: Metadata) throws(ParleyError) -> Metadata {
    var metadata = metadataReplacement ?? current
    for change in metadataChanges { metadata[change.name] = change.value }
    guard metadata.entries.count <= Metadata.entriesMax else {
      throw .invalid([Problem(path: "metadata", message: Metadata.tooMany)])
    }
    return metadata
  }
}
