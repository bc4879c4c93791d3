/// Who takes part in a conversation, as what, on which addresses.
package struct Participant: Identified, Sendable {
  package typealias ID = TypeID<Participant>
  package static let idPrefix = "conv_participant"
  package static let nameCharactersMax = 256
  package static let addressesMax = 50

  /// The part that someone plays (B-PART-1); `type` on the wire.
  package enum Kind: String, CaseIterable, Sendable {
    case humanAgent = "HUMAN_AGENT"
    case customer = "CUSTOMER"
    case aiAgent = "AI_AGENT"
    case agent = "AGENT"
    case unknown = "UNKNOWN"
  }

  package let id: ID
  package let conversationId: Conversation.ID
  package let accountId: Account.ID
  package var name: String
  package var type: Kind
  package var profileId: String?
  package var addresses: [Address]
  package let createdAt: Timestamp
  package var updatedAt: Timestamp

  /// The participant as the draft asks for it.
  package init(_ draft: ParticipantDraft, id: ID, in conversation: Conversation.ID, of account: Account.ID, at now: Timestamp) {
    self.id = id
    conversationId = conversation
    accountId = account
    type = draft.type ?? .unknown
    addresses = draft.addresses ?? []
    name = draft.name ?? Self.defaultName(addresses: addresses, type: type)
    profileId = draft.profileId
    createdAt = now
    updatedAt = now
  }

  /// The participant after a PUT: name and profile are replaced, type and addresses kept when omitted (B-PART-21).
  package func replaced(by draft: ParticipantDraft, at now: Timestamp) -> Participant {
    var replaced = self
    replaced.type = draft.type ?? type
    replaced.addresses = draft.addresses ?? addresses
    replaced.name = draft.name ?? Self.defaultName(addresses: replaced.addresses, type: replaced.type)
    replaced.profileId = draft.profileId
    replaced.updatedAt = max(now, updatedAt)
    return replaced
  }

  /// Whether both say the same of the same participant, times aside; addresses in order and spelling (B-PART-22).
  package func says(sameAs other: Participant) -> Bool {
    var other = other
    other.updatedAt = updatedAt
    return Stored(self).document == Stored(other).document
  }

  /// What the conversation's rules need to know.
  package var member: Member {
    var owned: [OwnedAddress] = []
    for address in addresses {
      let candidate = OwnedAddress(channel: address.channel, normalForm: address.normalForm)
      if !owned.contains(candidate) { owned.append(candidate) }
    }
    return Member(id: id, type: type, profileId: profileId, addresses: owned)
  }

  /// Ids of the channels' own resources that lead to this participant, each once.
  package var channelIds: [String] {
    addresses.compactMap(\.channelId).reduce(into: []) { ids, id in
      if !ids.contains(where: { $0.isSame(as: id) }) { ids.append(id) }
    }
  }

  /// B-PART-3: clients need a string in every participant.
  private static func defaultName(addresses: [Address], type: Kind) -> String { addresses.first?.text ?? type.rawValue }
}

extension Participant: DocumentValue {
  package init?(document: JSON.Object) {
    guard let id = document["id"]?.string.flatMap(ID.init), let accountId = document["accountId"]?.string.flatMap(Account.ID.init),
      let conversationId = document["conversationId"]?.string.flatMap(Conversation.ID.init), let name = document["name"]?.string,
      let type = document["type"]?.string.flatMap(Kind.init), case .array(let addresses) = document["addresses"],
      let createdAt = document["createdAt"]?.string.flatMap(Timestamp.init(wholeSeconds:)),
      let updatedAt = document["updatedAt"]?.string.flatMap(Timestamp.init(wholeSeconds:))
    else { return nil }
    (self.id, self.conversationId, self.accountId, self.name, self.type) = (id, conversationId, accountId, name, type)
    profileId = document["profileId"]?.string
    self.addresses = addresses.compactMap { $0.object.flatMap(Address.init(document:)) }
    (self.createdAt, self.updatedAt) = (createdAt, updatedAt)
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("id", id.text)
      writer.member("conversationId", conversationId.text)
      writer.member("accountId", accountId.text)
      writer.member("name", name)
      writer.member("type", type.rawValue)
      if let profileId { writer.member("profileId", profileId) }
      writer.name("addresses")
      writer.array { writer in for address in addresses { address.write(to: &writer) } }
      writer.member("createdAt", createdAt.wholeSeconds)
      writer.member("updatedAt", updatedAt.wholeSeconds)
    }
  }
}

/// What a caller wants a participant to be; nil where it says nothing.
package struct ParticipantDraft: Sendable {
  package let name: String?
  package let type: Participant.Kind?
  package let profileId: String?
  package let addresses: [Address]?
  /// The addresses by their places in the request; nil for what is none.
  let places: [Address?]

  /// For PUT and inside a new conversation, where everything may be left out.
  package init?(_ fields: Fields) {
    name = fields.string("name", characters: 0...Participant.nameCharactersMax)
    type = fields.choice("type")
    profileId = fields.string("profileId") { Profile.isID($0) ? nil : "must be a profile id, mem_profile_… with 26 more characters" }
    let places = fields.places("addresses", max: Participant.addressesMax) { Address($0) }
    addresses = places?.compactMap { $0 }
    self.places = places ?? []
    for index in Self.repeated(self.places) {
      fields.problem("addresses[\(index)]", "repeats an earlier address of this participant with the same channelId")
    }
  }

  /// For POST, where `addresses` must be there, even if empty (B-PART-2).
  package static func new(_ fields: Fields) -> ParticipantDraft? {
    let draft = ParticipantDraft(fields)
    fields.require("addresses")
    return draft
  }

  /// Indexes of addresses that an earlier one equals in channel, normal form and channelId (B-PART-6).
  private static func repeated(_ places: [Address?]) -> [Int] {
    var seen: Set<[UInt8]> = []
    return places.indices.filter { index in
      guard let address = places[index] else { return false }
      // A channelId is never empty, so no id and an id can't meet.
      let key = "\(address.channel.rawValue)\t\(address.normalForm)\t\(address.channelId ?? "")"
      return !seen.insert(Array(key.utf8)).inserted
    }
  }
}

/// The little that is known of profiles here: the form of their ids (B-PROF-5).
package enum Profile: Identified {
  package static let idPrefix = "mem_profile"

  package static func isID(_ text: String) -> Bool { TypeID<Profile>(text) != nil }
}
