import Foundation
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyStorage

/// A whole installation moves from one database to another.
@Suite struct DatabaseCopyTests {
  private static let pairs: [(TestDatabase.Kind, TestDatabase.Kind)] = [(.sqlite, .postgres), (.postgres, .sqlite), (.sqlite, .sqlite)]

  @Test("The copied tables are those of the schema, with all their columns and keys")
  func tables() async throws {
    try await TestDatabase.withFolder { folder in
      let path = folder.appendingPathComponent("a.db").path
      _ = try SQLiteDatabase.migrate(path)
      let connection = try SQLiteConnection(path: path)
      let names = try connection.all("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'parley_schema' ORDER BY rowid") {
        $0.text(0)
      }
      #expect(Set(names) == Set(SchemaTable.all.map(\.name)) && names.count == SchemaTable.all.count)
      for table in SchemaTable.all {
        let columns = try connection.all(SQL(text: "SELECT name, type, pk FROM pragma_table_info($1)", values: [.text(table.name)])) {
          (name: $0.text(0), type: $0.text(1), key: $0.integer(2))
        }
        #expect(Set(columns.map(\.name)) == Set(table.columns), "\(table.name)")
        #expect(Set(columns.filter { $0.type == "BIGINT" }.map(\.name)) == table.numbers, "\(table.name)")
        #expect(columns.filter { $0.key > 0 }.sorted { $0.key < $1.key }.map(\.name) == table.key, "\(table.name)")
        // A table comes after those that it refers to.
        let referred = try connection.all(SQL(text: "SELECT \"table\" FROM pragma_foreign_key_list($1)", values: [.text(table.name)])) {
          $0.text(0)
        }
        let earlier = Set(SchemaTable.all.prefix { $0.name != table.name }.map(\.name))
        #expect(Set(referred).isSubset(of: earlier), "\(table.name)")
      }
    }
  }

  @Test("Every row of every table arrives, and the copy opens with the same key", arguments: pairs)
  func everything(from: TestDatabase.Kind, to: TestDatabase.Kind) async throws {
    try await Self.withPair(from, to) { source, target in
      try await Self.fill(source)
      await source.database.close()
      var told: [String] = []
      let copied = try DatabaseCopy.run(from: Self.location(source), to: Self.location(target)) { table, _ in
        if told.last != table { told.append(table) }
      }
      #expect(told == SchemaTable.all.map(\.name) + ["verification"])
      #expect(copied.map(\.rows) == [2, 1, 1, 1, 1, 1, 700, 3, 3, 3, 1, 0, 0, 0, 0, 0, 0])
      // Back again it is the same, digest by digest.
      try await Self.withPair(from, from) { _, back in
        let again = try DatabaseCopy.run(from: Self.location(target), to: Self.location(back)) { _, _ in }
        #expect(again == copied)
      }
      var seen: [String?] = []
      let opened = try TestDatabase.open(target.url) { check in
        seen.append(check)
        return check ?? "another"
      }
      #expect(seen == [TestDatabase.keyCheck])
      #expect(try await opened.readSystem { try $0.accounts().map(\.name) } == ["naïve 🧶", "test"])
      await opened.close()
    }
  }

  @Test("A target that has something in it is refused and stays as it is", arguments: pairs)
  func notEmpty(from: TestDatabase.Kind, to: TestDatabase.Kind) async throws {
    try await Self.withPair(from, to) { source, target in
      try await Self.fill(source)
      await source.database.close()
      let filling = try TestDatabase.open(target.url)
      let other = try await Samples().account(in: filling)
      await filling.close()
      let refusal = #expect(throws: StartFailure.self) {
        try DatabaseCopy.run(from: Self.location(source), to: Self.location(target)) { _, _ in }
      }
      #expect(refusal?.description.contains("not empty") == true)
      let opened = try TestDatabase.open(target.url)
      #expect(try await opened.readSystem { try $0.accounts().map(\.id) } == [other])
      await opened.close()
    }
  }

  @Test("A target that was sealed with another key is refused, and nothing was written into it", arguments: pairs)
  func otherKey(from: TestDatabase.Kind, to: TestDatabase.Kind) async throws {
    try await Self.withPair(from, to, targetKey: "of another key") { source, target in
      try await Self.fill(source)
      await source.database.close()
      let refusal = #expect(throws: StartFailure.self) {
        try DatabaseCopy.run(from: Self.location(source), to: Self.location(target)) { _, _ in }
      }
      #expect(refusal?.description.contains("another key") == true)
      let opened = try TestDatabase.open(target.url)
      #expect(try await opened.readSystem { try $0.accounts().isEmpty })
      await opened.close()
    }
  }

  @Test("A file that a server uses, a file that is not there and a database without tables are refused")
  func unfitSources() async throws {
    try await Self.withPair(.sqlite, .postgres) { source, target in
      let cases = [
        (source.url, "a server uses"), ("sqlite:\(source.folder.path)/none.db", "there is no database"),
        (try TestCluster.get().makePlace(), "no tables"),
      ]
      for (url, reason) in cases {
        let from = try #require(DatabaseLocation(url))
        let refusal = #expect(throws: StartFailure.self) { try DatabaseCopy.run(from: from, to: Self.location(target)) { _, _ in } }
        #expect(refusal?.description.contains(reason) == true, "\(String(describing: refusal))")
      }
    }
  }

  // MARK: - Installations

  /// Two fresh databases; the target's is closed, so that a command may have it.
  private static func withPair(
    _ from: TestDatabase.Kind, _ to: TestDatabase.Kind, targetKey: String? = nil, _ test: (TestDatabase, TestDatabase) async throws -> Void
  ) async throws {
    let source = try TestDatabase(from)
    let target = try TestDatabase(to) { targetKey ?? $0 ?? TestDatabase.keyCheck }
    do {
      if to == .sqlite { await target.database.close() }
      try await test(source, target)
    } catch {
      Issue.record(error)
    }
    await source.end()
    await target.end()
  }

  private static func location(_ database: TestDatabase) throws -> DatabaseLocation { try #require(DatabaseLocation(database.url)) }

  /// Rows in every table, more than one batch of them in one, and one that is bigger than a batch.
  private static func fill(_ source: TestDatabase) async throws {
    let samples = Samples()
    let database = source.database
    let account = try await samples.account(in: database)
    let other = Account(id: samples.accountID(), name: "naïve 🧶", createdAt: Samples.now.hoursBefore(1))
    _ = try await database.writeSystem { try $0.insert(AccountCredentials(account: other, sealedToken: "sealed")) }
    let key = APIKey(id: APIKey.ID(random: Array(repeating: 9, count: 16)), accountId: account, name: "ci", createdAt: Samples.now)
    try await database.writeSystem { try $0.insert(key, secretHash: "hash") }
    let (configuration, draft) = try samples.configuration(bridge: "IS00000000000000000000000000000001")
    let operation = Operation(completed: samples.id(), for: configuration.id, at: Samples.now)
    let accepted = AcceptedOperation(
      operationId: operation.id, configurationId: configuration.id, statusURL: "https://parley.example/\u{7F}")
    try await database.write(for: account) { tx in
      _ = try tx.remember(accepted, under: IdempotencyKey(text: "key", fingerprint: "print"), at: Samples.now, since: Samples.now)
      _ = try tx.insert(configuration, of: draft)
      try tx.insert(operation)
    }
    let held = try await samples.heldConversation(of: account, in: database)
    try await database.write(for: account) { tx in
      try tx.exchange([], for: [Array("pair\tä\tb".utf8)], of: held)
      for number in 0..<3 {
        let name = number == 1 ? String(repeating: "long ", count: 3_000_000) : "a"
        try tx.add(samples.participant([("address \(number)", "channel \(number)")], name: name, in: held.id, of: account))
      }
    }
    let conversations = try (1..<700).map { try samples.conversation(of: account, name: "talk \($0)") }
    try await database.write(for: account) { tx in for conversation in conversations { _ = try Samples.insert(conversation, tx) } }
  }
}
