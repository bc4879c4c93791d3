import Foundation
import ParleyDomain
import ParleyStorage

/// A real database for one test, empty but for its schema, in a fresh folder that is gone when the test ends.
package final class TestDatabase: Sendable {
  /// A kind of database that the product runs on.
  package enum Kind: String, Sendable {
    case sqlite = "SQLite"
    case postgres = "PostgreSQL"
  }

  /// The kinds that tests of all databases run on.
  package static let kinds: [Kind] = [.sqlite, .postgres]

  /// The key check of databases that are opened without a seal of their own.
  package static let keyCheck = "test key check"

  package let database: any Database
  /// The test's own folder; other files of the test may go there too.
  package let folder: URL
  /// Where the database file is, if it is one.
  package var path: String { Self.path(in: folder) }
  /// The URL by which others open the same database.
  package let url: String

  /// Opens a fresh database; whoever calls this calls `end` too.
  package init(_ kind: Kind = .sqlite, seal: (_ keyCheck: String?) throws -> String = { $0 ?? TestDatabase.keyCheck }) throws {
    folder = try Self.makeFolder()
    do {
      switch kind {
      case .sqlite: url = "sqlite:\(Self.path(in: folder))"
      case .postgres: url = try TestCluster.get().makePlace()
      }
      database = try Self.open(url, seal: seal)
    } catch {
      Self.remove(folder)
      throw error
    }
  }

  /// Opens a database once more, as another node of the same kind does.
  package static func open(
    _ url: String, as role: DatabaseRole = .server, seal: (_ keyCheck: String?) throws -> String = { $0 ?? TestDatabase.keyCheck }
  ) throws -> any Database {
    guard let location = DatabaseLocation(url) else { throw StartFailure("\(url) is no URL") }
    return try location.open(as: role, connections: 10, migrates: true, seal: seal)
  }

  /// Closes the database and removes it and the folder.
  package func end() async {
    await database.close()
    if case .postgres = DatabaseLocation(url) { try? TestCluster.get().drop(url) }
    Self.remove(folder)
  }

  /// Runs a test on a fresh database, which ends with it.
  package static func with<Answer>(_ kind: Kind = .sqlite, _ test: (any Database) async throws -> Answer) async throws -> Answer {
    let opened = try TestDatabase(kind)
    do {
      let answer = try await test(opened.database)
      await opened.end()
      return answer
    } catch {
      await opened.end()
      throw error
    }
  }

  /// Runs a test in a fresh folder, which is gone when the test ends.
  package static func withFolder<Answer>(_ test: (_ folder: URL) async throws -> Answer) async throws -> Answer {
    let folder = try makeFolder()
    defer { remove(folder) }
    return try await test(folder)
  }

  private static func makeFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("parley-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    return folder
  }

  private static func remove(_ folder: URL) { try? FileManager.default.removeItem(at: folder) }

  private static func path(in folder: URL) -> String { folder.appendingPathComponent("parley.db").path }
}
