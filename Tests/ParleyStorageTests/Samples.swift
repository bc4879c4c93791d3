import ParleyDomain
import ParleyStorage
import Synchronization
import Testing

/// Values to store, with ids that are counted and times that stand still.
final class Samples: Sendable {
  static let now = Timestamp(milliseconds: 1_750_000_000_000)
  static let store = "mem_store_00000000000000000000000001"
  static let scope = HeldConversation.inlineScope(memoryStoreId: store, groupingType: .addresses)

  private let ids = IDGenerator(random: CountedRandom())
  private let accounts = Atomic<UInt8>(0)

  func id<Resource: Identified>(_: Resource.Type = Resource.self) -> TypeID<Resource> { ids.next(at: Self.now) }

  func accountID() -> Account.ID {
    Account.ID(random: Array(repeating: accounts.add(1, ordering: .relaxed).newValue, count: 16))
  }

  /// Adds an account and answers its id.
  func account(in database: any Database) async throws -> Account.ID {
    let account = Account(id: accountID(), name: "test", createdAt: Self.now)
    #expect(try await database.writeSystem { tx in try tx.insert(AccountCredentials(account: account, sealedToken: "sealed")) })
    return account.id
  }

  func conversation(id: Conversation.ID? = nil, of account: Account.ID, name: String = "talk", status: Conversation.Status = .active)
    throws -> Conversation
  {
    let draft = try Self.draft(
      "{\"configuration\":{\"conversationGroupingType\":\"GROUP_BY_PROFILE\",\"memoryStoreId\":\"\(Self.store)\"}}"
    ) {
      ConversationDraft($0, callbacks: CallbackPolicy(allowPrivate: true))
    }
    var conversation = Conversation(draft, id: id ?? self.id(), of: account, at: Self.now)
    conversation.name = name
    conversation.status = status
    return conversation
  }

  /// Adds a conversation without participants and answers it as those who change it hold it.
  func heldConversation(
    of account: Account.ID, in database: any Database, scope: String = Samples.scope, status: Conversation.Status = .active
  ) async throws -> HeldConversation {
    let conversation = try conversation(of: account, status: status)
    return try await database.write(for: account) { tx in try Self.insert(conversation, scope: scope, tx) }
  }

  static func insert(_ conversation: Conversation, scope: String = Samples.scope, _ tx: Transaction) throws -> HeldConversation {
    let held = HeldConversation(
      id: conversation.id, accountId: conversation.accountId, status: conversation.status, groupingScope: scope, groupingType: .addresses,
      participantCount: 0, nextPosition: 1)
    _ = try tx.insert(conversation, as: held, pinning: ConversationPin(configurationId: nil, version: nil, override: Array("{}".utf8)))
    return held
  }

  /// A participant with addresses on CHAT, whose form is free.
  func participant(
    _ addresses: [(address: String, channelId: String?)] = [], id: Participant.ID? = nil, name: String? = nil,
    type: Participant.Kind = .customer,
    in conversation: Conversation.ID, of account: Account.ID
  ) throws -> Participant {
    let draft = try Self.draft("{\"type\":\"\(type.rawValue)\"}") { ParticipantDraft($0) }
    var participant = Participant(draft, id: id ?? self.id(), in: conversation, of: account, at: Self.now)
    participant.addresses = addresses.map { Address(channel: .chat, text: $0.address, channelId: $0.channelId) }
    if let name { participant.name = name }
    return participant
  }

  func configuration(
    _ id: Configuration.ID? = nil, store: String = Samples.store, bridge: String? = nil, groupingType: GroupingType = .addresses
  ) throws -> (Configuration, ConfigurationDraft) {
    let bridged = bridge.map { ",\"conversationsV1Bridge\":{\"serviceId\":\"\($0)\"}" } ?? ""
    let draft = try Self.draft(
      """
      {"displayName":"shop","description":"","conversationGroupingType":"\(groupingType.rawValue)","memoryStoreId":"\(store)"\(bridged)}
      """
    ) { ConfigurationDraft($0, callbacks: CallbackPolicy(allowPrivate: true)) }
    let id = id ?? self.id()
    return (Configuration(id: id, version: 1, createdAt: Self.now, updatedAt: Self.now, settings: draft.settings), draft)
  }

  private static func draft<Draft>(_ body: String, _ read: (Fields) -> Draft?) throws -> Draft {
    try Body(Array(body.utf8)).draft(read).get()
  }
}

/// Bits that are the same in each run.
private struct CountedRandom: RandomNumberGenerator, Sendable {
  private var count: UInt64 = 0

  mutating func next() -> UInt64 {
    count += 1
    return count
  }
}

extension [UInt8] {
  /// The bytes as text, for messages of tests.
  var text: String { String(decoding: self, as: UTF8.self) }
}

extension Transaction {
  /// Adds a participant at the end of its conversation.
  @discardableResult
  func add(_ participant: Participant) throws -> Stored<Participant> {
    guard let held = try lockConversation(participant.conversationId) else { throw ParleyError.notFound(.conversation) }
    return try insert(participant, into: held)
  }
}

/// Whether the error says that the database can't do it now.
func isUnavailable(_ error: any Error) -> Bool {
  if case ParleyError.unavailable = error { true } else { false }
}
