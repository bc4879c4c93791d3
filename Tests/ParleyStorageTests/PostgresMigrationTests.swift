import Foundation
import ParleyDomain
import ParleyTesting
import Synchronization
import Testing

@testable import ParleyStorage

/// The schema of PostgreSQL databases: who makes it, who may use it, and that it is SQLite's.
@Suite("PostgreSQL migrations", .timeLimit(.minutes(10)))
struct PostgresMigrationTests {
  // MARK: - Making it

  @Test("A server and a command make the schema in an empty database, and note it", arguments: [DatabaseRole.server, .command])
  func empty(role: DatabaseRole) async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(as: role)
      #expect(try await database.readSystem { tx in try tx.schemaNumber() } == Migration.newest)
      #expect(try place.schemaRow == "\(Migration.newest) \(Migration.all.last?.oldestCompatible ?? 0) \(TestDatabase.keyCheck)")
      // Once more changes nothing.
      _ = try place.open(as: role)
      #expect(try place.schemaRow == "\(Migration.newest) \(Migration.all.last?.oldestCompatible ?? 0) \(TestDatabase.keyCheck)")
    }
  }

  @Test("From each earlier schema a server gets to the same one, and a command refuses", arguments: 0..<Migration.newest)
  func steps(from number: Int64) async throws {
    try await PostgresPlace.with { place async throws in
      for step in Migration.all where step.number <= number { try place.execute(PostgresSchema.text(of: step)) }
      if number > 0 {
        _ = try place.run("INSERT INTO parley_schema (id, number, oldest_compatible) VALUES (1, \(number), \(number))")
        #expect(throws: StartFailure.self) { try place.open(as: .command) }
      }
      #expect(try await place.open().readSystem { tx in try tx.schemaNumber() } == Migration.newest)
    }
  }

  @Test("Of many that start together on an empty database one makes the schema, and one the first key check")
  func together() async throws {
    try await PostgresPlace.with { place async throws in
      let fresh = Atomic<Int>(0)
      let outcomes = await concurrently(12) { index in
        try place.open(as: index.isMultiple(of: 3) ? .command : .server) { kept in
          if kept == nil { fresh.add(1, ordering: .relaxed) }
          return kept ?? "check \(index)"
        }
      }
      for case .failure(let error) in outcomes { Issue.record("\(error)") }
      #expect(fresh.load(ordering: .relaxed) == 1)
      #expect(try place.schemaRow?.contains("check") == true)
      #expect(try place.number("SELECT count(*) FROM parley_schema") == 1)
      // The lock, which those of other places take as well, is given back.
      while try place.advisoryLocks != 0 { await Task.yield() }
    }
  }

  @Test("Two that bring different first keys at the same time: one of them is told that the database has another")
  func togetherWithOtherKeys() async throws {
    try await PostgresPlace.with { place async throws in
      let outcomes = await concurrently(2) { index in
        try place.open { kept in
          guard kept ?? "key \(index)" == "key \(index)" else { throw StartFailure("another key") }
          return "key \(index)"
        }
      }
      let failures = outcomes.compactMap { if case .failure(let error) = $0 { error } else { nil } }
      #expect(failures.map { "\($0)" } == ["another key"])
    }
  }

  @Test("A step that fails leaves nothing, says why, and is taken by the next start")
  func failedStep() async throws {
    try await PostgresPlace.with { place async throws in
      try place.execute("CREATE TABLE participant (id BIGINT)")
      for role in [DatabaseRole.server, .command] {
        let refusal = #expect(throws: StartFailure.self) { try place.open(as: role) }
        #expect(refusal?.description.contains("participant") == true)
        #expect(refusal?.description.contains("postgres://parley@127.0.0.1:") == true)
        #expect(try place.texts("SELECT relname::text FROM pg_class WHERE relnamespace = \(place.name)::regnamespace") == ["participant"])
      }
      try place.execute("DROP TABLE participant")
      #expect(try await place.open().readSystem { tx in try tx.schemaNumber() } == Migration.newest)
    }
  }

  @Test("Where nobody may migrate, an empty database is refused, and one that has its schema is used")
  func mayNotMigrate() async throws {
    try await PostgresPlace.with { place async throws in
      for role in [DatabaseRole.server, .command] {
        let refusal = #expect(throws: StartFailure.self) { try place.open(as: role, migrates: false) }
        #expect(refusal?.description.contains("parley db migrate") == true)
      }
      #expect(try place.number("SELECT count(*) FROM pg_class WHERE relnamespace = \(place.name)::regnamespace") == 0)
      _ = try place.open()
      for role in [DatabaseRole.server, .command] {
        #expect(try await place.open(as: role, migrates: false).readSystem { tx in try tx.schemaNumber() } == Migration.newest)
      }
      try place.setSchema(number: Migration.newest - 1, oldest: 1)
      if Migration.newest > 1 { #expect(throws: StartFailure.self) { try place.open(migrates: false) } }
    }
  }

  // MARK: - Other binaries

  @Test("A server uses a newer schema whose maker says that it may, and changes nothing of it; a command refuses")
  func newerAndCompatible() async throws {
    try await PostgresPlace.with { place async throws in
      let account = try await Samples().account(in: place.open())
      try place.setSchema(number: Migration.newest + 1, oldest: Migration.newest)
      for migrates in [true, false] {
        #expect(try await place.open(migrates: migrates).readSystem { tx in try tx.accounts().map(\.id) } == [account])
      }
      let refusal = #expect(throws: StartFailure.self) { try place.open(as: .command) }
      #expect(refusal?.description.contains("schema \(Migration.newest + 1)") == true)
      #expect(try place.schemaRow?.hasPrefix("\(Migration.newest + 1) \(Migration.newest) ") == true)
    }
  }

  @Test("A newer schema whose maker does not say so is refused by name", arguments: [DatabaseRole.server, .command])
  func newerAndIncompatible(role: DatabaseRole) async throws {
    try await PostgresPlace.with { place async throws in
      _ = try place.open()
      try place.setSchema(number: Migration.newest + 2, oldest: Migration.newest + 1)
      let refusal = #expect(throws: StartFailure.self) { try place.open(as: role) }
      #expect(refusal?.description.contains("schema \(Migration.newest + 2)") == true)
      #expect(refusal?.description.contains("newer") == true)
      #expect(refusal?.description.contains("postgres://parley@127.0.0.1:") == true)
      #expect(try place.schemaRow?.hasPrefix("\(Migration.newest + 2) ") == true)
    }
  }

  @Test("A database that does not say which schema it has is refused", arguments: [DatabaseRole.server, .command])
  func silent(role: DatabaseRole) async throws {
    try await PostgresPlace.with { place async throws in
      _ = try place.open()
      try place.execute("DELETE FROM parley_schema")
      let refusal = #expect(throws: StartFailure.self) { try place.open(as: role) }
      #expect(refusal?.description.contains("damaged") == true)
    }
  }

  @Test("Whoever has another key is refused with its own reason, and the right key works afterwards")
  func wrongKey() async throws {
    try await PostgresPlace.with { place async throws in
      #expect(throws: StartFailure.self) { try place.open { _ in throw StartFailure("no key") } }
      _ = try place.open { kept in
        // The first, as nobody has left a check.
        #expect(kept == nil)
        return "first"
      }
      for role in [DatabaseRole.server, .command] {
        let refusal = #expect(throws: StartFailure.self) {
          try place.open(as: role) { kept in
            #expect(kept == "first")
            throw StartFailure("this is not the key")
          }
        }
        #expect(refusal?.description == "this is not the key")
      }
      _ = try place.open { try #require($0) }
    }
  }

  // MARK: - Rights

  @Test("A role without the rights is refused with a sentence, at each of the things that it lacks")
  func rights() async throws {
    try await PostgresPlace.with { place async throws in
      let role = try place.makeRole("")
      let url = place.url(as: role)
      func refusal() -> String { #expect(throws: StartFailure.self) { try place.open(url) }?.description ?? "" }
      #expect(refusal().contains(" can't be used: "))
      try place.execute("GRANT USAGE ON SCHEMA \(place.name) TO \(role)")
      #expect(refusal().contains("can't be used: permission denied for schema \(place.name)"))
      _ = try place.open()
      #expect(refusal().contains("can't be used: permission denied for table parley_schema"))
      // All that a node needs that does not migrate.
      try place.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \(place.name) TO \(role)")
      let database = try place.open(url, migrates: false)
      _ = try await Samples().account(in: database)
      // A server that may migrate needs no more if there is nothing to do.
      _ = try place.open(url)
    }
  }

  @Test("Rights that go while it runs make what needs them unavailable, and nothing else")
  func lostRights() async throws {
    try await PostgresPlace.with { place async throws in
      let role = try place.makeRole("")
      _ = try place.open()
      try place.execute(
        """
        GRANT USAGE ON SCHEMA \(place.name) TO \(role);
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \(place.name) TO \(role)
        """)
      let database = try place.open(place.url(as: role), connections: 1)
      let process = try await database.process()
      try place.execute("REVOKE SELECT ON account FROM \(role)")
      let error = await failure { _ = try await database.readSystem { tx in try tx.accounts() } }
      #expect(error.map(isUnavailable) == true)
      #expect(try await database.process() == process)
    }
  }

  // MARK: - The same as SQLite's

  @Test("Both kinds of database have the same tables, columns, defaults and keys")
  func sameSchema() async throws {
    try await PostgresPlace.with { place async throws in
      _ = try place.open()
      try await TestDatabase.withFolder { folder in
        let path = folder.appendingPathComponent("parley.db").path
        await (try SQLiteDatabase(path: path, role: .server) { $0 ?? TestDatabase.keyCheck }).close()
        let file = try SQLiteConnection(path: path)
        let columns = try file.all(
          """
          SELECT m.name || '.' || c.name || ' ' || lower(c.type) || CASE WHEN c."notnull" OR c.pk > 0 THEN ' not null' ELSE '' END
            || coalesce(' default ' || c.dflt_value, '')
          FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'
          """
        ) { $0.text(0) }
        let postgresColumns = try place.texts(
          """
          SELECT table_name || '.' || column_name || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END
            || coalesce(' default ' || column_default, '')
          FROM information_schema.columns WHERE table_schema = \(place.name)
          """)
        #expect(columns.count > 60)
        #expect(postgresColumns.sorted() == columns.sorted())

        let keys = try file.all(
          """
          SELECT m.name || CASE WHEN i."unique" THEN ' unique' ELSE '' END || CASE WHEN i.partial THEN ' partial' ELSE '' END
            || ' (' || (SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) || ')'
          FROM sqlite_master AS m, pragma_index_list(m.name) AS i WHERE m.type = 'table'
          """
        ) { $0.text(0) }
        let postgresKeys = try place.texts(
          """
          SELECT t.relname || CASE WHEN indisunique THEN ' unique' ELSE '' END || CASE WHEN indpred IS NULL THEN '' ELSE ' partial' END
            || ' (' || (SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = indexrelid) || ')'
          FROM pg_index JOIN pg_class AS t ON t.oid = indrelid WHERE t.relnamespace = \(place.name)::regnamespace
          """)
        #expect(keys.count > 15)
        #expect(postgresKeys.sorted() == keys.sorted())
      }
    }
  }
}

extension PostgresPlace {
  fileprivate func setSchema(number: Int64, oldest: Int64) throws {
    _ = try run("UPDATE parley_schema SET number = \(number), oldest_compatible = \(oldest)")
  }

  /// How many the product's sessions have.
  fileprivate var advisoryLocks: Int64? {
    get throws {
      try number(
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND application_name = \(name)")
    }
  }

  fileprivate var schemaRow: String? {
    get throws { try texts("SELECT number || ' ' || oldest_compatible || ' ' || coalesce(key_check, '') FROM parley_schema").first }
  }
}

/// Runs the work on so many threads at once.
private func concurrently<Answer: Sendable>(_ count: Int, _ work: @escaping @Sendable (Int) throws -> Answer) async
  -> [Result<Answer, any Error>]
{
  await withTaskGroup(of: Result<Answer, any Error>.self) { group in
    for index in 0..<count {
      group.addTask {
        await withCheckedContinuation { continuation in
          Thread.detachNewThread { continuation.resume(returning: Result { try work(index) }) }
        }
      }
    }
    return await group.reduce(into: []) { $0.append($1) }
  }
}
