import Foundation
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyStorage

/// One file, who may open it, and what becomes of it.
@Suite("SQLite file")
struct SQLiteFileTests {
  private static let roles: [DatabaseRole] = [.server, .command]
  private let samples = Samples()

  // MARK: - Servers and commands

  @Test("A second server on the same file is refused, until the first has closed it")
  func oneServer() async throws {
    try await withPath { path in
      let first = try Self.open(path)
      let refusal = #expect(throws: StartFailure.self) { try Self.open(path) }
      #expect(refusal?.description.contains(path) == true)
      #expect(refusal?.description.contains("another server") == true)
      let account = try await samples.account(in: first)
      await first.close()
      let second = try Self.open(path)
      #expect(try await second.readSystem { tx in try tx.accounts().map(\.id) } == [account])
      await second.close()
    }
  }

  @Test("A server in another process is refused as well")
  func oneServerOfAllProcesses() async throws {
    try await withPath { path in
      let first = try Self.open(path)
      await #expect(processExitsWith: .success) { [path = path as String] in
        #expect(throws: StartFailure.self) { try SQLiteFileTests.open(path) }
      }
      await first.close()
    }
  }

  @Test("A command beside a running server writes what the server sees, and never checkpoints")
  func commandBesideServer() async throws {
    try await withPath { path in
      let server = try Self.open(path)
      let account = try await samples.account(in: server)
      try await Self.fill(server, megabytes: 1, of: account)
      let (before, log) = (try Self.bytes(path), try Self.size(path + "-wal"))
      #expect(log > 1 << 20)

      let idle = try Self.open(path, .command)
      await idle.close()
      #expect(try Self.bytes(path) == before)
      #expect(try Self.size(path + "-wal") == log)

      // More than what makes a server checkpoint, in a process of its own: there it is the last to close the file.
      await #expect(processExitsWith: .success) { [path = path as String, account = account.text as String] in
        let command = try SQLiteFileTests.open(path, .command)
        let account = try #require(Account.ID(account))
        try await SQLiteFileTests.fill(command, megabytes: 6, of: account)
        #expect(try await command.writeSystem { tx in try tx.setToken("of the command", of: account) })
        await command.close()
      }
      #expect(try Self.bytes(path) == before)
      #expect(try Self.size(path + "-wal") > log + 6 << 20)
      #expect(try await server.readSystem { tx in try tx.account(account)?.sealedToken } == "of the command")
      let count = try await server.read(for: account, .bulk) { tx in
        try tx.conversations(ConversationFilter(), PageRequest(size: 1000)).count
      }
      #expect(count == 14)

      // The server's next write does what is due.
      _ = try await samples.account(in: server)
      await server.close()
      #expect(try Self.bytes(path) != before)
      #expect(try Self.size(path + "-wal") == 0)
    }
  }

  @Test("A command that finds a database leaves the server's lock alone, held or free")
  func commandsDoNotLock() async throws {
    try await withPath { path in
      await (try Self.open(path)).close()
      let command = try Self.open(path, .command)
      let server = try Self.open(path)
      let another = try Self.open(path, .command)
      for database in [command, server, another] { await database.close() }
      // Not even while it starts: the lock is somebody else's here.
      let lock = try #require(try FileLock.take(path: path + ".lock"))
      await (try Self.open(path, .command)).close()
      withExtendedLifetime(lock) {}
    }
  }

  @Test("A command on no file makes the database and gives the lock back")
  func commandFirst() async throws {
    try await withPath { path in
      let command = try Self.open(path, .command)
      let account = try await samples.account(in: command)
      let server = try Self.open(path)
      #expect(try await server.readSystem { tx in try tx.accounts().map(\.id) } == [account])
      for database in [command, server] { await database.close() }
    }
  }

  @Test("A command on an empty file beside a server that is about to make it is refused")
  func commandBesideFirstStart() async throws {
    try await withPath { path in
      var lock = try FileLock.take(path: path + ".lock")
      #expect(lock != nil)
      let refusal = #expect(throws: StartFailure.self) { try Self.open(path, .command) }
      #expect(refusal?.description.contains("another process is making \(path)") == true)
      lock = nil
      await (try Self.open(path, .command)).close()
    }
  }

  // MARK: - Files

  @Test("Only the owner can read what is made: database, log, index, lock, backup, and the folder")
  func modes() async throws {
    try await TestDatabase.withFolder { parent in
      let folder = parent.appendingPathComponent("new/data").path
      let (path, copy) = (folder + "/parley.db", folder + "/copy.db")
      let database = try Self.open(path)
      _ = try await samples.account(in: database)
      try SQLiteDatabase.backUp(path, to: copy)
      for file in [path, path + "-wal", path + "-shm", path + ".lock", copy] {
        #expect(try Self.mode(file) == 0o600, "\(file)")
      }
      #expect(try Self.mode(folder) == 0o700)
      await database.close()
    }
  }

  @Test("Closing leaves all in one file, and opening finds it again")
  func reopening() async throws {
    try await withPath { path in
      let first = try Self.open(path)
      let account = try await samples.account(in: first)
      try await Self.fill(first, megabytes: 2, of: account)
      await first.close()
      #expect(try Self.size(path + "-wal") == 0)
      let second = try Self.open(path)
      #expect(try await Self.conversations(second, of: account) == 4)
      await second.close()
    }
  }

  @Test("What was committed is found after a crash, where nobody closed the file")
  func crash() async throws {
    try await withPath { path in
      let running = try Self.open(path)
      let account = try await samples.account(in: running)
      try await Self.fill(running, megabytes: 1, of: account)
      // A copy of what is on the disk at this moment.
      let crashed = path + "-crashed"
      for suffix in ["", "-wal"] { try FileManager.default.copyItem(atPath: path + suffix, toPath: crashed + suffix) }
      await running.close()
      let again = try Self.open(crashed)
      #expect(try await Self.conversations(again, of: account) == 2)
      await again.close()
    }
  }

  // MARK: - Damage

  @Test("A file that is no database is refused by name, and left as it is", arguments: SQLiteFileTests.roles)
  func noDatabase(role: DatabaseRole) async throws {
    let texts = ["no", "This is a letter, and no database.\n", String(repeating: "zeros and ones ", count: 2000), "SQLite format 3\0"]
    for text in texts {
      try await withPath { path in
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        let refusal = #expect(throws: StartFailure.self) { try Self.open(path, role) }
        #expect(refusal?.description.contains(path) == true)
        #expect(try Self.bytes(path) == Data(text.utf8))
        #expect(role == .command || refusal?.description.contains("damaged") == true)
      }
    }
  }

  @Test("A database that was cut short is refused by name", arguments: [2, 100, 4096, 4097, 20_000])
  func truncated(bytes: Int) async throws {
    try await withPath { path in
      try await makeDatabase(path)
      let whole = try Self.bytes(path)
      try whole.prefix(bytes).write(to: URL(fileURLWithPath: path))
      let refusal = #expect(throws: StartFailure.self) { try Self.open(path) }
      #expect(refusal?.description.contains(path) == true)
      #expect(refusal?.description.contains("damaged") == true)
      #expect(try Self.bytes(path) == whole.prefix(bytes))
    }
  }

  @Test("A database with a page overwritten is refused by name", arguments: [1, 2, 5, 20, 100])
  func overwritten(page: Int) async throws {
    try await withPath { path in
      try await makeDatabase(path)
      var bytes = try Self.bytes(path)
      #expect(bytes.count > (page + 1) * 4096)
      // Page 1 keeps its head, so that it is still taken for a database.
      let start = (page - 1) * 4096 + (page == 1 ? 100 : 0)
      bytes.replaceSubrange(start..<page * 4096, with: repeatElement(0xA5, count: page * 4096 - start))
      try bytes.write(to: URL(fileURLWithPath: path))
      let refusal = #expect(throws: StartFailure.self) { try Self.open(path) }
      #expect(refusal?.description.contains(path) == true)
      #expect(refusal?.description.contains("damaged") == true)
    }
  }

  @Test("A file that became empty beside its log is refused: starting anew would hide the loss")
  func emptied() async throws {
    try await withPath { path in
      let running = try Self.open(path)
      _ = try await samples.account(in: running)
      let lost = path + "-lost"
      try FileManager.default.copyItem(atPath: path + "-wal", toPath: lost + "-wal")
      await running.close()
      try Data().write(to: URL(fileURLWithPath: lost))
      let log = try Self.bytes(lost + "-wal")
      for role in SQLiteFileTests.roles {
        let refusal = #expect(throws: StartFailure.self) { try Self.open(lost, role) }
        #expect(refusal?.description.contains(lost) == true)
      }
      #expect(try Self.bytes(lost + "-wal") == log)
    }
  }

  @Test("A database of another program is refused by name, and left as it is", arguments: SQLiteFileTests.roles)
  func foreign(role: DatabaseRole) async throws {
    try await withPath { path in
      try SQLiteFile.makeIfMissing(path)
      try SQLiteConnection(path: path).execute("CREATE TABLE account (id INTEGER PRIMARY KEY); INSERT INTO account VALUES (1)")
      let before = try Self.bytes(path)
      let refusal = #expect(throws: StartFailure.self) { try Self.open(path, role) }
      #expect(refusal?.description.contains(path) == true)
      #expect(refusal?.description.contains("something else") == true)
      #expect(try Self.bytes(path) == before)
    }
  }

  @Test("A folder in the file's place is refused by name", arguments: SQLiteFileTests.roles)
  func folderInPlace(role: DatabaseRole) async throws {
    try await withPath { path in
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      let refusal = #expect(throws: StartFailure.self) { try Self.open(path, role) }
      #expect(refusal?.description.contains(path) == true)
    }
  }

  @Test("After a refusal the lock is free")
  func refusalUnlocks() async throws {
    try await withPath { path in
      try Data("no database".utf8).write(to: URL(fileURLWithPath: path))
      #expect(throws: StartFailure.self) { try Self.open(path) }
      try FileManager.default.removeItem(atPath: path)
      await (try Self.open(path)).close()
    }
  }

  // MARK: - Values

  @Test("Texts go in and out whole, NUL among them, and nothing is not an empty text", arguments: ["", "\0", "a\0b", "☎\0", "a"])
  func values(text: String) async throws {
    try await withPath { path in
      try SQLiteFile.makeIfMissing(path)
      let connection = try SQLiteConnection(path: path)
      try connection.execute("CREATE TABLE t (a TEXT, b TEXT, c TEXT, d BIGINT)")
      let (none, number): (String?, Int64?) = (nil, .min)
      _ = try connection.run("INSERT INTO t VALUES (\(text), \(Array(text.utf8)), \(none), \(number))")
      let row = try connection.one("SELECT a, b, c, d FROM t") { row in
        var appended = Array("x".utf8)
        row.append(0, to: &appended)
        return (row.text(0), row.bytes(1), row.optionalText(2), row.optionalText(0), row.integer(3), appended)
      }
      let found = try #require(row)
      #expect(found.0.isSame(as: text))
      #expect(found.1 == Array(text.utf8))
      #expect(found.2 == nil)
      #expect(found.3 != nil)
      #expect(found.4 == .min)
      #expect(found.5 == Array("x\(text)".utf8))
      #expect(try connection.one("SELECT a = b FROM t") { $0.integer(0) } == 1)
    }
  }

  // MARK: - Readers

  @Test("A snapshot sees one state, where single statements see each their own")
  func snapshots() async throws {
    try await withPath { path in
      let database = try Self.open(path)
      let account = try await samples.account(in: database)
      let writer = try SQLiteConnection(path: path)
      let counts = { @Sendable (tx: Transaction) throws -> [Int] in
        let filter = ConversationFilter()
        let before = try tx.conversations(filter, PageRequest()).count
        _ = try writer.run(
          """
          INSERT INTO conversation (account_id, id, status, grouping_scope, grouping_type, participant_count, next_position, document)
          VALUES (\(account), \(IDGenerator().next(Conversation.self, at: Samples.now)), 'ACTIVE', '', '', 0, 1, '{}')
          """)
        return [before, try tx.conversations(filter, PageRequest()).count]
      }
      #expect(try await database.read(for: account, .statement, counts) == [0, 1])
      #expect(try await database.read(for: account, .snapshot, counts) == [1, 1])
      #expect(try await database.read(for: account, .bulk, counts) == [2, 2])
      await database.close()
    }
  }

  @Test("No read leaves a transaction behind, whatever its closure throws")
  func readsEnd() async throws {
    try await withPath { path in
      let database = try Self.open(path)
      let account = try await samples.account(in: database)
      for access in [Access.statement, .snapshot, .bulk] {
        await #expect(throws: ParleyError.notFound(.conversation)) {
          try await database.read(for: account, access) { tx in
            // In the middle of the rows.
            try tx.connection.rows("SELECT 1 UNION ALL SELECT 2") { _ in throw ParleyError.notFound(.conversation) }
          }
        }
        #expect(
          try await database.read(for: account, access) { tx in try tx.conversations(ConversationFilter(), PageRequest()).count } == 0)
        let error = await #expect(throws: (any Error).self) {
          try await database.read(for: account, access) { tx in try tx.connection.rows("SELECT nothing") { _ in } }
        }
        #expect(error is SQLiteError)
        #expect(
          try await database.read(for: account, access) { tx in try tx.conversations(ConversationFilter(), PageRequest()).count } == 0)
      }
      // A reader that was left behind would keep the log from being emptied.
      try await Self.fill(database, megabytes: 1, of: account)
      let other = try SQLiteConnection(path: path)
      let blocked = try other.one("PRAGMA wal_checkpoint(TRUNCATE)") { $0.integer(0) }
      #expect(blocked == 0)
      #expect(try Self.size(path + "-wal") == 0)
      await database.close()
    }
  }

  @Test("Many reads at once, long ones among them, are all answered beside writes")
  func manyReads() async throws {
    try await withPath { path in
      let database = try Self.open(path)
      let account = try await samples.account(in: database)
      let held = try await samples.heldConversation(of: account, in: database)
      let participants = try (0..<50).map { _ in try samples.participant(in: held.id, of: account) }
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for participant in participants {
          group.addTask {
            try await database.write(for: account) { tx in _ = try tx.add(participant) }
            return true
          }
        }
        for index in 0..<300 {
          group.addTask {
            try await database.read(for: account, [.statement, .snapshot, .bulk][index % 3]) { tx in
              try tx.hasConversation(held.id)
            }
          }
        }
        for try await answer in group { #expect(answer) }
      }
      #expect(database.metrics.reads == 300)
      await database.close()
    }
  }

  // MARK: - Backup

  @Test("A backup beside a server under load has every write acknowledged before it began, and a server starts from it")
  func backup() async throws {
    try await withPath { path in
      let database = try Self.open(path)
      let account = try await samples.account(in: database)
      let copy = path + "-copy"
      let (enough, copied) = (Gate(), Gate())
      let (before, all) = try await withThrowingTaskGroup(of: [Conversation.ID].self) { group in
        for _ in 0..<4 {
          group.addTask {
            var written: [Conversation.ID] = []
            while !copied.isOpen {
              let conversation = try samples.conversation(of: account, name: String(repeating: "x", count: 5000))
              let participant = try samples.participant([("a", "call")], in: conversation.id, of: account)
              try await database.write(for: account) { tx in
                _ = try Samples.insert(conversation, tx)
                try tx.add(participant)
              }
              written.append(conversation.id)
              if written.count == 50 { enough.open() }
            }
            return written
          }
        }
        await enough.opened()
        let before = try await Self.ids(database, of: account)
        let outcome = Result { try SQLiteDatabase.backUp(path, to: copy) }
        copied.open()
        let all = try await group.reduce(into: []) { $0 += $1 }
        try outcome.get()
        return (before, all)
      }
      #expect(before.count >= 50)
      #expect(Set(try await Self.ids(database, of: account)) == Set(all))
      await database.close()

      let restored = try Self.open(copy)
      let found = try await Self.ids(restored, of: account)
      #expect(Set(found).isSuperset(of: before))
      #expect(Set(found).isSubset(of: all))
      // Each whole: with its participant and its link.
      let linked = try await restored.read(for: account, .bulk) { tx in
        try found.filter { try tx.members(of: $0).map(\.addresses.count) == [1] && tx.lockConversation($0)?.participantCount == 1 }.count
      }
      #expect(linked == found.count)
      _ = try await samples.account(in: restored)
      #expect(
        try await restored.writeSystem { tx in try (tx.connection as? SQLiteConnection)?.one("PRAGMA journal_mode") { $0.text(0) } }
          == "wal")
      await restored.close()
    }
  }

  @Test("A backup never overwrites a file and leaves none behind when it fails")
  func backupRefusals() async throws {
    try await withPath { path in
      let copy = path + "-copy"
      #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(path, to: copy) }
      #expect(!FileManager.default.fileExists(atPath: path))
      try await makeDatabase(path)

      try Data("mine".utf8).write(to: URL(fileURLWithPath: copy))
      let refusal = #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(path, to: copy) }
      #expect(refusal?.description.contains(copy) == true)
      #expect(try Self.bytes(copy) == Data("mine".utf8))
      #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(path, to: path) }

      let nowhere = path + "/copy.db"
      #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(path, to: nowhere) }

      let foreign = path + "-foreign"
      try Data("no database".utf8).write(to: URL(fileURLWithPath: foreign))
      #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(foreign, to: path + "-copy 2") }
      #expect(!FileManager.default.fileExists(atPath: path + "-copy 2"))
      try Data().write(to: URL(fileURLWithPath: path + "-empty"))
      #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(path + "-empty", to: path + "-copy 3") }
      #expect(!FileManager.default.fileExists(atPath: path + "-copy 3"))
    }
  }

  @Test("A backup of a damaged database is refused, and no copy of it is left")
  func backupOfDamage() async throws {
    try await withPath { path in
      try await makeDatabase(path)
      var bytes = try Self.bytes(path)
      bytes.replaceSubrange(20 * 4096..<21 * 4096, with: repeatElement(0xA5, count: 4096))
      try bytes.write(to: URL(fileURLWithPath: path))
      #expect(throws: StartFailure.self) { try SQLiteDatabase.backUp(path, to: path + "-copy") }
      #expect(!FileManager.default.fileExists(atPath: path + "-copy"))
    }
  }

  // MARK: - Parts

  private func withPath(_ test: (_ path: String) async throws -> Void) async throws {
    try await TestDatabase.withFolder { folder in try await test(folder.appendingPathComponent("parley.db").path) }
  }

  /// Makes a database of more than a hundred pages and closes it.
  private func makeDatabase(_ path: String) async throws {
    let database = try Self.open(path)
    let account = try await samples.account(in: database)
    let held = try await samples.heldConversation(of: account, in: database)
    let participants = try (0..<90).map {
      try samples.participant([("a\($0)", "call")], name: String(repeating: "x", count: 9000), in: held.id, of: account)
    }
    try await database.write(for: account) { tx in for participant in participants { try tx.add(participant) } }
    await database.close()
  }

  @discardableResult
  private static func open(_ path: String, _ role: DatabaseRole = .server) throws -> SQLiteDatabase {
    try SQLiteDatabase(path: path, role: role) { $0 ?? TestDatabase.keyCheck }
  }

  /// Adds two conversations a megabyte.
  private static func fill(_ database: any Database, megabytes: Int, of account: Account.ID) async throws {
    let ids = IDGenerator()
    for _ in 0..<2 * megabytes {
      let conversation = try Samples().conversation(
        id: ids.next(at: Samples.now), of: account, name: String(repeating: "x", count: 512 << 10))
      try await database.write(for: account) { tx in _ = try Samples.insert(conversation, tx) }
    }
  }

  private static func conversations(_ database: any Database, of account: Account.ID) async throws -> Int {
    try await ids(database, of: account).count
  }

  private static func ids(_ database: any Database, of account: Account.ID) async throws -> [Conversation.ID] {
    try await database.read(for: account, .bulk) { tx in
      try tx.connection.all("SELECT id FROM conversation WHERE account_id = \(account)") { $0.id(0) }
    }
  }

  private static func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  private static func size(_ path: String) throws -> Int {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
  }

  private static func mode(_ path: String) throws -> Int {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }
}
