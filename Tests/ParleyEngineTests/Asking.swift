import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

/// Bodies in few words, and what tests ask of an engine again and again.
extension TestEngine {
  /// Makes a configuration; `more` is further members of its body, each with a comma in front.
  func configuration(
    _ grouping: GroupingType = .addressesAndChannel, more: String = "", for account: Account.ID? = nil
  ) async throws -> Configuration.ID {
    try await accepted(grouping, more: more, for: account).configurationId
  }

  func accepted(
    _ grouping: GroupingType = .addressesAndChannel, more: String = "", under key: IdempotencyKey? = nil, for account: Account.ID? = nil
  ) async throws -> AcceptedOperation {
    let body = """
      {"displayName":"Harbor","description":"","conversationGroupingType":"\(grouping.rawValue)","memoryStoreId":"\(Text.store)"\(more)}
      """
    return try await engine.configurations.create(
      Body(body), under: key, statusURL: { "https://parley.example/\($0.text)" }, for: account ?? self.account)
  }

  /// Makes a conversation of a configuration and answers all of it; `more` as above.
  @discardableResult
  func create(
    _ configuration: Configuration.ID, _ participants: [String] = [], more: String = "", for account: Account.ID? = nil
  ) async throws -> Answer {
    let list = participants.joined(separator: ",")
    let body = #"{"configurationId":"\#(configuration.text)","participants":[\#(list)]\#(more)}"#
    return try await Answer(engine.conversations.create(Body(body), for: account ?? self.account))
  }

  func conversation(_ configuration: Configuration.ID, _ participants: [String] = []) async throws -> Conversation.ID {
    try await create(configuration, participants).id()
  }

  @discardableResult
  func add(_ participant: String, to conversation: Conversation.ID) async throws -> Participant {
    try await engine.participants.create(Body(participant), in: conversation, for: account).value()
  }

  @discardableResult
  func replace(_ id: Participant.ID, by participant: String, in conversation: Conversation.ID) async throws -> Participant {
    try await engine.participants.replace(id, by: Body(participant), in: conversation, for: account).value()
  }

  func fetch(_ id: Participant.ID, in conversation: Conversation.ID) async throws -> Participant {
    try await engine.participants.fetch(id, in: conversation, for: account).value()
  }

  func fetch(_ id: Conversation.ID) async throws -> Answer { try await Answer(engine.conversations.fetch(id, for: account)) }

  @discardableResult
  func put(_ status: Conversation.Status, _ id: Conversation.ID, more: String = "") async throws -> Answer {
    try await Answer(engine.conversations.update(id, by: Body(#"{"status":"\#(status.rawValue)"\#(more)}"#), for: account))
  }

  @discardableResult
  func patch(_ id: Conversation.ID, _ body: String) async throws -> Answer {
    try await Answer(engine.conversations.patch(id, by: Body(body), for: account))
  }

  /// The conversation's participants as the list shows them.
  func participants(of id: Conversation.ID) async throws -> [Answer] {
    try await Answer.list(engine.participants.list(PageRequest(size: 200), in: id, for: account))
  }

  /// The account's conversations as the list shows them.
  func conversations(_ filter: ConversationFilter = ConversationFilter()) async throws -> [Answer] {
    try await Answer.list(engine.conversations.list(filter, PageRequest(size: 1000), for: account))
  }
}

/// Texts that tests share.
enum Text {
  static let store = "mem_store_00000000000000000000000001"
  static let otherStore = "mem_store_00000000000000000000000002"
  static let profile = "mem_profile_00000000000000000000000001"
  static let otherProfile = "mem_profile_00000000000000000000000002"
  static let (a, b, c, d) = ("+14155550101", "+14155550102", "+14155550103", "+14155550104")
}

/// JSON text of a participant. An address is written `CHANNEL address` or `CHANNEL address channelId`.
func participant(_ type: Participant.Kind, _ addresses: String..., name: String? = nil, profile: String? = nil) -> String {
  participant(type, addresses, name: name, profile: profile)
}

func participant(_ type: Participant.Kind, _ addresses: [String], name: String? = nil, profile: String? = nil) -> String {
  let list = addresses.map { address in
    let parts = address.split(separator: " ")
    let channelId = parts.count > 2 ? #","channelId":"\#(parts[2])""# : ""
    return #"{"channel":"\#(parts[0])","address":"\#(parts[1])"\#(channelId)}"#
  }
  let name = name.map { #","name":"\#($0)""# } ?? ""
  let profile = profile.map { #","profileId":"\#($0)""# } ?? ""
  return #"{"type":"\#(type.rawValue)","addresses":[\#(list.joined(separator: ","))]\#(name)\#(profile)}"#
}

extension Body {
  init(_ text: String) { self.init(Array(text.utf8)) }
}

/// A JSON object that was answered.
struct Answer: Equatable {
  private let object: JSON.Object

  init(_ bytes: [UInt8]) throws { object = try #require(JSON.parse(bytes).object) }

  private init(_ object: JSON.Object) { self.object = object }

  /// The items of a page.
  static func list(_ page: Page) throws -> [Answer] {
    try #require(Answer(Array(#"{"items":["#.utf8) + page.items + Array("]}".utf8)).list("items"))
  }

  subscript(name: String) -> JSON? { object[name] }

  func text(_ name: String) -> String? { object[name]?.string }

  func object(_ name: String) throws -> Answer { try Answer(#require(object[name]?.object)) }

  func list(_ name: String) -> [Answer]? {
    guard case .array(let elements) = object[name] else { return nil }
    return elements.compactMap(\.object).map(Answer.init)
  }

  func id<Resource: Identified>(_: Resource.Type = Resource.self) throws -> TypeID<Resource> {
    try #require(text("id").flatMap { TypeID($0) })
  }
}
