import Foundation
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyStorage

/// The names of a database's file: links, other names, what is in its place, and what happens to them while it is used.
@Suite("SQLite place")
struct SQLitePlaceTests {
  private let samples = Samples()

  // MARK: - Links

  /// Names of `real/parley.db`, seen from the folder of the test.
  private static let names = ["link.db", "chain.db", "folder/parley.db", "real/../folder/./parley.db", "folder/../absolute.db"]

  @Test("A database is one database by whatever link it is named: its log, lock and account.env lie beside the file", arguments: names)
  func links(name: String) async throws {
    try await Self.withLinks { folder, path in
      let named = folder + "/" + name
      let server = try Self.open(named)
      let account = try await samples.account(in: server)
      #expect(throws: StartFailure.self) { try Self.open(path) }
      let command = try Self.open(path, .command)
      #expect(try await command.readSystem { tx in try tx.accounts().map(\.id) } == [account])
      await command.close()
      #expect(
        DatabaseLocation("sqlite:\(named)")?.folder.map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path } == folder + "/real")
      for ending in ["-wal", "-shm", ".lock"] {
        #expect(Self.isNamed(path + ending))
        for link in ["link.db", "chain.db", "absolute.db"] { #expect(!Self.isNamed("\(folder)/\(link)\(ending)")) }
      }
      try SQLiteDatabase.backUp(named, to: folder + "/copy.db")
      #expect(try DatabaseLocation("sqlite:\(named)")?.schemaState().pending == [])
      await server.close()
      let again = try Self.open(path)
      #expect(try await again.readSystem { tx in try tx.accounts().map(\.id) } == [account])
      await again.close()
    }
  }

  @Test("A link that is turned elsewhere while a server runs changes nothing for it")
  func turnedLink() async throws {
    try await Self.withLinks { folder, path in
      let server = try Self.open(folder + "/folder/parley.db")
      let account = try await samples.account(in: server)
      try FileManager.default.createDirectory(atPath: folder + "/other", withIntermediateDirectories: false)
      try FileManager.default.removeItem(atPath: folder + "/folder")
      symlink("other", folder + "/folder")
      let other = try await samples.account(in: server)
      #expect(Set(try await server.readSystem(.bulk) { tx in try tx.accounts().map(\.id) }) == [account, other])
      await server.close()
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/other").isEmpty)
    }
  }

  @Test("A file with a second name is refused: its log lies beside one of them only. The other name is no way past a running server")
  func hardLinks() async throws {
    try await Self.withPath { path in
      let server = try Self.open(path)
      _ = try await samples.account(in: server)
      let other = path + "-other"
      link(path, other)
      let second = #expect(throws: StartFailure.self) { try Self.open(other) }
      #expect(second?.description.contains("another server uses \(other)") == true)
      for refused in [
        #expect(throws: StartFailure.self) { try Self.open(other, .command) },
        #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(other, to: path + "-copy") },
        #expect(throws: StartFailure.self) { try DatabaseLocation.sqlite(path: other).schemaState() },
      ] { #expect(refused?.description.contains("2 names") == true) }
      #expect(throws: StartFailure.self) { try DatabaseLocation.sqlite(path: other).migrate() }
      await server.close()
      let alone = #expect(throws: StartFailure.self) { try Self.open(path) }
      #expect(alone?.description.contains("2 names") == true)
      try FileManager.default.removeItem(atPath: other)
      await (try Self.open(path)).close()
    }
  }

  // MARK: - Locks

  @Test("A command refuses the file of a running server by a name beside which neither its log nor its lock lies")
  func servedElsewhere() async throws {
    try await Self.withPath { path in
      let server = try Self.open(path)
      _ = try await samples.account(in: server)
      let moved = path + "-moved"
      rename(path, moved)
      func refused(_ use: () throws -> Void) {
        let failure = #expect(throws: StartFailure.self) { try use() }
        #expect(failure?.description.contains("under another name") == true, "\(failure as Any)")
      }
      refused { _ = try Self.open(moved, .command) }
      refused { try SQLiteDatabase.backUp(moved, to: path + "-copy") }
      refused { _ = try DatabaseLocation("sqlite:\(moved)")?.schemaState() }
      for name in [moved + "-wal", moved + ".lock", path + "-copy"] { #expect(!Self.isNamed(name)) }
      rename(moved, path)
      // By the server's own name, also where its lock's file was removed.
      for _ in 0..<2 {
        let command = try Self.open(path, .command)
        await command.close()
        unlink(path + ".lock")
      }
      await server.close()
      rename(path, moved)
      let command = try Self.open(moved, .command)
      #expect(try await command.readSystem { tx in try tx.accounts().count } == 1)
      await command.close()
    }
  }

  @Test("A second server is refused although the lock's file is removed, replaced by another, or the database moved", arguments: 0..<4)
  func lockRemoved(case number: Int) async throws {
    try await Self.withPath { path in
      let server = try Self.open(path)
      _ = try await samples.account(in: server)
      switch number {
      case 0: try FileManager.default.removeItem(atPath: path + ".lock")
      case 1:
        try Data().write(to: URL(fileURLWithPath: path + "-new"))
        rename(path + "-new", path + ".lock")
      case 2: rename(path + ".lock", path + ".lock-old")
      default: rename(path, path + "-moved")
      }
      let refusal = #expect(throws: StartFailure.self) { try Self.open(path) }
      #expect(refusal?.description.contains("another server") == true)
      if number == 3 { rename(path + "-moved", path) }
      let command = try Self.open(path, .command)
      #expect(try await command.readSystem { tx in try tx.accounts().count } == 1)
      for database in [command, server] { await database.close() }
    }
  }

  @Test("Of servers that start at the same instant one gets the file")
  func sameInstant() async throws {
    for _ in 0..<10 {
      try await Self.withPath { path in
        let opened = await withTaskGroup(of: SQLiteDatabase?.self) { group in
          for _ in 0..<8 { group.addTask { try? Self.open(path) } }
          return await group.reduce(into: [SQLiteDatabase]()) { if let database = $1 { $0.append(database) } }
        }
        #expect(opened.count == 1)
        for database in opened { await database.close() }
      }
    }
  }

  @Test("SQLite's own locks on the file outlive refused servers, backups and looks at it in the same process")
  func ownLocks() async throws {
    try await Self.withPath { path in
      let server = try Self.open(path)
      _ = try await samples.account(in: server)
      #expect(throws: StartFailure.self) { try Self.open(path) }
      #expect(try FileLock.take(path: path) == nil)
      try SQLiteFile.sync(path)
      try SQLiteDatabase.backUp(path, to: path + "-copy")
      await #expect(processExitsWith: .success) { [path = path as String] in
        let other = try SQLiteConnection(path: path)
        try other.execute("PRAGMA busy_timeout = 0")
        // That needs a lock that nobody gets while another process has the database open.
        let mode = try? other.one("PRAGMA journal_mode = DELETE") { $0.text(0) }
        #expect(mode != "delete")
      }
      _ = try await samples.account(in: server)
      await server.close()
      await #expect(processExitsWith: .success) { [path = path as String] in
        let mode = try SQLiteConnection(path: path).one("PRAGMA journal_mode = DELETE") { $0.text(0) }
        #expect(mode == "delete")
      }
    }
  }

  @Test("While another file has the name nothing is written and no connection is opened; when the own one is back all goes on")
  func replaced() async throws {
    try await Self.withPath { path in
      let server = try Self.open(path)
      let account = try await samples.account(in: server)
      rename(path, path + "-moved")
      for other in [nil, "", "a letter"] {
        if let other { try Data(other.utf8).write(to: URL(fileURLWithPath: path)) }
        let error = await #expect(throws: ParleyError.self) { _ = try await samples.account(in: server) }
        if case .unavailable(let cause) = error { #expect(cause.contains("moved or replaced")) } else { Issue.record("\(error as Any)") }
        if let other { #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(other.utf8)) }
        let file = try #require(FileID(path: path + "-moved"))
        await #expect(throws: (any Error).self) { try await SQLiteReaders(path: path, file: file).read(.statement) { _ in } }
      }
      rename(path + "-moved", path)
      let other = try await samples.account(in: server)
      #expect(Set(try await server.readSystem(.bulk) { tx in try tx.accounts().map(\.id) }) == [account, other])
      await server.close()
    }
  }

  // MARK: - What is no database

  @Test("What is no file is refused by name, and nothing is made beside it", arguments: [DatabaseRole.server, .command])
  func noFile(role: DatabaseRole) async throws {
    try await TestDatabase.withFolder { folder in
      let folder = folder.path
      symlink("nothing.db", folder + "/dangling.db")
      symlink("dangling.db", folder + "/chain.db")
      symlink("loop.db", folder + "/loop.db")
      mkfifo(folder + "/pipe.db", 0o600)
      symlink("pipe.db", folder + "/piped.db")
      symlink("/dev/null", folder + "/device.db")
      mkdir(folder + "/folder.db", 0o700)
      try Data("text".utf8).write(to: URL(fileURLWithPath: folder + "/letter"))
      let before = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      for name in [
        "dangling.db", "chain.db", "loop.db", "pipe.db", "piped.db", "device.db", "folder.db", "folder.db/", "letter/parley.db",
        "letter/", "dangling.db/parley.db",
      ] {
        let refusal = #expect(throws: StartFailure.self, "\(name)") { try Self.open(folder + "/" + name, role) }
        #expect(refusal?.description.contains(folder) == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == before, "\(name)")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/folder.db").isEmpty)
    }
  }

  @Test("A planted link is not written through, in the place of the lock or of a copy", arguments: ["planted", "/dev/null", "parley.db"])
  func planted(target: String) async throws {
    try await Self.withPath { path in
      await (try Self.open(path)).close()
      let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
      try FileManager.default.removeItem(atPath: path + ".lock")
      symlink(target, path + ".lock")
      let refusal = #expect(throws: StartFailure.self) { try Self.open(path) }
      #expect(refusal?.description.contains(path + ".lock") == true)
      symlink(target, path + "-copy")
      #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(path, to: path + "-copy") }
      #expect(throws: StartFailure.self) { try SQLiteFile.makeNew(path + "-copy") }
      symlink(target, folder + "/second-wal")
      let beside = #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(path, to: folder + "/second") }
      #expect(beside?.description.contains("second-wal") == true)
      #expect(!Self.isNamed(folder + "/planted") && !Self.isNamed(folder + "/second"))
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path + "-copy") == target)
      try FileManager.default.removeItem(atPath: path + ".lock")
      await (try Self.open(path)).close()
      for ending in ["-wal", "-shm", "-journal"] {
        unlink(path + ending)
        symlink(target, path + ending)
        for role in [DatabaseRole.server, .command] {
          let refusal = #expect(throws: StartFailure.self) { try Self.open(path, role) }
          #expect(refusal?.description.contains("\(path)\(ending) is a link") == true)
        }
        unlink(path + ending)
      }
      #expect(!Self.isNamed(folder + "/planted"))
      await (try Self.open(path)).close()
    }
  }

  @Test("A copy of a database to itself, by whatever name, is refused and leaves it as it is")
  func copyToItself() async throws {
    try await Self.withLinks { folder, path in
      await (try Self.open(path)).close()
      for name in Self.names + ["real/parley.db"] {
        let (from, to) = (DatabaseLocation.sqlite(path: path), DatabaseLocation.sqlite(path: folder + "/" + name))
        let refusal = #expect(throws: StartFailure.self) { try DatabaseCopy.run(from: from, to: to) { _, _ in } }
        #expect(refusal?.description.contains("is the database to copy") == true)
        #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(path, to: folder + "/" + name) }
      }
      await (try Self.open(path)).close()
    }
  }

  @Test("Where nothing is to be made, a missing database and an empty file are refused, and stay as they are")
  func makesNothing() async throws {
    try await TestDatabase.withFolder { folder in
      let path = folder.appendingPathComponent("new/data/parley.db").path
      for role in [DatabaseRole.command, .server] {
        #expect(throws: StartFailure.self) { try SQLiteDatabase(path: path, role: role, migrates: false) { $0 ?? "" } }
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
      let empty = folder.appendingPathComponent("empty.db").path
      try SQLiteFile.makeNew(empty)
      let refusal = #expect(throws: StartFailure.self) { try SQLiteDatabase(path: empty, role: .command, migrates: false) { $0 ?? "" } }
      #expect(refusal?.description.contains("no tables of Parley") == true)
      #expect(throws: StartFailure.self) {
        try DatabaseCopy.run(from: .sqlite(path: empty), to: .sqlite(path: path)) { _, _ in }
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["empty.db"])
      #expect(SQLiteFile.isEmpty(empty))
    }
  }

  @Test(
    "A database or log that others may read or change is said, with the remedy",
    arguments: [
      (0o600, 0o600, nil), (0o644, 0o600, "parley.db has mode 0644"), (0o640, 0o600, "parley.db has mode 0640"),
      (0o602, 0o600, "parley.db has mode 0602"), (0o600, 0o604, "parley.db-wal has mode 0604"), (0o400, 0o600, nil),
    ] as [(mode_t, mode_t, String?)])
  func exposure(mode: mode_t, log: mode_t, said: String?) async throws {
    try await Self.withPath { path in
      let location = DatabaseLocation.sqlite(path: path)
      #expect(location.exposure == nil)
      for (file, mode) in [(path, mode), (path + "-wal", log)] {
        try SQLiteFile.makeNew(file)
        chmod(file, mode)
      }
      let link = path + "-link"
      symlink(path, link)
      for (place, location) in [(path, location), (link, DatabaseLocation.sqlite(path: link))] {
        guard let said else {
          #expect(location.exposure == nil)
          continue
        }
        let name = place + said.dropFirst("parley.db".count)
        #expect(location.exposure?.hasPrefix(name) == true && location.exposure?.contains("chmod 600 \(place)") == true)
      }
    }
  }

  // MARK: - Parts

  private static func withPath(_ test: (_ path: String) async throws -> Void) async throws {
    try await TestDatabase.withFolder { folder in
      try await test(folder.resolvingSymlinksInPath().appendingPathComponent("parley.db").path)
    }
  }

  /// Runs a test in a folder with links to `real/parley.db`, which is empty.
  private static func withLinks(_ test: (_ folder: String, _ path: String) async throws -> Void) async throws {
    try await TestDatabase.withFolder { folder in
      let folder = folder.resolvingSymlinksInPath().path
      let path = folder + "/real/parley.db"
      try SQLiteFile.makeNew(path)
      symlink("real/parley.db", folder + "/link.db")
      symlink("link.db", folder + "/chain.db")
      symlink("real", folder + "/folder")
      symlink(path, folder + "/absolute.db")
      try await test(folder, path)
    }
  }

  @discardableResult
  private static func open(_ path: String, _ role: DatabaseRole = .server) throws -> SQLiteDatabase {
    try SQLiteDatabase(path: path, role: role) { $0 ?? TestDatabase.keyCheck }
  }

  private static func isNamed(_ path: String) -> Bool {
    var found = stat()
    return lstat(path, &found) == 0
  }
}
