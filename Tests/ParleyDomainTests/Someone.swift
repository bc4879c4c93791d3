import ParleyDomain
import Testing

/// A participant in few words: its type, addresses such as "SMS +1", and the number of its profile.
struct Someone: Sendable {
  let type: Participant.Kind
  let addresses: [String]
  let profile: Int?

  init(_ type: Participant.Kind, _ addresses: [String], profile: Int? = nil) {
    (self.type, self.addresses, self.profile) = (type, addresses, profile)
  }

  init(_ type: Participant.Kind, _ addresses: String..., profile: Int? = nil) { self.init(type, addresses, profile: profile) }

  static func customer(_ addresses: String..., profile: Int? = nil) -> Self { .init(.customer, addresses, profile: profile) }
  static func agent(_ addresses: String..., profile: Int? = nil) -> Self { .init(.agent, addresses, profile: profile) }
  static func unknown(_ addresses: String..., profile: Int? = nil) -> Self { .init(.unknown, addresses, profile: profile) }

  /// The body that asks for this participant.
  var body: String {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("type", type.rawValue)
      if let profile { writer.member("profileId", "mem_profile_\(String(repeating: "0", count: 25))\(profile)") }
      writer.name("addresses")
      writer.array { writer in
        for address in addresses {
          let parts = address.split(separator: " ", maxSplits: 1)
          writer.object { writer in
            writer.member("channel", String(parts[0]))
            writer.member("address", String(parts[1]))
          }
        }
      }
    }
    return text(writer.bytes)
  }

  /// The participant of this number in conversation 1. Addresses here may be shorter than the API takes.
  func participant(_ number: Int, at now: Timestamp = .at(0)) throws -> Participant {
    let document = """
      {"id":"\(try Participant.ID(number).text)","conversationId":"\(try Conversation.ID(1).text)","accountId":"\(Account.ID(1).text)",\
      "name":"","createdAt":"\(now.wholeSeconds)","updatedAt":"\(now.wholeSeconds)",\(body.dropFirst())
      """
    return try #require(try JSON.parse(Array(document.utf8)).object.flatMap { Participant(document: $0) })
  }
}

extension [Someone] {
  /// All as members of one conversation, numbered from 1.
  func members() throws -> [Member] { try enumerated().map { try $1.participant($0 + 1).member } }

  /// The keys that they hold together, in words.
  func keys(by type: GroupingType) throws -> [String] {
    try #require(Grouping.keys(of: members(), by: type)).map(\.inWords).sorted()
  }
}

extension Grouping.Key {
  /// The key's parts with spaces between them, a profile by its number.
  var inWords: String {
    text(self).split(separator: "\t").map { $0.hasPrefix("mem_profile_") ? $0.suffix(1) : $0 }.joined(separator: " ")
  }
}
