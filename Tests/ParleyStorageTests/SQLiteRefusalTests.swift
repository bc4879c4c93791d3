import CSQLite
import Foundation
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyStorage

/// What lies beside a database's file or on the way to it, and what is said of it.
@Suite("SQLite refusals")
struct SQLiteRefusalTests {
  private let samples = Samples()

  // MARK: - Folders

  /// Places of a new database seen from a folder with `link` to `far/away`, and where the kernel puts the file.
  private static let places = [
    ("link/../new.db", "far/new.db"), ("link/../data/new.db", "far/data/new.db"), ("link/../../new.db", "new.db"),
    ("link/sub/../../new.db", "far/new.db"), ("link/new/deep/new.db", "far/away/new/deep/new.db"), ("link//..//./new.db", "far/new.db"),
    ("link/missing/../new.db", "far/away/new.db"),
  ]

  @Test("A new database, and what lies beside it, is made where the kernel finds its path", arguments: places)
  func linkedFolders(place: String, real: String) async throws {
    for role in [DatabaseRole.server, .command] {
      try await TestDatabase.withFolder { folder in
        let folder = folder.resolvingSymlinksInPath().path
        try FileManager.default.createDirectory(atPath: folder + "/far/away/sub", withIntermediateDirectories: true)
        symlink("far/away", folder + "/link")
        let path = folder + "/" + place
        let location = try #require(DatabaseLocation("sqlite:\(path)"))
        let database = try Self.open(path, role)
        #expect(FileID(path: folder + "/" + real) != nil && FileID(path: folder + "/" + real) == FileID(path: path))
        let beside = Folders.folder(of: folder + "/" + real)
        #expect(FileID(path: try #require(location.folder)) == FileID(path: beside))
        #expect(FileID(path: folder + "/" + real + ".lock") != nil)
        await database.close()
        try SQLiteDatabase.backUp(path, to: folder + "/link/../copies/copy.db")
        #expect(FileID(path: folder + "/far/copies/copy.db") != nil && FileID(path: folder + "/copies") == nil)
      }
    }
  }

  @Test(
    "The folder of a path is what its text says, without a part that only seems to be too much",
    arguments: [
      ("a", ".", "a"), ("a/b", "a", "b"), ("/a", "/", "a"), ("a/../b", "a/..", "b"), ("a//b", "a", "b"), ("a/b/", "a", "b"),
      ("/", "/", "/"),
      ("./a", ".", "a"), ("../a", "..", "a"), ("é/ü.db", "é", "ü.db"), ("e\u{301}/x", "e\u{301}", "x"),
    ])
  func parts(path: String, folder: String, name: String) {
    #expect(Array(Folders.folder(of: path).utf8) == Array(folder.utf8))
    if path != "/" { #expect(Array(Folders.name(of: path).utf8) == Array(name.utf8)) }
  }

  // MARK: - Companions

  @Test(
    "What SQLite would write into beside the database must be a file with one name",
    arguments: ["-wal", "-shm", "-journal"], ["hard link", "folder", "pipe"])
  func companions(ending: String, kind: String) async throws {
    try await Self.withPath { path in
      await (try Self.open(path)).close()
      let (name, other) = (path + ending, path + "-other")
      unlink(name)
      try Data("mine".utf8).write(to: URL(fileURLWithPath: other))
      switch kind {
      case "hard link": link(other, name)
      case "folder": mkdir(name, 0o700)
      default: mkfifo(name, 0o600)
      }
      for refused in [
        #expect(throws: StartFailure.self) { try Self.open(path) },
        #expect(throws: StartFailure.self) { try Self.open(path, .command) },
        #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(path, to: path + "-copy") },
        #expect(throws: StartFailure.self) { try DatabaseLocation.sqlite(path: path).schemaState() },
        #expect(throws: StartFailure.self) { try DatabaseLocation.sqlite(path: path).migrate() },
      ] {
        let said = refused?.description ?? ""
        #expect(said.contains(name) && said.contains(kind == "hard link" ? "2 names" : "it is a \(kind)"), "\(said)")
      }
      #expect(try String(contentsOfFile: other, encoding: .utf8) == "mine")
      remove(name)
      await (try Self.open(path)).close()
    }
  }

  // MARK: - Damage, and what is not

  @Test("A file that another process has locked is not called damaged")
  func locked() async throws {
    try await Self.withPath { path in
      await (try Self.open(path)).close()
      let other = try SQLiteConnection(path: path)
      try other.execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE")
      let refusal = #expect(throws: StartFailure.self) { try Self.open(path) }
      #expect(refusal?.description.contains("can't be used: database is locked") == true, "\(refusal?.description ?? "")")
      try other.execute("COMMIT")
    }
  }

  @Test("Damage is what SQLite says of the file, and nothing that it says of the machine")
  func damage() {
    for code in [SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_CORRUPT | 2 << 8] { #expect(SQLiteError(code: code, message: "").isDamage) }
    for code in [
      SQLITE_BUSY, SQLITE_LOCKED, SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_READONLY, SQLITE_IOERR, SQLITE_NOMEM, SQLITE_FULL, SQLITE_AUTH,
      SQLITE_IOERR | 17 << 8, SQLITE_READONLY | 8 << 8,
    ] { #expect(!SQLiteError(code: code, message: "").isDamage, "\(code)") }
  }

  @Test("While a server runs, nobody is told to remove its log, and nothing removes it", arguments: ["moved", "emptied"])
  func moved(_ how: String) async throws {
    try await Self.withPath { path in
      let server = try Self.open(path)
      _ = try await samples.account(in: server)
      rename(path, path + "-moved")
      if how == "emptied" { try SQLiteFile.makeNew(path) }
      let log = try Data(contentsOf: URL(fileURLWithPath: path + "-wal"))
      let refused = #expect(throws: StartFailure.self) { try Self.open(path, .command) }
      #expect(refused?.description.contains("a server uses \(path)") == true, "\(refused?.description ?? "")")
      #expect(refused?.description.contains("remove") == false)
      #expect(throws: StartFailure.self) { try Self.open(path) }
      #expect(throws: StartFailure.self) { try DatabaseLocation.sqlite(path: path).schemaState() }
      #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(path, to: path + "-copy") }
      #expect(try Data(contentsOf: URL(fileURLWithPath: path + "-wal")) == log)
      unlink(path)
      rename(path + "-moved", path)
      await server.close()
    }
  }

  // MARK: - Parts

  private static func withPath(_ test: (_ path: String) async throws -> Void) async throws {
    try await TestDatabase.withFolder { folder in
      try await test(folder.resolvingSymlinksInPath().appendingPathComponent("parley.db").path)
    }
  }

  @discardableResult
  private static func open(_ path: String, _ role: DatabaseRole = .server) throws -> SQLiteDatabase {
    try SQLiteDatabase(path: path, role: role) { $0 ?? TestDatabase.keyCheck }
  }
}
