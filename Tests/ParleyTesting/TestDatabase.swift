import Foundation
import ParleyDomain
import ParleyStorage

/// A real database for one test, empty but for its schema, in a fresh folder that is gone when the test ends.
package final class TestDatabase: Sendable {
  /// A kind of database that the product runs on.
  package enum Kind: String, Sendable {
    case sqlite = "SQLite"
  }

  /// The kinds that tests of all databases run on.
  package static let kinds: [Kind] = [.sqlite]

  /// The key check of databases that are opened without a seal of their own.
  package static let keyCheck = "test key check"

  package let database: any Database
  /// The test's own folder; other files of the test may go there too.
  package let folder: URL
  /// Where the database file is.
  package var path: String { Self.path(in: folder) }

  /// Opens a fresh database; whoever calls this calls `end` too.
  package init(_ kind: Kind = .sqlite, seal: (_ keyCheck: String?) throws -> String = { $0 ?? TestDatabase.keyCheck }) throws {
    folder = try Self.makeFolder()
    do {
      switch kind {
      case .sqlite: database = try SQLiteDatabase(path: Self.path(in: folder), role: .server, seal: seal)
      }
    } catch {
      Self.remove(folder)
      throw error
    }
  }

  /// Closes the database and removes the folder.
  package func end() async {
    await database.close()
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
