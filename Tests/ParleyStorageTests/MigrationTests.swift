import CSQLite
import Foundation
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyStorage

/// The steps of the schema, and which binary may use which.
@Suite("Migrations")
struct MigrationTests {
  /// One line for each step that was released: its number, the oldest binary that may use what it makes, and the digest of its text.
  private static let released = [
    Released(number: 1, oldestCompatible: 1, digest: "d611c342f35520cf"),
    Released(number: 2, oldestCompatible: 2, digest: "96a3bb602442b96c"),
    Released(number: 3, oldestCompatible: 3, digest: "6dbe7cdf668becad"),
    Released(number: 4, oldestCompatible: 4, digest: "bcefa8f85702be07"),
    Released(number: 5, oldestCompatible: 4, digest: "2871b6189243042b"),
  ]

  private struct Released: Equatable {
    let number: Int64
    let oldestCompatible: Int64
    let digest: String
  }

  @Test("No step that was released has changed")
  func frozen() {
    let now = Migration.all.map { Released(number: $0.number, oldestCompatible: $0.oldestCompatible, digest: Self.digest($0.text)) }
    #expect(
      now == Self.released,
      "Databases out there have taken these steps as they were: a change of the schema is a new step. A new one gets a line in this test.")
  }

  @Test("Steps are numbered from 1 without a gap, and none asks for a newer binary than its own")
  func numbers() {
    #expect(Migration.all.map(\.number) == Array(1...Migration.newest))
    #expect(Migration.all.allSatisfy { (1...$0.number).contains($0.oldestCompatible) })
    #expect(Migration.all.map(\.oldestCompatible) == Migration.all.map(\.oldestCompatible).sorted())
    #expect(Schema.number == Migration.newest)
  }

  @Test("From an empty file and from each earlier schema a server gets to the same one", arguments: 0..<Migration.newest)
  func steps(from number: Int64) async throws {
    try await withPath { path in
      let fresh = path + "-fresh"
      await (try Self.open(fresh)).close()
      try Self.make(path, upTo: number)
      let database = try Self.open(path)
      let schema = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
      let read = { @Sendable (row: any Row) in [row.text(0), row.text(1), row.text(2)] }
      let made = try await database.readSystem { tx in try tx.connection.all(SQL(stringLiteral: schema), read) }
      let expected = try SQLiteConnection(path: fresh).all(SQL(stringLiteral: schema), read)
      #expect(made == expected)
      #expect(made.count > 10)
      #expect(try await database.readSystem { tx in try tx.schemaNumber() } == Migration.newest)
      await database.close()
      let row = try Self.schemaRow(path)
      #expect(row?.number == Migration.newest)
      #expect(row?.oldest == Migration.all.last?.oldestCompatible)
    }
  }

  @Test("A step that fails leaves the file as it was before the step, and the next start takes it")
  func failedStep() async throws {
    try await withPath { path in
      try SQLiteFile.makeIfMissing(path)
      let connection = try SQLiteConnection(path: path)
      try connection.execute("PRAGMA max_page_count = 10")
      #expect(throws: SQLiteError.self) { try SQLiteSchema(connection: connection, path: path).prepare { $0 ?? TestDatabase.keyCheck } }
      #expect(!connection.isInTransaction)
      #expect(try SQLiteSchema(connection: connection, path: path).isMissing())
      await (try Self.open(path)).close()
      #expect(try Self.schemaRow(path)?.number == Migration.newest)
    }
  }

  // MARK: - Other binaries

  @Test("A server uses a newer schema whose maker says that it may, and changes nothing of it")
  func newerAndCompatible() async throws {
    try await withPath { path in
      let first = try Self.open(path)
      let account = try await Samples().account(in: first)
      await first.close()
      try Self.setSchema(path, number: Migration.newest + 1, oldest: Migration.newest)
      let database = try Self.open(path)
      #expect(try await database.readSystem { tx in try tx.accounts().map(\.id) } == [account])
      await database.close()
      #expect(try Self.schemaRow(path)?.number == Migration.newest + 1)
      #expect(try Self.schemaRow(path)?.oldest == Migration.newest)
    }
  }

  @Test("A server refuses a newer schema whose maker does not say that it may, and says so by name")
  func newerAndIncompatible() async throws {
    try await withPath { path in
      await (try Self.open(path)).close()
      try Self.setSchema(path, number: Migration.newest + 2, oldest: Migration.newest + 1)
      let refusal = #expect(throws: StartFailure.self) { try Self.open(path) }
      #expect(refusal?.description.contains(path) == true)
      #expect(refusal?.description.contains("schema \(Migration.newest + 2)") == true)
      #expect(refusal?.description.contains("newer") == true)
      #expect(try Self.schemaRow(path)?.number == Migration.newest + 2)
    }
  }

  @Test("A command and a backup refuse every schema that is not their own, also one that a server would use")
  func commands() async throws {
    try await withPath { path in
      await (try Self.open(path)).close()
      // No earlier schema than 1 has been released, so the older one here has a number that none had.
      for (number, oldest) in [(Migration.newest + 1, Migration.newest), (Migration.newest + 1, Migration.newest + 1), (-1, -1)] {
        try Self.setSchema(path, number: number, oldest: oldest)
        let refusals = [
          #expect(throws: StartFailure.self) { try Self.open(path, .command) },
          #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(path, to: path + "-copy") },
        ]
        for refusal in refusals { #expect(refusal?.description.contains(path) == true) }
        #expect(try Self.schemaRow(path)?.number == number)
        #expect(!FileManager.default.fileExists(atPath: path + "-copy"))
      }
    }
  }

  @Test("A file that does not say which schema it has is refused")
  func silent() async throws {
    try await withPath { path in
      await (try Self.open(path)).close()
      try SQLiteConnection(path: path).execute("DELETE FROM parley_schema")
      for role in [DatabaseRole.server, .command] {
        let refusal = #expect(throws: StartFailure.self) { try Self.open(path, role) }
        #expect(refusal?.description.contains(path) == true)
      }
    }
  }

  // MARK: - The key

  @Test(
    "The first to open a database leaves a key check, which everyone after gets to see", arguments: [DatabaseRole.server, .command])
  func keyCheck(first: DatabaseRole) async throws {
    try await withPath { path in
      let made = try SQLiteDatabase(path: path, role: first) { kept in
        #expect(kept == nil)
        return "of the first key"
      }
      await made.close()
      for role in [DatabaseRole.server, .command] {
        var seen: [String?] = []
        let database = try SQLiteDatabase(path: path, role: role) { kept in
          seen.append(kept)
          return "of another"
        }
        await database.close()
        #expect(seen == ["of the first key"])
      }
      #expect(try SQLiteConnection(path: path).one("SELECT key_check FROM parley_schema") { $0.text(0) } == "of the first key")
    }
  }

  @Test("Whoever has another key is refused with its own reason, and the right key works afterwards")
  func wrongKey() async throws {
    try await withPath { path in
      await (try Self.open(path)).close()
      for role in [DatabaseRole.server, .command] {
        let refusal = #expect(throws: StartFailure.self) {
          try SQLiteDatabase(path: path, role: role) { _ in throw StartFailure("this is not the key") }
        }
        #expect(refusal?.description == "this is not the key")
      }
      await (try Self.open(path)).close()
    }
  }

  @Test("A seal that fails at the very first start leaves no check, so that the next key is the first")
  func firstKeyFails() async throws {
    try await withPath { path in
      #expect(throws: StartFailure.self) { try SQLiteDatabase(path: path, role: .server) { _ in throw StartFailure("no key") } }
      var seen: [String?] = []
      let database = try SQLiteDatabase(path: path, role: .server) { kept in
        seen.append(kept)
        return "first"
      }
      await database.close()
      #expect(seen == [nil])
    }
  }

  @Test("Nobody writes while a database is sealed; who seals it at the same time is checked against what the first one kept")
  func twoFirstKeys() async throws {
    try await withPath { path in
      try Self.make(path, upTo: Migration.newest)
      let other = try SQLiteConnection(path: path)
      try other.execute("PRAGMA busy_timeout = 0")
      var seen: [String?] = []
      var second: Task<String?, any Error>?
      let database = try SQLiteDatabase(path: path, role: .command) { kept in
        seen.append(kept)
        let refused = #expect(throws: SQLiteError.self) { try other.execute("UPDATE parley_schema SET key_check = 'of the other'") }
        #expect(refused?.primary == SQLITE_BUSY)
        second = Task.detached { [path] in
          var found: String?
          await
            (try SQLiteDatabase(path: path, role: .command) { kept in
              found = kept
              return kept ?? "of the second"
            }).close()
          return found
        }
        return "mine"
      }
      #expect(seen == [nil])
      #expect(try await second?.value == "mine")
      await database.close()
    }
  }

  // MARK: - Parts

  private func withPath(_ test: (_ path: String) async throws -> Void) async throws {
    try await TestDatabase.withFolder { folder in try await test(folder.appendingPathComponent("parley.db").path) }
  }

  @discardableResult
  private static func open(_ path: String, _ role: DatabaseRole = .server) throws -> SQLiteDatabase {
    try SQLiteDatabase(path: path, role: role) { $0 ?? TestDatabase.keyCheck }
  }

  /// Makes a file as a binary left it that knew the steps up to a number.
  private static func make(_ path: String, upTo number: Int64) throws {
    try SQLiteFile.makeIfMissing(path)
    let connection = try SQLiteConnection(path: path)
    for step in Migration.all where step.number <= number { try connection.execute(step.text) }
    guard number > 0 else { return }
    let oldest = Migration.all.last { $0.number <= number }?.oldestCompatible
    _ = try connection.run("INSERT INTO parley_schema (id, number, oldest_compatible) VALUES (1, \(number), \(oldest))")
  }

  private static func setSchema(_ path: String, number: Int64, oldest: Int64) throws {
    _ = try SQLiteConnection(path: path).run("UPDATE parley_schema SET number = \(number), oldest_compatible = \(oldest)")
  }

  private static func schemaRow(_ path: String) throws -> (number: Int64, oldest: Int64)? {
    try SQLiteConnection(path: path).one("SELECT number, oldest_compatible FROM parley_schema") { ($0.integer(0), $0.integer(1)) }
  }

  /// FNV-1a of 64 bits: enough to notice an edit.
  private static func digest(_ text: String) -> String {
    String(text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }, radix: 16)
  }
}
