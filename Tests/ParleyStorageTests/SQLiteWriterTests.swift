import CSQLite
import Foundation
import ParleyDomain
import ParleyTesting
import Synchronization
import Testing

@testable import ParleyStorage

/// The thread that writes: groups, failures of one closure and of all, limits, and what it does to the log.
@Suite("SQLite writer")
struct SQLiteWriterTests {
  // MARK: - Groups

  @Test("Hundreds of writers at once each get their own answer, and each row is there once")
  func manyWriters() async throws {
    try await withWriter { writer, path in
      let held = await writer.hold()
      let answers = try await withThrowingTaskGroup(of: [Int64].self) { group in
        for number in 0..<Int64(500) {
          group.addTask { [number, try await writer.write { try $0.add(number) }] }
        }
        // Some wait, the others come while groups are on their way.
        await writer.queued(100)
        held.release()
        return try await group.reduce(into: []) { $0.append($1) }
      }
      try await held.value
      #expect(answers.count == 500)
      #expect(answers.allSatisfy { $0[0] == $0[1] })
      #expect(try rows(path) == Array(0..<500))
      let metrics = writer.metrics
      #expect(metrics.writes == 501)
      #expect(metrics.commits < 501)
    }
  }

  @Test("A group takes all that waits, up to 64 closures")
  func groupSize() async throws {
    try await withWriter { writer, path in
      let held = await writer.hold()
      // The commits before a closure say which group it is in.
      let groups = try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<Int64(200) {
          group.addTask {
            try await writer.write { connection in
              _ = try connection.add(number)
              return writer.metrics.commits
            }
          }
        }
        await writer.queued(200)
        held.release()
        return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
      }
      try await held.value
      #expect(groups == [0: 63, 1: 64, 2: 64, 3: 9])
      #expect(writer.metrics.commits == 4)
      #expect(writer.metrics.writes == 201)
      #expect(try rows(path).count == 200)
    }
  }

  @Test("A group that has run for its time takes no more")
  func groupDuration() async throws {
    try await withWriter(groupDuration: .zero) { writer, _ in
      let held = await writer.hold()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<Int64(20) {
          group.addTask { _ = try await writer.write { try $0.add(number) } }
        }
        await writer.queued(20)
        held.release()
        try await group.waitForAll()
      }
      try await held.value
      #expect(writer.metrics.commits == 21)
    }
  }

  @Test("Nobody is answered before the commit: until then others see nothing")
  func answersAfterCommit() async throws {
    try await withWriter { writer, path in
      let held = await writer.hold()
      async let first = writer.write { try $0.add(1) }
      await writer.queued(1)
      let (ran, goOn) = (Gate(), Gate())
      async let last: Void = writer.write { _ in
        ran.open()
        goOn.wait()
      }
      await writer.queued(2)
      held.release()
      await ran.opened()
      // The first closure of the group has run, the last still does.
      #expect(try rows(path) == [])
      #expect(writer.metrics.writes == 0)
      goOn.open()
      #expect(try await first == 1)
      #expect(try rows(path) == [1])
      try await last
      try await held.value
    }
  }

  @Test("A closure that fails inside a group is undone alone")
  func failureInsideGroup() async throws {
    try await withWriter { writer, path in
      let held = await writer.hold()
      async let first = writer.write { try $0.add(1) }
      await writer.queued(1)
      async let refused = outcome {
        try await writer.write { connection in
          _ = try connection.add(2)
          _ = try connection.add(3)
          throw ParleyError.notFound(.conversation)
        }
      }
      await writer.queued(2)
      async let constrained = outcome {
        try await writer.write { connection in
          _ = try connection.add(4)
          _ = try connection.add(1)
        }
      }
      await writer.queued(3)
      async let last = writer.write { connection in
        try connection.all("SELECT id FROM t ORDER BY id") { $0.integer(0) } + [try connection.add(5)]
      }
      await writer.queued(4)
      held.release()
      try await held.value
      #expect(try await first == 1)
      #expect(await refused as? ParleyError == .notFound(.conversation))
      #expect((await constrained as? SQLiteError)?.primary == SQLITE_CONSTRAINT)
      #expect(try await last == [1, 5])
      #expect(try rows(path) == [1, 5])
      #expect(writer.metrics.commits == 1)
      #expect(writer.metrics.failedCommits == 0)
    }
  }

  @Test("So is the first of a group, which has no savepoint, durable or not", arguments: [true, false])
  func failureOfTheFirst(isDurable: Bool) async throws {
    try await withWriter { writer, path async throws in
      let (begun, gate) = (Gate(), Gate())
      async let first = outcome {
        try await writer.write(isDurable: isDurable) { connection in
          _ = try connection.add(1)
          begun.open()
          gate.wait()
          throw ParleyError.notFound(.conversation)
        }
      }
      await begun.opened()
      async let last = writer.write(isDurable: isDurable) { connection in
        try connection.all("SELECT id FROM t") { $0.integer(0) } + [try connection.add(2)]
      }
      await writer.queued(1)
      gate.open()
      #expect(await first as? ParleyError == .notFound(.conversation))
      #expect(try await last == [2])
      #expect(try rows(path) == [2])
      #expect(writer.metrics.commits == 1)
    }
  }

  // MARK: - Commits that fail

  @Test("A commit that fails is unavailable for all that ran in it, also for those that refused, and the next one works")
  func failedCommit() async throws {
    try await withWriter { writer, path async throws in
      let held = await writer.hold()
      async let done = outcome { _ = try await writer.write { try $0.add(1) } }
      await writer.queued(1)
      async let refused = outcome { try await writer.write { _ in throw ParleyError.notFound(.conversation) } }
      await writer.queued(2)
      async let unchanged = outcome { _ = try await writer.write { connection in try connection.one("SELECT 1") { $0.integer(0) } } }
      await writer.queued(3)
      async let culprit = outcome { try await writer.write { try $0.breakCommit() } }
      await writer.queued(4)
      held.release()
      for error in [await done, await refused, await unchanged, await culprit, await outcome { try await held.value }] {
        #expect(error.map(isUnavailable) == true, "\(String(describing: error))")
      }
      #expect(try rows(path) == [])
      #expect(writer.metrics.failedCommits == 1)
      #expect(writer.metrics.commits == 0)
      #expect(writer.metrics.writes == 0)

      #expect(try await writer.write { try $0.add(2) } == 2)
      #expect(try rows(path) == [2])
      // The connection is a new one, as durable as the first.
      #expect(try await writer.write { try $0.pragma("synchronous") } == "2")
      #expect(try await writer.write { try $0.pragma("journal_mode") } == "wal")
      #expect(try await writer.write { try $0.pragma("foreign_keys") } == "1")
    }
  }

  @Test("A transaction that a full disk ended is unavailable for all that ran in it, and those behind begin anew")
  func lostTransaction() async throws {
    try await withWriter { writer, path async throws in
      let held = await writer.hold()
      async let done = outcome { _ = try await writer.write { try $0.add(1) } }
      await writer.queued(1)
      async let refused = outcome { try await writer.write { _ in throw ParleyError.notFound(.conversation) } }
      await writer.queued(2)
      async let culprit = outcome {
        try await writer.write { connection in
          try connection.execute("PRAGMA max_page_count = 1")
          _ = try connection.add(2, String(repeating: "x", count: 100_000))
        }
      }
      await writer.queued(3)
      async let behind = outcome { _ = try await writer.write { try $0.add(3) } }
      await writer.queued(4)
      held.release()
      for error in [await done, await refused, await culprit, await outcome { try await held.value }] {
        #expect(error.map(isUnavailable) == true, "\(String(describing: error))")
      }
      #expect(await behind == nil)
      #expect(try rows(path) == [3])
      #expect(writer.metrics.failedCommits == 1)
    }
  }

  @Test("A closure that hides that its transaction is lost is not answered as if it were there")
  func hiddenLoss() async throws {
    try await withWriter { writer, path async throws in
      let error = await outcome {
        try await writer.write { connection in
          _ = try connection.add(1)
          try connection.execute("PRAGMA max_page_count = 1")
          try? connection.execute("INSERT INTO t (id, text) VALUES (2, zeroblob(100000))")
        }
      }
      #expect(error.map(isUnavailable) == true)
      #expect(try rows(path) == [])
      #expect(try await writer.write { try $0.add(3) } == 3)
    }
  }

  @Test("With a full disk the database refuses, keeps what it acknowledged, and goes on when there is room")
  func fullDatabase() async throws {
    try await TestDatabase.with(.sqlite) { database in
      let samples = Samples()
      let account = try await samples.account(in: database)
      try await database.writeSystem { tx in
        let pages = try tx.sqlite.pragma("page_count")
        try tx.sqlite.execute("PRAGMA max_page_count = \((Int(pages) ?? 0) + 40)")
      }
      let held = try await samples.heldConversation(of: account, in: database)
      var (acknowledged, refused): (Set<String>, [any Error]) = ([], [])
      while refused.isEmpty {
        #expect(acknowledged.count < 100)
        let participant = try samples.participant(
          [("a\(acknowledged.count)", "call")], name: String(repeating: "x", count: 10_000), in: held.id, of: account)
        do {
          try await database.write(for: account) { tx in _ = try tx.add(participant) }
          acknowledged.insert(participant.id.text)
        } catch {
          refused.append(error)
        }
      }
      #expect(refused.allSatisfy(isUnavailable))
      try await database.writeSystem { tx in try tx.sqlite.execute("PRAGMA max_page_count = 1000000") }
      let participant = try samples.participant([("b", nil)], in: held.id, of: account)
      try await database.write(for: account) { tx in _ = try tx.add(participant) }
      acknowledged.insert(participant.id.text)
      let (members, counted) = try await database.read(for: account, .snapshot) { tx in
        (try tx.members(of: held.id).map(\.id.text), try tx.lockConversation(held.id)?.participantCount)
      }
      #expect(Set(members) == acknowledged)
      #expect(counted == Int64(acknowledged.count))
    }
  }

  @Test("With a file-size limit the database refuses, keeps what it acknowledged, and goes on when the limit is lifted")
  func fileSizeLimit() async throws {
    // In a process of its own: the limit is the process's.
    await #expect(processExitsWith: .success) {
      signal(SIGXFSZ, SIG_IGN)
      let samples = Samples()
      try await TestDatabase.withFolder { folder in
        let path = folder.appendingPathComponent("parley.db").path
        let database = try SQLiteDatabase(path: path, role: .server) { $0 ?? TestDatabase.keyCheck }
        let account = try await samples.account(in: database)
        var (acknowledged, refused): ([Conversation.ID], [Conversation.ID]) = ([], [])
        func write() async throws {
          let conversation = try samples.conversation(of: account, name: String(repeating: "x", count: 20_000))
          do {
            try await database.write(for: account) { tx in _ = try Samples.insert(conversation, tx) }
            acknowledged.append(conversation.id)
          } catch {
            #expect(isUnavailable(error))
            refused.append(conversation.id)
          }
        }
        try await write()
        let unlimited = fileSizeMax
        fileSizeMax.rlim_cur = 400_000
        while refused.count < 5, acknowledged.count < 100 { try await write() }
        fileSizeMax = unlimited
        #expect(refused.count == 5)
        let count = acknowledged.count
        for _ in 0..<3 { try await write() }
        #expect(acknowledged.count == count + 3)

        let (kept, lost) = (acknowledged, refused)
        for again in [false, true] {
          if again { await database.close() }
          let database = again ? try SQLiteDatabase(path: path, role: .server) { $0 ?? TestDatabase.keyCheck } : database
          let (found, ghosts) = try await database.read(for: account, .snapshot) { tx in
            (try kept.filter { try tx.conversation($0) != nil }.count, try lost.filter { try tx.hasConversation($0) }.count)
          }
          #expect(found == kept.count)
          #expect(ghosts == 0)
          if again { await database.close() }
        }
      }
    }
  }

  @Test("While another process holds the file, all that wait are unavailable at once; reads go on, and writes do so afterwards")
  func lockedFile() async throws {
    let waited = Gate()
    try await withWriter { connection in
      // Instead of five seconds: until all are queued.
      sqlite3_busy_handler(
        connection.handle,
        { context, _ in
          if let context { Unmanaged<Gate>.fromOpaque(context).takeUnretainedValue().wait() }
          return 0
        }, Unmanaged.passUnretained(waited).toOpaque())
    } test: { writer, path in
      let other = try SQLiteConnection(path: path)
      try other.execute("BEGIN EXCLUSIVE")
      let errors = await withTaskGroup(of: (any Error)?.self) { group in
        for number in 0..<Int64(5) { group.addTask { await outcome { _ = try await writer.write { try $0.add(number) } } } }
        await writer.queued(5)
        waited.open()
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(errors.count == 5)
      #expect(errors.allSatisfy { $0.map(isUnavailable) == true })
      #expect(writer.metrics.failedCommits == 1)
      #expect(try rows(path) == [])
      try other.execute("ROLLBACK")
      #expect(try await writer.write { try $0.add(7) } == 7)
      #expect(try rows(path) == [7])
    }
  }

  // MARK: - The queue

  @Test("Beyond its limit the queue refuses, and what it took is done")
  func queueLimit() async throws {
    try await withWriter { writer, path in
      let held = await writer.hold()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<Int64(SQLiteWriter.queueMax) {
          group.addTask { _ = try await writer.write { try $0.add(number) } }
        }
        await writer.queued(SQLiteWriter.queueMax)
        for _ in 0..<3 {
          let error = await outcome { _ = try await writer.write { try $0.add(-1) } }
          #expect(error.map(isUnavailable) == true)
        }
        #expect(writer.metrics.refusedByQueue == 3)
        #expect(writer.metrics.queueLength == SQLiteWriter.queueMax)
        held.release()
        try await group.waitForAll()
      }
      try await held.value
      #expect(try rows(path).count == SQLiteWriter.queueMax)
      #expect(try await writer.write { try $0.add(-1) } == -1)
    }
  }

  @Test("Stopping does what was accepted and takes nothing more")
  func stop() async throws {
    try await withWriter { writer, path in
      let held = await writer.hold()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<Int64(200) { group.addTask { _ = try await writer.write { try $0.add(number) } } }
        await writer.queued(200)
        group.addTask { await writer.stop() }
        while !writer.isClosed { await Task.yield() }
        #expect(writer.metrics.queueLength == 200)
        held.release()
        try await group.waitForAll()
      }
      try await held.value
      #expect(try rows(path).count == 200)
      let error = await outcome { _ = try await writer.write { try $0.add(-1) } }
      #expect(error.map(isUnavailable) == true)
      // Once more is nothing.
      await writer.stop()
    }
  }

  // MARK: - Durability and the log

  @Test("The writer that serves syncs the log before a commit returns: synchronous is 2, journal_mode is wal")
  func durability() async throws {
    try await TestDatabase.with(.sqlite) { database async throws in
      func pragma(_ name: String) async throws -> String { try await database.writeSystem { tx in try tx.sqlite.pragma(name) } }
      #expect(try await pragma("synchronous") == "2")
      #expect(try await pragma("journal_mode") == "wal")
      #expect(try await pragma("foreign_keys") == "1")
      #expect(try await pragma("wal_autocheckpoint") == "0")
      #expect(try await database.readSystem { tx in try tx.sqlite.pragma("query_only") } == "1")
    }
  }

  @Test("The log stays bounded under sustained writes beside readers")
  func boundedLog() async throws {
    // 192 MiB pass through a log that is to begin anew at 63, and has several tries at it where readers stand still.
    let text = String(repeating: "x", count: 1 << 20)
    try await withWriter { writer, path in
      let readers = SQLiteReaders(path: path)
      let done = Gate()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<2 {
          group.addTask {
            while !done.isOpen {
              _ = try await readers.read(.snapshot) { connection in try connection.one("SELECT COUNT(*), MAX(id) FROM t") { $0.integer(0) }
              }
              await Task.yield()
            }
          }
        }
        var longest = 0
        for number in 0..<Int64(192) {
          _ = try await writer.write { try $0.add(number, text) }
          longest = max(longest, try size(path + "-wal"))
        }
        done.open()
        #expect(longest < 128 << 20)
        try await group.waitForAll()
      }
      readers.close()
      #expect(try rows(path).count == 192)
      #expect(try size(path) > 96 << 20)
    }
  }

  @Test("A reader that stays holds up no write; the log grows meanwhile, and begins anew once the reader has gone")
  func readerInTheWay() async throws {
    let reader = OldReader()
    try await withWriter { writer, path in
      _ = try await writer.write { try $0.add(-1) }
      try reader.begin(path)
      let text = String(repeating: "x", count: 1 << 20)
      func pages(after numbers: Range<Int64>) async throws -> [Int32] {
        var pages: [Int32] = []
        for number in numbers {
          pages.append(
            try await writer.write { connection in
              _ = try connection.add(number, text)
              return connection.logPages
            })
        }
        return pages
      }
      let beside = try await pages(after: 0..<72)
      #expect(beside == beside.sorted(), "nothing is emptied under a reader")
      #expect(try #require(beside.last) > SQLiteWriter.logPagesMax)
      reader.end()
      let after = try await pages(after: 72..<104)
      #expect(try #require(after.min()) < SQLiteWriter.logPagesBeforeCheckpoint)
      let longest = try #require(after.max())
      #expect(longest < SQLiteWriter.logPagesMax + 2 * SQLiteWriter.logPagesBeforeCheckpoint)
      #expect(try rows(path).count == 105)
    }
  }

  // MARK: - Parts

  /// Runs a test with a writer whose groups end by size or an empty queue alone, unless it says otherwise.
  private func withWriter(
    groupDuration: Duration = .seconds(3600), prepare: (SQLiteConnection) -> Void = { _ in },
    test: (_ writer: SQLiteWriter, _ path: String) async throws -> Void
  ) async throws {
    try await TestDatabase.withFolder { folder in
      let path = folder.appendingPathComponent("test.db").path
      try SQLiteFile.makeIfMissing(path)
      let connection = try SQLiteConnection(path: path)
      try SQLiteWriter.prepare(connection)
      try connection.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT, parent INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)")
      prepare(connection)
      let writer = SQLiteWriter(path: path, connection: connection, checkpoints: true, groupDuration: groupDuration)
      do {
        try await test(writer, path)
      } catch {
        await writer.stop()
        throw error
      }
      await writer.stop()
    }
  }

  /// What another connection sees.
  private func rows(_ path: String) throws -> [Int64] {
    try SQLiteConnection(path: path).all("SELECT id FROM t ORDER BY id") { $0.integer(0) }
  }

  private func size(_ path: String) throws -> Int {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
  }
}

/// The error that the work throws; nil if it throws none.
private func outcome(_ work: @Sendable () async throws -> Void) async -> (any Error)? {
  do {
    try await work()
    return nil
  } catch {
    return error
  }
}

/// A closure that holds the writer's thread until it is let go.
private struct HeldWriter {
  let gate: Gate
  let task: Task<Void, any Error>

  var value: Void { get async throws { try await task.value } }

  func release() { gate.open() }
}

/// A read transaction that is left open.
private final class OldReader: Sendable {
  private let connection = Mutex<SQLiteConnection?>(nil)

  func begin(_ path: String) throws {
    let opened = try SQLiteConnection(path: path)
    try opened.execute("BEGIN; SELECT COUNT(*) FROM t")
    connection.withLock { $0 = opened }
  }

  func end() { connection.withLock { $0 = nil } }
}

extension SQLiteWriter {
  fileprivate var metrics: DatabaseMetrics {
    var metrics = DatabaseMetrics()
    add(to: &metrics)
    return metrics
  }

  /// Holds the thread inside a closure, the first of its group.
  fileprivate func hold() async -> HeldWriter {
    let (begun, gate) = (Gate(), Gate())
    let task = Task {
      try await self.write { _ in
        begun.open()
        gate.wait()
      }
    }
    await begun.opened()
    return HeldWriter(gate: gate, task: task)
  }

  /// Returns once so many closures wait.
  fileprivate func queued(_ count: Int) async {
    while metrics.queueLength < count { await Task.yield() }
  }
}

extension SQLiteConnection {
  fileprivate func add(_ id: Int64, _ text: String? = nil) throws -> Int64 {
    _ = try run("INSERT INTO t (id, text) VALUES (\(id), \(text))")
    return id
  }

  /// Leaves something that only the commit finds wrong.
  fileprivate func breakCommit() throws { _ = try run("INSERT INTO t (id, parent) VALUES (1000, 1001)") }

  fileprivate func pragma(_ name: String) throws -> String {
    var value = ""
    try rows(SQL(stringLiteral: "PRAGMA \(name)")) { value = $0.text(0) }
    return value
  }
}

extension SystemTransaction {
  fileprivate var sqlite: SQLiteConnection {
    get throws { try #require(connection as? SQLiteConnection) }
  }
}

/// The process's limit on the size of files.
private var fileSizeMax: rlimit {
  get {
    var limit = rlimit()
    #if canImport(Glibc)
      getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    #else
      getrlimit(RLIMIT_FSIZE, &limit)
    #endif
    return limit
  }
  set {
    var limit = newValue
    #if canImport(Glibc)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    #else
      setrlimit(RLIMIT_FSIZE, &limit)
    #endif
  }
}
