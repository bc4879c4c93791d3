import Foundation
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyStorage

/// What every database owes to the rest of the product: transactions and the tables that no resource of the API has to itself.
@Suite("Database contract")
struct DatabaseContractTests {
  let samples = Samples()

  // MARK: - Transactions

  @Test("A write answers what its closure returned, and reads of every access see it", arguments: TestDatabase.kinds)
  func writesAreSeen(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let conversation = try samples.conversation(of: account)
      let held = try await database.write(for: account) { tx in try Samples.insert(conversation, tx) }
      #expect(held.id == conversation.id)
      for access in [Access.statement, .snapshot, .bulk] {
        let stored = try await database.read(for: account, access) { tx in try tx.conversation(conversation.id) }
        #expect(stored?.document == Stored(conversation).document)
      }
      #expect(try await database.readSystem { tx in try tx.accounts().map(\.id) } == [account])
    }
  }

  @Test("A closure's own error is thrown on as it is and undoes all that the closure did", arguments: TestDatabase.kinds)
  func errorsUndo(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let conversation = try samples.conversation(of: account)
      await #expect(throws: ParleyError.refusedByState(.participantsFull)) {
        try await database.write(for: account) { tx in
          _ = try Samples.insert(conversation, tx)
          throw ParleyError.refusedByState(.participantsFull)
        }
      }
      await #expect(throws: DamagedDocument.self) {
        try await database.writeSystem { tx in
          _ = try tx.setToken("other", of: account)
          throw DamagedDocument(reason: "test")
        }
      }
      #expect(try await database.read(for: account, .statement) { tx in try tx.hasConversation(conversation.id) } == false)
      #expect(try await database.readSystem { tx in try tx.account(account)?.sealedToken } == "sealed")
    }
  }

  @Test("Writes beside one that fails keep what they did", arguments: TestDatabase.kinds)
  func errorsStayAlone(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let conversations = try (0..<60).map { _ in try samples.conversation(of: account) }
      let failed = await withTaskGroup(of: Int.self) { group in
        for (index, conversation) in conversations.enumerated() {
          group.addTask {
            do {
              _ = try await database.write(for: account) { tx in
                _ = try Samples.insert(conversation, tx)
                if index % 3 == 0 { throw ParleyError.conflict(.idempotencyKeyReused) }
              }
              return 0
            } catch {
              return error as? ParleyError == .conflict(.idempotencyKeyReused) ? 1 : 1000
            }
          }
        }
        return await group.reduce(0, +)
      }
      #expect(failed == 20)
      let kept = try await database.read(for: account, .snapshot) { tx in try conversations.map { try tx.hasConversation($0.id) } }
      #expect(kept == conversations.indices.map { $0 % 3 != 0 })
    }
  }

  @Test("A statement that the database refuses is an error, and the next write works", arguments: TestDatabase.kinds)
  func refusedStatements(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let conversation = try samples.conversation(of: account)
      try await database.write(for: account) { tx in _ = try Samples.insert(conversation, tx) }
      let error = await #expect(throws: (any Error).self) {
        try await database.write(for: account) { tx in _ = try Samples.insert(conversation, tx) }
      }
      // The same again would fail the same way, so nobody is asked to come again.
      #expect(error is ParleyError == false)
      let other = try samples.conversation(of: account)
      try await database.write(for: account) { tx in _ = try Samples.insert(other, tx) }
    }
  }

  @Test("A read can't change anything", arguments: TestDatabase.kinds)
  func readsDoNotWrite(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let conversation = try samples.conversation(of: account)
      for access in [Access.statement, .snapshot, .bulk] {
        await #expect(throws: (any Error).self) {
          try await database.read(for: account, access) { tx in _ = try Samples.insert(conversation, tx) }
        }
      }
      #expect(try await database.read(for: account, .statement) { tx in try tx.hasConversation(conversation.id) } == false)
    }
  }

  @Test("A bulk read sees one state, whatever is written meanwhile", arguments: TestDatabase.kinds)
  func bulkReadsAreSnapshots(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let conversation = try samples.conversation(of: account)
      let (looked, written) = (Gate(), Gate())
      async let seen = database.read(for: account, .bulk) { tx in
        let before = try tx.hasConversation(conversation.id)
        looked.open()
        written.wait()
        return [before, try tx.hasConversation(conversation.id)]
      }
      await looked.opened()
      try await database.write(for: account) { tx in _ = try Samples.insert(conversation, tx) }
      written.open()
      #expect(try await seen == [false, false])
      #expect(try await database.read(for: account, .bulk) { tx in try tx.hasConversation(conversation.id) })
    }
  }

  @Test("A closed database refuses reads and writes as unavailable", arguments: TestDatabase.kinds)
  func closed(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      await database.close()
      for access in [Access.statement, .snapshot, .bulk] {
        let error = await #expect(throws: ParleyError.self) { try await database.read(for: account, access) { _ in } }
        #expect(error.map(isUnavailable) == true)
      }
      let error = await #expect(throws: ParleyError.self) { try await database.write(for: account) { _ in } }
      #expect(error.map(isUnavailable) == true)
    }
  }

  @Test("Reads and writes are counted", arguments: TestDatabase.kinds)
  func metrics(kind: TestDatabase.Kind) async throws {
    let start = ContinuousClock.now
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let before = database.metrics
      for _ in 0..<3 { try await database.write(for: account) { _ in } }
      for access in [Access.statement, .snapshot, .bulk] { try await database.read(for: account, access) { _ in } }
      let after = database.metrics
      #expect(after.writes - before.writes == 3)
      #expect(after.commits - before.commits == 3)
      #expect((3...3 + PostgresClock.readsMax(since: start)).contains(after.reads - before.reads))
      #expect(after.failedCommits == 0)
      #expect(after.queueLength == 0)
      #expect(after.refusedByQueue == 0)
    }
  }

  // MARK: - What the schema itself refuses

  @Test("A row that points at nothing is refused", arguments: TestDatabase.kinds)
  func foreignKeys(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let nowhere = samples.id(Conversation.self)
      let lost = try samples.participant(in: nowhere, of: account)
      let unknown = samples.accountID()
      let stray = try samples.conversation(of: unknown)
      let key = APIKey(id: APIKey.ID(random: Array(repeating: 7, count: 16)), accountId: unknown, name: "", createdAt: Samples.now)
      let (unpinned, configurationId) = (try samples.conversation(of: account), samples.id(Configuration.self))
      let writes: [@Sendable () async throws -> Void] = [
        { try await database.write(for: account) { tx in _ = try tx.insert(lost, Stored(lost), at: 1) } },
        { try await database.write(for: unknown) { tx in _ = try Samples.insert(stray, tx) } },
        { try await database.writeSystem { tx in try tx.insert(key, secretHash: "") } },
        {
          try await database.write(for: account) { tx in
            let held = HeldConversation(
              id: unpinned.id, accountId: account, status: .active, groupingScope: "", groupingType: .profile, participantCount: 0,
              nextPosition: 1)
            _ = try tx.insert(unpinned, as: held, pinning: ConversationPin(configurationId: configurationId, version: 1, override: nil))
          }
        },
      ]
      for write in writes {
        let error = await #expect(throws: (any Error).self) { try await write() }
        #expect(error is ParleyError == false)
      }
    }
  }

  @Test("A conversation counts at most 100 participants (B-PART-7)", arguments: TestDatabase.kinds)
  func participantsMax(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let held = try await samples.heldConversation(of: account, in: database)
      let participants = try (0..<101).map { _ in try samples.participant(in: held.id, of: account) }
      try await database.write(for: account) { tx in for participant in participants.prefix(100) { try tx.add(participant) } }
      await #expect(throws: (any Error).self) { try await database.write(for: account) { tx in try tx.add(participants[100]) } }
      let (now, members) = try await database.write(for: account) { tx in
        (try tx.lockConversation(held.id), try tx.members(of: held.id).count)
      }
      #expect(now?.participantCount == 100)
      #expect(now?.nextPosition == 101)
      #expect(members == 100)
    }
  }

  // MARK: - Accounts and keys

  @Test("An account is added once, found by its id and listed by age", arguments: TestDatabase.kinds)
  func accounts(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let (young, old) = (
        Account(id: samples.accountID(), name: "young ☎", createdAt: Samples.now),
        Account(id: samples.accountID(), name: "old", createdAt: Timestamp(milliseconds: Samples.now.milliseconds - 1))
      )
      for account in [young, old] {
        #expect(try await database.writeSystem { tx in try tx.insert(AccountCredentials(account: account, sealedToken: "s")) })
      }
      #expect(try await database.writeSystem { tx in try tx.insert(AccountCredentials(account: young, sealedToken: "x")) } == false)
      let found = try await database.readSystem { tx in try tx.account(young.id) }
      #expect(found?.account.name == "young ☎")
      #expect(found?.account.createdAt == young.createdAt)
      #expect(found?.account.disabledAt == nil)
      #expect(found?.sealedToken == "s")
      #expect(try await database.readSystem { tx in try tx.accounts().map(\.id) } == [old.id, young.id])
      let unknown = samples.accountID()
      #expect(try await database.readSystem { tx in try tx.account(unknown) == nil })
    }
  }

  @Test("A token is replaced and an account disabled once, both for the account that is named", arguments: TestDatabase.kinds)
  func accountChanges(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let (account, other) = (try await samples.account(in: database), try await samples.account(in: database))
      let later = Timestamp(milliseconds: Samples.now.milliseconds + 5)
      #expect(try await database.writeSystem { tx in try tx.setToken("new", of: account) })
      #expect(try await database.writeSystem { tx in try tx.disable(account, at: Samples.now) })
      #expect(try await database.writeSystem { tx in try tx.disable(account, at: later) })
      let (changed, kept) = try await database.readSystem { tx in (try tx.account(account), try tx.account(other)) }
      #expect(changed?.sealedToken == "new")
      #expect(changed?.account.disabledAt == Samples.now)
      #expect(kept?.sealedToken == "sealed")
      #expect(kept?.account.disabledAt == nil)
      let unknown = samples.accountID()
      #expect(try await database.writeSystem { tx in try tx.setToken("new", of: unknown) } == false)
      #expect(try await database.writeSystem { tx in try tx.disable(unknown, at: later) } == false)
    }
  }

  @Test("A key is found with its hash and its account's state, listed by account, and revoked once", arguments: TestDatabase.kinds)
  func apiKeys(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let (account, other) = (try await samples.account(in: database), try await samples.account(in: database))
      let keys = [account, account, other].enumerated().map { index, account in
        APIKey(
          id: APIKey.ID(random: Array(repeating: UInt8(index), count: 16)), accountId: account, name: "key \(index)",
          createdAt: Timestamp(milliseconds: Samples.now.milliseconds - Int64(index)))
      }
      try await database.writeSystem { tx in for key in keys { try tx.insert(key, secretHash: "hash of \(key.name)") } }
      let found = try await database.readSystem { tx in try tx.apiKey(keys[0].id) }
      #expect(found?.key.accountId == account)
      #expect(found?.key.name == "key 0")
      #expect(found?.key.createdAt == Samples.now)
      #expect(found?.secretHash == "hash of key 0")
      #expect(found?.isAccountDisabled == false)
      #expect(try await database.readSystem { tx in try tx.apiKeys(of: account).map(\.id) } == [keys[1].id, keys[0].id])
      #expect(try await database.readSystem { tx in try tx.apiKeys(of: nil).map(\.id) } == [keys[2].id, keys[1].id, keys[0].id])

      let later = Timestamp(milliseconds: Samples.now.milliseconds + 5)
      #expect(try await database.writeSystem { tx in try tx.revoke(keys[0].id, at: Samples.now) })
      #expect(try await database.writeSystem { tx in try tx.revoke(keys[0].id, at: later) })
      _ = try await database.writeSystem { tx in try tx.disable(other, at: later) }
      let (revoked, kept, disabled) = try await database.readSystem { tx in
        (try tx.apiKey(keys[0].id), try tx.apiKey(keys[1].id), try tx.apiKey(keys[2].id))
      }
      #expect(revoked?.key.revokedAt == Samples.now)
      #expect(kept?.key.revokedAt == nil)
      #expect(disabled?.isAccountDisabled == true)
      let unknown = APIKey.ID(random: Array(repeating: 99, count: 16))
      #expect(try await database.readSystem { tx in try tx.apiKey(unknown) == nil })
      #expect(try await database.writeSystem { tx in try tx.revoke(unknown, at: later) } == false)
    }
  }

  // MARK: - Operations and idempotency keys

  @Test("An operation is found again by its own account alone (B-AUTH-4)", arguments: TestDatabase.kinds)
  func operations(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let (account, other) = (try await samples.account(in: database), try await samples.account(in: database))
      let operation = Operation(completed: samples.id(), for: samples.id(), at: Samples.now)
      try await database.write(for: account) { tx in try tx.insert(operation) }
      let found = try await database.read(for: account, .statement) { tx in try tx.operation(operation.id) }
      #expect(found?.document == Stored(operation).document)
      #expect(try await database.read(for: other, .statement) { tx in try tx.operation(operation.id) == nil })
    }
  }

  @Test("An idempotency key keeps its first use for its account until that is too old (B-IDEM-2)", arguments: TestDatabase.kinds)
  func idempotencyKeys(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let (account, other) = (try await samples.account(in: database), try await samples.account(in: database))
      let accepted = (0..<2).map { index in
        AcceptedOperation(operationId: samples.id(), configurationId: samples.id(), statusURL: "http://localhost/\(index)")
      }
      let now = Samples.now
      let later = Timestamp(milliseconds: now.milliseconds + 1)
      let key = IdempotencyKey(text: "key", fingerprint: "first")
      let again = IdempotencyKey(text: "key", fingerprint: "second")
      #expect(try await database.write(for: account) { tx in try tx.remember(accepted[0], under: key, at: now, since: now) } == nil)

      let used = try await database.write(for: account) { tx in try tx.remember(accepted[1], under: again, at: later, since: now) }
      #expect(used?.fingerprint == "first")
      #expect(used?.accepted.operationId == accepted[0].operationId)
      #expect(used?.accepted.configurationId == accepted[0].configurationId)
      #expect(used?.accepted.statusURL == "http://localhost/0")

      #expect(try await database.write(for: other) { tx in try tx.remember(accepted[1], under: again, at: later, since: now) } == nil)
      func firstUse(by account: Account.ID) async throws -> String? {
        try await database.write(for: account) { tx in try tx.remember(accepted[0], under: again, at: later, since: now)?.fingerprint }
      }
      #expect(try await firstUse(by: account) == "first")
      #expect(try await firstUse(by: other) == "second")
      #expect(try await database.write(for: account) { tx in try tx.remember(accepted[1], under: again, at: later, since: later) } == nil)
      let renewed = try await database.write(for: account) { tx in try tx.remember(accepted[0], under: key, at: later, since: later) }
      #expect(renewed?.fingerprint == "second")
      #expect(renewed?.accepted.operationId == accepted[1].operationId)
    }
  }

  // MARK: - Texts

  @Test("Texts that only look alike are different keys (B-HTTP-8)", arguments: TestDatabase.kinds)
  func textsAreBytes(kind: TestDatabase.Kind) async throws {
    // K and the Kelvin sign; é in one code point and in two; upper and lower case; a space behind.
    let lookalikes = ["K", "\u{212A}", "k", "\u{E9}", "e\u{301}", "E\u{301}", "K ", " K"]
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let now = Samples.now
      for text in lookalikes {
        let accepted = AcceptedOperation(operationId: samples.id(), configurationId: samples.id(), statusURL: text)
        let key = IdempotencyKey(text: text, fingerprint: text)
        #expect(try await database.write(for: account) { tx in try tx.remember(accepted, under: key, at: now, since: now) } == nil)
        let used = try await database.write(for: account) { tx in try tx.remember(accepted, under: key, at: now, since: now) }
        #expect(used?.fingerprint.isSame(as: text) == true)

        // Each scope is one text and holds the same key, so that none is in another's way.
        let held = try await samples.heldConversation(of: account, in: database, scope: text)
        try await database.write(for: account) { tx in try tx.exchange([], for: [Array("same".utf8)], of: held) }
      }
      let owner = try await samples.heldConversation(of: account, in: database)
      let everybody = try lookalikes.map { try samples.participant([($0, $0)], in: owner.id, of: account) }
      try await database.write(for: account) { tx in
        for participant in everybody { try tx.add(participant) }
        try tx.exchange([], for: lookalikes.map { Array($0.utf8) }, of: owner)
      }
      let members = try await database.read(for: account, .snapshot) { tx in try tx.members(of: owner.id) }
      #expect(members.map { $0.addresses.map { Array($0.normalForm.utf8) } } == lookalikes.map { [Array($0.utf8)] })
      for text in lookalikes {
        let filter = ConversationFilter(channelId: text)
        let page = try await database.read(for: account, .snapshot) { tx in try tx.conversations(filter, PageRequest()) }
        #expect(page.count == 1)
      }
      let filter = ConversationFilter(channelId: "e")
      #expect(try await database.read(for: account, .snapshot) { tx in try tx.conversations(filter, PageRequest()).count } == 0)
    }
  }

  @Test("Texts come back byte for byte, NUL and the ends of Unicode among them (B-HTTP-9)", arguments: TestDatabase.kinds)
  func textsAreKept(kind: TestDatabase.Kind) async throws {
    let texts = ["", "\0", "a\0b", "'\"\\$1;--", "\u{7F}\u{80}\u{FFFF}", "\u{10FFFF}", "e\u{301}", String(repeating: "☎", count: 256)]
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let held = try await samples.heldConversation(of: account, in: database)
      for text in texts {
        let conversation = try samples.conversation(of: account, name: text)
        let participant = try samples.participant(name: text, in: held.id, of: account)
        try await database.write(for: account) { tx in
          _ = try Samples.insert(conversation, tx)
          try tx.add(participant)
        }
        let (kept, member) = try await database.read(for: account, .snapshot) { tx in
          (try tx.conversation(conversation.id)?.value().name, try tx.participant(participant.id, of: held.id)?.value().name)
        }
        #expect(kept?.isSame(as: text) == true)
        #expect(member?.isSame(as: text) == true)
      }
    }
  }
}
