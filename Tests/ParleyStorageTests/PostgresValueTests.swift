import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyStorage

/// Texts on PostgreSQL: any that a caller may send is a question without an error, the longest fit, and bytes decide.
@Suite("PostgreSQL values", .timeLimit(.minutes(10)))
struct PostgresValueTests {
  private let samples = Samples()

  // MARK: - NUL

  @Test("A text with NUL finds nothing and is no error")
  func nul() async throws {
    try await TestDatabase.with(.postgres) { database in
      let account = try await samples.account(in: database)
      let held = try await samples.heldConversation(of: account, in: database)
      let participant = try samples.participant([("a", "call")], in: held.id, of: account)
      try await database.write(for: account) { tx in _ = try tx.add(participant) }
      for channelId in ["\0", "call\0", "\0call", "ca\0ll", "\0\0\0"] {
        let filter = ConversationFilter(statuses: [], channelId: channelId)
        let page = try await database.read(for: account, .snapshot) { tx in
          try tx.conversations(filter, PageRequest(size: 10, cursor: nil))
        }
        #expect(page.items.isEmpty)
      }
      let found = try await database.read(for: account, .snapshot) { tx in
        try tx.conversations(ConversationFilter(statuses: [], channelId: "call"), PageRequest(size: 10, cursor: nil))
      }
      #expect(!found.items.isEmpty)
    }
  }

  @Test("Texts of every kind, empty ones among them, and numbers at both ends come back as they went")
  func roundTrip() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1)
      let texts = [
        "", "a", "'", "\\", "\"$1", "%s\u{7F}", "\u{1}\u{1F}", "é", "e\u{301}", "💡\u{10FFFF}", String(repeating: "long ", count: 100_000),
      ]
      for text in texts {
        let answers = try await database.ask { connection in
          try connection.all("SELECT \(text), \(Array(text.utf8))") { [$0.bytes(0), $0.bytes(1), Array($0.text(0).utf8)] }
        }
        #expect(answers == [[Array(text.utf8), Array(text.utf8), Array(text.utf8)]])
      }
      for number in [0, 1, -1, Int64.max, Int64.min] {
        #expect(try await database.ask { connection in try connection.one("SELECT \(number)") { $0.integer(0) } } == number)
      }
      let nothing = try await database.ask { connection in
        try connection.one("SELECT \(nil as String?)::text, \(nil as Int64?)::bigint, \(nil as [UInt8]?)::text, ''") { row in
          [row.isNull(0), row.isNull(1), row.isNull(2), row.isNull(3)]
        }
      }
      #expect(nothing == [true, true, true, false])
    }
  }

  // MARK: - The longest keys

  @Test("The longest addresses and channel ids that a caller may send fit into the indexes, alone and in pairs under the longest scope")
  func longestKeys() async throws {
    try await TestDatabase.with(.postgres) { database in
      let account = try await samples.account(in: database)
      let scope = HeldConversation.inlineScope(memoryStoreId: "mem_service_" + Samples.store.suffix(26), groupingType: .addressesAndChannel)
      let conversation = try samples.conversation(of: account)
      let held = try await database.write(for: account) { tx in try Samples.insert(conversation, scope: scope, tx) }
      let customer = try samples.participant(
        [(Self.text(Address.charactersMax), Self.text(Address.channelIdCharactersMax))], in: held.id, of: account)
      let agent = try samples.participant(
        [(Self.text(Address.charactersMax), Self.text(Address.channelIdCharactersMax))], type: .humanAgent, in: held.id, of: account)
      let (members, keys) = try await database.write(for: account) { tx in
        try tx.add(customer)
        let alone = try #require(Grouping.keys(of: tx.members(of: held.id), by: .addressesAndChannel))
        try tx.exchange([], for: Array(alone), of: held)
        try tx.add(agent)
        let members = try tx.members(of: held.id)
        let keys = try #require(Grouping.keys(of: members, by: .addressesAndChannel))
        try tx.exchange(Array(alone), for: Array(keys), of: held)
        return (members, keys)
      }
      #expect(members.map { $0.addresses.map(\.normalForm) } == [customer, agent].map { $0.addresses.map(\.text) })
      #expect(keys.map(\.count) == ["pair\tCHAT\t".utf8.count + 2 * 4 * Address.charactersMax + 1])

      // The index finds them, and the other one of the same two is in the way.
      let other = try await samples.heldConversation(of: account, in: database, scope: scope)
      await #expect(throws: ParleyError.conflict(.grouping(with: held.id))) {
        try await database.write(for: account) { tx in try tx.exchange([], for: Array(keys), of: other) }
      }
      for channelId in [customer, agent].flatMap(\.channelIds) {
        let page = try await database.read(for: account, .snapshot) { tx in
          try tx.conversations(ConversationFilter(statuses: [], channelId: channelId), PageRequest(size: 10, cursor: nil))
        }
        #expect(!page.items.isEmpty)
      }
    }
  }

  @Test("The longest idempotency key, profile and bridged service fit")
  func otherKeys() async throws {
    try await TestDatabase.with(.postgres) { database in
      let account = try await samples.account(in: database)
      let key = IdempotencyKey(text: "5f0c9a52-7f43-4c1e-9a9e-2d1b8a6c4e10", fingerprint: String(repeating: "f", count: 64))
      let accepted = AcceptedOperation(operationId: samples.id(), configurationId: samples.id(), statusURL: Self.text(2048))
      let (configuration, draft) = try samples.configuration(bridge: "IS" + String(repeating: "0123456789abcdef", count: 2))
      let held = try await samples.heldConversation(of: account, in: database, scope: configuration.id.text)
      try await database.write(for: account) { tx in
        #expect(try tx.remember(accepted, under: key, at: Samples.now, since: Samples.now) == nil)
        #expect(try tx.insert(configuration, of: draft) == nil)
        try tx.exchange([], for: [Array("profile\tmem_profile_00000000000000000000000001".utf8)], of: held)
      }
      let remembered = try await database.write(for: account) { tx in
        try tx.remember(accepted, under: key, at: Samples.now, since: Samples.now)
      }
      #expect(remembered?.accepted.statusURL == accepted.statusURL)
    }
  }

  /// A text of four bytes a character that can't be compressed, or an index would hold it at any length.
  private static func text(_ count: Int) -> String {
    var text = String.UnicodeScalarView()
    while text.count < count {
      if let scalar = Unicode.Scalar(UInt32.random(in: 0x10000...0x10FFFF)) { text.append(scalar) }
    }
    return String(text)
  }

  // MARK: - Order

  @Test("Every text of every table is compared and ordered by its bytes, in the tables and in their indexes")
  func collation() async throws {
    try await PostgresPlace.with { place async throws in
      _ = try place.open()
      let columns = try place.texts(
        """
        SELECT relname || '.' || attname || ' ' || collname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
          JOIN pg_collation ON pg_collation.oid = attcollation
        WHERE relnamespace = \(place.name)::regnamespace AND attnum > 0
        """)
      #expect(columns.count > 80)
      #expect(columns.filter { !$0.hasSuffix(" C") } == [])
      let types = try place.texts(
        """
        SELECT DISTINCT data_type || ' ' || coalesce(collation_name, '') FROM information_schema.columns
        WHERE table_schema = \(place.name) ORDER BY 1
        """)
      #expect(types == ["bigint ", "text C"])
    }
  }

  @Test("Ids and keys are ordered as their bytes are, whatever the database's own order is")
  func order() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1)
      let names = ["b", "B", "a", "A", "_", "-", "~", "é", "z", "Z", "0", "conv_9", "conv_A", "conv_a", "conv__"]
      try await database.writeSystem { tx in
        for name in names {
          try tx.connection.send("INSERT INTO account (id, name, sealed_token, created_at) VALUES (\(name), '', '', 0)")
        }
      }
      let ordered = try await database.readSystem { tx in try tx.connection.all("SELECT id FROM account ORDER BY id") { $0.text(0) } }
      #expect(ordered == names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
      let greatest = try await database.readSystem { tx in try tx.connection.one("SELECT max(id) FROM account") { $0.text(0) } }
      #expect(greatest == "é")
    }
  }
}
