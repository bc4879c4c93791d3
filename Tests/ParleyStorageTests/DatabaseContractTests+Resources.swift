import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyStorage

/// The tables of conversations, participants and configurations, and the keys by which conversations exclude each other.
extension DatabaseContractTests {
  // MARK: - Configurations

  @Test("A configuration comes back as it was added, with what a conversation takes of it", arguments: TestDatabase.kinds)
  func configurations(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let (configuration, draft) = try samples.configuration(groupingType: .addressesAndChannel)
      #expect(try await database.write(for: account) { tx in try tx.insert(configuration, of: draft) } == nil)
      let (found, version) = try await database.read(for: account, .snapshot) { tx in
        (try tx.configuration(configuration.id), try tx.currentVersion(of: configuration.id))
      }
      #expect(try found?.document() == configuration.document())
      #expect(version?.number == 1)
      #expect(version?.groupingType == .addressesAndChannel)
      #expect(version?.memoryStoreId == Samples.store)
      let unknown = samples.id(Configuration.self)
      #expect(try await database.read(for: account, .statement) { tx in try tx.configuration(unknown) == nil })
      #expect(try await database.read(for: account, .statement) { tx in try tx.currentVersion(of: unknown) == nil })
    }
  }

  @Test("A bridged service belongs to one configuration of an account, which is named (B-CFG-6)", arguments: TestDatabase.kinds)
  func bridgedServices(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let (account, other) = (try await samples.account(in: database), try await samples.account(in: database))
      let service = "IS" + String(repeating: "0", count: 32)
      let (first, draft) = try samples.configuration(bridge: service)
      let (second, sameDraft) = try samples.configuration(bridge: service)
      let (third, freeDraft) = try samples.configuration(bridge: "IS" + String(repeating: "1", count: 32))
      #expect(try await database.write(for: account) { tx in try tx.insert(first, of: draft) } == nil)
      #expect(try await database.write(for: account) { tx in try tx.insert(second, of: sameDraft) } == first.id)
      #expect(try await database.read(for: account, .statement) { tx in try tx.configuration(second.id) == nil })
      #expect(try await database.write(for: account) { tx in try tx.insert(third, of: freeDraft) } == nil)
      // Another account's use is no conflict, and is not named as one.
      #expect(try await database.write(for: other) { tx in try tx.insert(second, of: sameDraft) } == nil)
      let (fourth, lateDraft) = try samples.configuration(bridge: service)
      #expect(try await database.write(for: account) { tx in try tx.insert(fourth, of: lateDraft) } == first.id)
      #expect(try await database.write(for: other) { tx in try tx.insert(fourth, of: lateDraft) } == second.id)
    }
  }

  // MARK: - Conversations

  @Test("A conversation comes back as it was added and as it was changed, document and narrow row", arguments: TestDatabase.kinds)
  func conversations(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let conversation = try samples.conversation(of: account)
      let added = HeldConversation(
        id: conversation.id, accountId: account, status: .active, groupingScope: "scope", groupingType: .profile, participantCount: 7,
        nextPosition: 9)
      let pin = ConversationPin(configurationId: nil, version: nil, override: Array("{\"a\":1}".utf8))
      let stored = try await database.write(for: account) { tx in try tx.insert(conversation, as: added, pinning: pin) }
      #expect(stored.document == Stored(conversation).document)
      let held = try await database.write(for: account) { tx in try tx.lockConversation(conversation.id) }
      #expect(held?.id == conversation.id)
      #expect(held?.accountId == account)
      #expect(held?.status == .active)
      #expect(held?.groupingScope == "scope")
      #expect(held?.groupingType == .profile)
      #expect(held?.participantCount == 7)
      #expect(held?.nextPosition == 9)

      var changed = conversation
      (changed.status, changed.name, changed.metadata) = (.inactive, nil, Metadata([("k", "v")]))
      let change = changed
      let updated = try await database.write(for: account) { tx in try tx.update(change) }
      #expect(updated.document == Stored(change).document)
      let (found, heldNow) = try await database.write(for: account) { tx in
        (try tx.conversation(conversation.id), try tx.lockConversation(conversation.id))
      }
      #expect(found?.document == Stored(change).document)
      #expect(heldNow?.status == .inactive)
      #expect(heldNow?.participantCount == 7)

      let unknown = samples.id(Conversation.self)
      let (missing, isThere, unheld) = try await database.write(for: account) { tx in
        (try tx.conversation(unknown), try tx.hasConversation(unknown), try tx.lockConversation(unknown))
      }
      #expect(missing == nil)
      #expect(!isThere)
      #expect(unheld == nil)
    }
  }

  @Test("A conversation keeps the version that it pinned, with settings of its own beside it (B-CONV-5)", arguments: TestDatabase.kinds)
  func pins(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let (configuration, draft) = try samples.configuration()
      let (pinned, inline) = (try samples.conversation(of: account), try samples.conversation(of: account))
      func held(_ id: Conversation.ID) -> HeldConversation {
        HeldConversation(
          id: id, accountId: account, status: .active, groupingScope: "", groupingType: .addresses, participantCount: 0, nextPosition: 1)
      }
      let (heldPinned, heldInline) = (held(pinned.id), held(inline.id))
      try await database.write(for: account) { tx in
        _ = try tx.insert(configuration, of: draft)
        _ = try tx.insert(pinned, as: heldPinned, pinning: ConversationPin(configurationId: configuration.id, version: 1, override: nil))
        _ = try tx.insert(inline, as: heldInline, pinning: ConversationPin(configurationId: nil, version: nil, override: Array("{}".utf8)))
      }
      func pin(_ id: Conversation.ID) async throws -> PinnedConfiguration {
        try await database.read(for: account, .statement) { tx in try tx.pinnedConfiguration(of: id) }
      }
      #expect(try await pin(pinned.id).base == draft.settings)
      #expect(try await pin(pinned.id).override == nil)
      #expect(try await pin(inline.id).base == nil)
      #expect(try await pin(inline.id).override == Array("{}".utf8))
      try await database.write(for: account) { tx in try tx.setOverride(Array("{\"b\":2}".utf8), of: pinned.id) }
      #expect(try await pin(pinned.id).base == draft.settings)
      #expect(try await pin(pinned.id).override == Array("{\"b\":2}".utf8))
      #expect(try await pin(inline.id).override == Array("{}".utf8))
      try await database.write(for: account) { tx in try tx.setOverride(nil, of: pinned.id) }
      #expect(try await pin(pinned.id).override == nil)
    }
  }

  // MARK: - Participants

  @Test("A participant comes back as it was added, counted and placed by its conversation", arguments: TestDatabase.kinds)
  func participants(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let held = try await samples.heldConversation(of: account, in: database)
      var customer = try samples.participant([("a", "call"), ("a", "call 2"), ("b", nil)], in: held.id, of: account)
      customer.profileId = "mem_profile_00000000000000000000000001"
      let (first, second) = (customer, try samples.participant(type: .aiAgent, in: held.id, of: account))
      let stored = try await database.write(for: account) { tx in
        let stored = try tx.add(first)
        try tx.add(second)
        return stored
      }
      #expect(stored.document == Stored(first).document)
      let (found, members, counted) = try await database.write(for: account) { tx in
        (try tx.participant(first.id, of: held.id), try tx.members(of: held.id), try tx.lockConversation(held.id))
      }
      #expect(found?.document == Stored(first).document)
      #expect(members.map(\.id) == [first.id, second.id])
      #expect(members.map(\.type) == [.customer, .aiAgent])
      #expect(members.map(\.profileId) == [first.profileId, nil])
      // An address that is repeated for another channelId is owned once (B-PART-6).
      #expect(members[0].addresses.map(\.normalForm).sorted() == ["a", "b"])
      #expect(members[1].addresses.isEmpty)
      #expect(counted?.participantCount == 2)
      #expect(counted?.nextPosition == 3)
      let elsewhere = try await samples.heldConversation(of: account, in: database)
      #expect(try await database.read(for: account, .statement) { tx in try tx.participant(first.id, of: elsewhere.id) == nil })
      #expect(try await database.read(for: account, .statement) { tx in try tx.members(of: elsewhere.id).isEmpty })
    }
  }

  @Test("Participants of a new conversation stand at the positions that they are given", arguments: TestDatabase.kinds)
  func positions(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let held = try await samples.heldConversation(of: account, in: database)
      let (last, first) = (try samples.participant(in: held.id, of: account), try samples.participant(in: held.id, of: account))
      try await database.write(for: account) { tx in
        try tx.insert(last, Stored(last), at: 2)
        try tx.insert(first, Stored(first), at: 1)
      }
      #expect(try await database.read(for: account, .statement) { tx in try tx.members(of: held.id).map(\.id) } == [first.id, last.id])
      let third = try samples.participant(in: held.id, of: account)
      await #expect(throws: (any Error).self) {
        try await database.write(for: account) { tx in try tx.insert(third, Stored(third), at: 2) }
      }
    }
  }

  @Test("A change gives up the addresses and links that are gone, takes the new ones and keeps the rest", arguments: TestDatabase.kinds)
  func participantChanges(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let held = try await samples.heldConversation(of: account, in: database)
      let bystander = try samples.participant([("z", "shared"), ("y", "gone")], in: held.id, of: account)
      let before = try samples.participant([("a", "gone"), ("a", "kept"), ("b", "moved"), ("c", nil)], in: held.id, of: account)
      var changed = before
      changed.type = .humanAgent
      changed.profileId = "mem_profile_00000000000000000000000001"
      changed.addresses = [
        Address(channel: .chat, text: "d", channelId: "new"), Address(channel: .chat, text: "b", channelId: "kept"),
        Address(channel: .video, text: "a", channelId: "moved"), Address(channel: .chat, text: "e", channelId: "shared"),
      ]
      let after = changed
      try await database.write(for: account) { tx in
        try tx.add(bystander)
        try tx.add(before)
      }
      let stored = try await database.write(for: account) { tx in try tx.update(after, from: before) }
      #expect(stored.document == Stored(after).document)
      let (found, members) = try await database.read(for: account, .snapshot) { tx in
        (try tx.participant(before.id, of: held.id), try tx.members(of: held.id))
      }
      #expect(found?.document == Stored(after).document)
      #expect(members[1].type == .humanAgent)
      #expect(members[1].profileId == after.profileId)
      #expect(Set(members[1].addresses.map { "\($0.channel) \($0.normalForm)" }) == ["chat d", "chat b", "video a", "chat e"])
      #expect(members[0].addresses.count == 2)

      let links = try await links(of: account, in: database)
      #expect(links["gone"] == [bystander.id.text])
      #expect(links["kept"] == [before.id.text])
      #expect(links["moved"] == [before.id.text])
      #expect(links["new"] == [before.id.text])
      #expect(links["shared"] == Set([bystander.id.text, before.id.text]))

      // What was given up is free for others, what is owned is not.
      let heir = try samples.participant([("c", nil), ("a", nil)], in: held.id, of: account)
      try await database.write(for: account) { tx in _ = try tx.add(heir) }
      let thief = try samples.participant([("d", nil)], in: held.id, of: account)
      // Only who does not look first meets it, so nobody is told that it will pass.
      let error = await #expect(throws: (any Error).self) { try await database.write(for: account) { tx in _ = try tx.add(thief) } }
      #expect(error is ParleyError == false)
    }
  }

  // MARK: - Grouping keys

  @Test(
    "A grouping key is held by one conversation of its scope, and a conflict names the newest holder (B-GROUP-3, B-GROUP-6)",
    arguments: TestDatabase.kinds)
  func groupingKeys(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let (account, other) = (try await samples.account(in: database), try await samples.account(in: database))
      // More keys than one statement takes, so that holders are found among all of them.
      let keys = (0..<100).map { Array("key \(1000 + $0)".utf8) }
      var holders: [HeldConversation] = []
      for range in [0..<1, 40..<70, 99..<100] {
        let holder = try await samples.heldConversation(of: account, in: database)
        try await database.write(for: account) { tx in try tx.exchange([], for: Array(keys[range]), of: holder) }
        holders.append(holder)
      }
      let late = try await samples.heldConversation(of: account, in: database)
      for (wanted, named) in [(keys, 2), (keys.reversed(), 2), (Array(keys[0..<99]), 1), (Array(keys[0..<40]), 0), ([keys[69]], 1)] {
        await #expect(throws: ParleyError.conflict(.grouping(with: holders[named].id))) {
          try await database.write(for: account) { tx in try tx.exchange([], for: wanted, of: late) }
        }
      }
      // The refused claims took nothing: the free keys can be had, and so can all of them in another scope or account.
      let free = Array(keys[1..<40]) + Array(keys[70..<99])
      try await database.write(for: account) { tx in try tx.exchange([], for: free, of: late) }
      let elsewhere = try await samples.heldConversation(of: account, in: database, scope: "another scope")
      try await database.write(for: account) { tx in try tx.exchange([], for: keys, of: elsewhere) }
      let foreign = try await samples.heldConversation(of: other, in: database)
      try await database.write(for: other) { tx in try tx.exchange([], for: keys, of: foreign) }
      #expect(try await keyCount(of: account, in: database) == 200)
      // The other account's conversation is newer, and not the one that is named.
      await #expect(throws: ParleyError.conflict(.grouping(with: holders[2].id))) {
        try await database.write(for: account) { tx in try tx.exchange([], for: [keys[99]], of: late) }
      }
    }
  }

  @Test("The newest holder is the one created last, not the one that took its key last (B-GROUP-6)", arguments: TestDatabase.kinds)
  func newestHolder(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let (old, new) = (
        try await samples.heldConversation(of: account, in: database), try await samples.heldConversation(of: account, in: database)
      )
      let late = try await samples.heldConversation(of: account, in: database)
      let (a, b) = (Array("a".utf8), Array("b".utf8))
      try await database.write(for: account) { tx in try tx.exchange([], for: [b], of: new) }
      try await database.write(for: account) { tx in try tx.exchange([], for: [a], of: old) }
      await #expect(throws: ParleyError.conflict(.grouping(with: new.id))) {
        try await database.write(for: account) { tx in try tx.exchange([], for: [a, b], of: late) }
      }
    }
  }

  @Test("Keys are exchanged whole or not at all, and a conversation gives up only its own (B-GROUP-7)", arguments: TestDatabase.kinds)
  func exchanges(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let (one, two) = (
        try await samples.heldConversation(of: account, in: database), try await samples.heldConversation(of: account, in: database)
      )
      let (a, b, c) = (Array("a".utf8), Array("b".utf8), Array("c".utf8))
      try await database.write(for: account) { tx in
        try tx.exchange([], for: [a], of: one)
        try tx.exchange([], for: [b], of: two)
      }
      await #expect(throws: ParleyError.conflict(.grouping(with: two.id))) {
        try await database.write(for: account) { tx in try tx.exchange([a], for: [b, c], of: one) }
      }
      await #expect(throws: ParleyError.conflict(.grouping(with: one.id))) {
        try await database.write(for: account) { tx in try tx.exchange([], for: [a], of: two) }
      }
      // Giving up what another one holds is nothing.
      try await database.write(for: account) { tx in try tx.exchange([b], for: [], of: one) }
      await #expect(throws: ParleyError.conflict(.grouping(with: two.id))) {
        try await database.write(for: account) { tx in try tx.exchange([], for: [b], of: one) }
      }
      try await database.write(for: account) { tx in try tx.exchange([a], for: [c], of: one) }
      try await database.write(for: account) { tx in try tx.exchange([], for: [a], of: two) }
    }
  }

  @Test("A conversation that closes gives up all its keys, and the next one gets them (B-GROUP-4)", arguments: TestDatabase.kinds)
  func releases(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let (account, other) = (try await samples.account(in: database), try await samples.account(in: database))
      let conversation = try samples.conversation(of: account)
      let same = try samples.conversation(id: conversation.id, of: other)
      let keys = (0..<70).map { Array("key \($0)".utf8) }
      for (account, conversation) in [(account, conversation), (other, same)] {
        try await database.write(for: account) { tx in try tx.exchange([], for: keys, of: try Samples.insert(conversation, tx)) }
      }
      let (bystander, next) = (
        try await samples.heldConversation(of: account, in: database), try await samples.heldConversation(of: account, in: database)
      )
      try await database.write(for: account) { tx in
        try tx.exchange([], for: [Array("mine".utf8)], of: bystander)
        guard let held = try tx.lockConversation(conversation.id) else { throw ParleyError.notFound(.conversation) }
        try tx.exchange(Array(keys[0..<10]), for: [], of: held)
      }
      #expect(try await keyCount(of: account, in: database) == 61)
      #expect(try await keyCount(of: other, in: database) == 70)
      try await database.write(for: account) { tx in try tx.releaseKeys(of: conversation.id) }
      #expect(try await keyCount(of: account, in: database) == 1)
      #expect(try await keyCount(of: other, in: database) == 70)
      try await database.write(for: account) { tx in try tx.exchange([], for: keys, of: next) }
    }
  }

  // MARK: - Accounts beside each other

  @Test("Two accounts with the same ids see and change only what is theirs (B-AUTH-4)", arguments: TestDatabase.kinds)
  func isolation(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let accounts = [try await samples.account(in: database), try await samples.account(in: database)]
      let stranger = try await samples.account(in: database)
      let (configurationId, conversationId, participantId) = (
        samples.id(Configuration.self), samples.id(Conversation.self), samples.id(Participant.self)
      )
      let stores = [Samples.store, "mem_store_00000000000000000000000002"]
      var participants: [Participant] = []
      for (account, store) in zip(accounts, stores) {
        let (configuration, draft) = try samples.configuration(configurationId, store: store)
        let conversation = try samples.conversation(id: conversationId, of: account, name: store)
        let participant = try samples.participant([("a", "call")], id: participantId, name: store, in: conversationId, of: account)
        participants.append(participant)
        try await database.write(for: account) { tx in
          _ = try tx.insert(configuration, of: draft)
          _ = try Samples.insert(conversation, tx)
          try tx.add(participant)
        }
      }

      // The first account changes all that it has.
      let (account, other) = (accounts[0], accounts[1])
      var (closed, before) = (try samples.conversation(id: conversationId, of: account, name: "changed"), participants[0])
      closed.status = .closed
      before.name = "changed"
      before.addresses = [Address(channel: .chat, text: "changed")]
      let (change, participantChange, original) = (closed, before, participants[0])
      let newcomer = try samples.participant([("n", nil)], in: conversationId, of: account)
      try await database.write(for: account) { tx in
        _ = try tx.update(change)
        try tx.setOverride(Array("{\"changed\":1}".utf8), of: conversationId)
        _ = try tx.update(participantChange, from: original)
        try tx.add(newcomer)
      }

      // The second has what it had.
      let all = PageRequest()
      try await database.write(for: other) { tx in
        let held = try tx.lockConversation(conversationId)
        let members = try tx.members(of: conversationId)
        return [
          held?.accountId == other, held?.status == .active, held?.participantCount == 1, held?.nextPosition == 2,
          try tx.conversation(conversationId)?.value().name == stores[1],
          try tx.pinnedConfiguration(of: conversationId).override == Array("{}".utf8),
          try tx.configuration(configurationId)?.settings.text.text.contains(stores[1]) == true,
          try tx.currentVersion(of: configurationId)?.memoryStoreId == stores[1],
          try tx.configurations(memoryStoreId: nil, all).count == 1,
          try tx.configurations(memoryStoreId: stores[0], all).count == 0,
          try tx.participant(participantId, of: conversationId)?.value().name == stores[1],
          try tx.participant(newcomer.id, of: conversationId) == nil,
          try tx.participants(of: conversationId, all).count == 1,
          try tx.participants(of: conversationId, PageRequest(cursor: Cursor(.previous, from: "9"))).count == 1,
          members.count == 1, members.first?.addresses.count == 1,
          try tx.conversations(ConversationFilter(), all).count == 1,
          try tx.conversations(ConversationFilter(statuses: [.closed]), all).count == 0,
          try tx.conversations(ConversationFilter(statuses: [.active, .inactive]), all).count == 1,
          try tx.conversations(ConversationFilter(channelId: "call"), all).count == 1,
        ]
      }.enumerated().forEach { index, isSo in #expect(isSo, "row \(index)") }
      let links = try await database.read(for: account, .statement) { tx in
        try tx.conversations(ConversationFilter(channelId: "call"), all).count
      }
      #expect(links == 0)

      // A third one has nothing, and can change nothing of theirs.
      try await database.write(for: stranger) { tx in
        try tx.setOverride(nil, of: conversationId)
        try tx.releaseKeys(of: conversationId)
        _ = try tx.update(change)
        return [
          try tx.lockConversation(conversationId) == nil, try !tx.hasConversation(conversationId),
          try tx.conversation(conversationId) == nil,
          try tx.configuration(configurationId) == nil, try tx.currentVersion(of: configurationId) == nil,
          try tx.configurations(memoryStoreId: nil, all).count == 0, try tx.configurations(memoryStoreId: stores[1], all).count == 0,
          try tx.participant(participantId, of: conversationId) == nil, try tx.participants(of: conversationId, all).count == 0,
          try tx.members(of: conversationId).isEmpty, try tx.conversations(ConversationFilter(), all).count == 0,
          try tx.conversations(ConversationFilter(statuses: [.active]), all).count == 0,
          try tx.conversations(ConversationFilter(statuses: [.active, .closed]), all).count == 0,
          try tx.conversations(ConversationFilter(channelId: "call"), all).count == 0,
        ]
      }.enumerated().forEach { index, isSo in #expect(isSo, "row \(index)") }
      let untouched = try await database.read(for: other, .snapshot) { tx in
        (try tx.conversation(conversationId)?.value().name, try tx.pinnedConfiguration(of: conversationId).override)
      }
      #expect(untouched.0 == stores[1])
      #expect(untouched.1 == Array("{}".utf8))
    }
  }

  // MARK: - What no table function shows

  private func links(of account: Account.ID, in database: any Database) async throws -> [String: Set<String>] {
    let rows = try await database.read(for: account, .statement) { tx in
      try tx.connection.all("SELECT channel_id, owner_id FROM channel_link WHERE account_id = \(account)") { ($0.text(0), $0.text(1)) }
    }
    return rows.reduce(into: [:]) { links, row in links[row.0, default: []].insert(row.1) }
  }

  private func keyCount(of account: Account.ID, in database: any Database) async throws -> Int64? {
    try await database.read(for: account, .statement) { tx in
      try tx.connection.one("SELECT COUNT(*) FROM grouping_key WHERE account_id = \(account)") { $0.integer(0) }
    }
  }
}
