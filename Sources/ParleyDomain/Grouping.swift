/// What decides that traffic belongs to one conversation.
package enum GroupingType: String, CaseIterable, Sendable {
  case profile = "GROUP_BY_PROFILE"
  case addresses = "GROUP_BY_PARTICIPANT_ADDRESSES"
  case addressesAndChannel = "GROUP_BY_PARTICIPANT_ADDRESSES_AND_CHANNEL_TYPE"
}

/// What the rules of a conversation need to know of one participant in it.
package struct Member: Sendable {
  package let id: Participant.ID
  package let type: Participant.Kind
  package let profileId: String?
  /// Each (channel, normal form) once.
  package var addresses: [OwnedAddress]

  package init(id: Participant.ID, type: Participant.Kind, profileId: String?, addresses: [OwnedAddress]) {
    self.id = id
    self.type = type
    self.profileId = profileId
    self.addresses = addresses
  }
}

/// An address by what makes it one (B-PART-5).
package struct OwnedAddress: Sendable, Equatable {
  package let channel: Channel
  package let normalForm: String

  package init(channel: Channel, normalForm: String) {
    self.channel = channel
    self.normalForm = normalForm
  }

  package static func == (left: Self, right: Self) -> Bool {
    left.channel == right.channel && left.normalForm.isSame(as: right.normalForm)
  }
}

/// The keys by which open conversations exclude each other inside one grouping scope (B-GROUP-5).
package enum Grouping {
  /// Distinct keys of one conversation; more are refused (B-PART-7).
  package static let keysMax = 5000

  /// A key is bytes, so that equal means equal bytes; its parts are joined by tabs, which no address or id contains.
  package typealias Key = [UInt8]

  /// The keys that a conversation with these members holds; nil if there are more than `keysMax`.
  package static func keys(of members: [Member], by type: GroupingType) -> Set<Key>? {
    if type == .profile {
      let profiles = members.compactMap { $0.type == .customer ? $0.profileId : nil }
      if !profiles.isEmpty { return Set(profiles.map { key("profile", $0) }) }
    }
    // B-GROUP-5: the fallback of GROUP_BY_PROFILE has no channel in its keys either.
    let withChannel = type == .addressesAndChannel
    guard let pairs = pairKeys(of: members, withChannel: withChannel) else { return nil }
    let keys = pairs.isEmpty ? aloneKeys(of: members, withChannel: withChannel) : pairs
    return keys.count <= keysMax ? keys : nil
  }

  /// The order in which keys are claimed and released, so that two writers never wait for each other.
  static func sorted(_ keys: Set<Key>) -> [Key] { keys.count < 2 ? Array(keys) : keys.sorted { $0.lexicographicallyPrecedes($1) } }

  /// Nil as soon as there are too many: a hundred participants with fifty addresses each would make millions.
  private static func pairKeys(of members: [Member], withChannel: Bool) -> Set<Key>? {
    var keys: Set<Key> = []
    let types = members.map(\.type)
    for first in types.indices {
      for second in types[..<first].indices where types[first].pairs(with: types[second]) {
        for left in members[first].addresses {
          for right in members[second].addresses where left.channel == right.channel {
            keys.insert(pairKey(left, right, withChannel: withChannel))
            if keys.count > keysMax { return nil }
          }
        }
      }
    }
    return keys
  }

  private static func aloneKeys(of members: [Member], withChannel: Bool) -> Set<Key> {
    var keys = Set<Key>(minimumCapacity: members.count)
    for member in members where !member.type.isAgent {
      for address in member.addresses {
        keys.insert(withChannel ? key("alone", address.channel.rawValue, address.normalForm) : key("alone", address.normalForm))
      }
    }
    return keys
  }

  private static func pairKey(_ left: OwnedAddress, _ right: OwnedAddress, withChannel: Bool) -> Key {
    let swapped = right.normalForm.utf8.lexicographicallyPrecedes(left.normalForm.utf8)
    let (low, high) = swapped ? (right.normalForm, left.normalForm) : (left.normalForm, right.normalForm)
    return withChannel ? key("pair", left.channel.rawValue, low, high) : key("pair", low, high)
  }

  private static func key(_ parts: String...) -> Key {
    var key: Key = []
    key.reserveCapacity(parts.reduce(parts.count) { $0 + $1.utf8.count })
    for part in parts {
      if !key.isEmpty { key.append(UInt8(ascii: "\t")) }
      key.append(contentsOf: part.utf8)
    }
    return key
  }
}

extension Participant.Kind {
  /// One of the kinds that stand on the serving side.
  package var isAgent: Bool {
    switch self {
    case .agent, .aiAgent, .humanAgent: true
    case .customer, .unknown: false
    }
  }

  /// Whether an address of each makes a pair: not of two agents, not of two customers (B-GROUP-5).
  fileprivate func pairs(with other: Self) -> Bool {
    !(isAgent && other.isAgent) && !(self == .customer && other == .customer)
  }
}
