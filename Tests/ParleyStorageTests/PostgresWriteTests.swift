import ParleyDomain
import ParleyTesting
import Synchronization
import Testing

@testable import ParleyStorage

/// Writes: what they see and leave, and which of them run again.
@Suite("PostgreSQL writes", .timeLimit(.minutes(10)))
struct PostgresWriteTests {
  /// Runs of one write that the server undid each time.
  private static let runsMax = 10

  @Test("A write runs in READ COMMITTED and sees what others committed between its statements")
  func isolation() async throws {
    try await Self.withTable { place, database async throws in
      let seen = try await database.change { connection in
        let settings = [try connection.setting("transaction_isolation"), try connection.setting("transaction_read_only")]
        try place.execute("INSERT INTO t (id) VALUES (1)")
        return (settings, try connection.all("SELECT id FROM t") { $0.integer(0) })
      }
      #expect(seen == (["read committed", "off"], [1]))
    }
  }

  @Test("What a write locks stays as it is until its end, and nobody sees what it does before")
  func locks() async throws {
    try await Self.withTable { place, database async throws in
      try place.execute("INSERT INTO t (id) VALUES (1), (2)")
      try await database.change { connection in
        try connection.lockedRows("SELECT id FROM t WHERE id = 1") { _ in }
        try connection.add(3)
        #expect(try place.texts("SELECT id FROM t ORDER BY id FOR UPDATE SKIP LOCKED") == ["2"])
        #expect(try place.rows == [1, 2])
      }
      #expect(try place.texts("SELECT id FROM t ORDER BY id FOR UPDATE SKIP LOCKED") == ["1", "2", "3"])
    }
  }

  // MARK: - Statements that wait for the end

  @Test("A statement whose outcome nobody asks for fails at the end, and all is undone")
  func deferredFailure() async throws {
    try await Self.withTable { place, database async throws in
      let process = try await database.process()
      let reached = Atomic<Int>(0)
      let error = await failure {
        try await database.change { connection in
          try connection.send("INSERT INTO t (id) VALUES (1)")
          try connection.send("INSERT INTO t (id) VALUES (1)")
          try connection.send("INSERT INTO t (id) VALUES (2)")
          reached.add(1, ordering: .relaxed)
        }
      }
      #expect((error as? PostgresError)?.sqlState == "23505")
      #expect(reached.load(ordering: .relaxed) == 1)
      #expect(try place.rows == [])
      try await database.change { connection in try connection.send("INSERT INTO t (id) VALUES (1)") }
      #expect(try place.rows == [1])
      #expect(try await database.process() == process)
    }
  }

  @Test("It fails earlier where something else is asked for, and what comes behind is not done")
  func deferredFailureBefore() async throws {
    try await Self.withTable { place, database async throws in
      let reached = Atomic<Int>(0)
      let error = await failure {
        try await database.change { connection in
          try connection.send("INSERT INTO t (id) VALUES (1)")
          try connection.send("INSERT INTO t (id) VALUES (1)")
          _ = try connection.process
          reached.add(1, ordering: .relaxed)
        }
      }
      #expect((error as? PostgresError)?.sqlState == "23505")
      #expect(reached.load(ordering: .relaxed) == 0)
      #expect(try place.rows == [])
    }
  }

  @Test("However many such statements there are, all are done and the commit is known to be", arguments: [true, false])
  func manyDeferred(isFresh: Bool) async throws {
    try await Self.withTable { place, database async throws in
      // Around the number that are queued at most, and twice as many, together with BEGIN and COMMIT.
      for count in Array(50...70) + Array(120...130) {
        try place.execute("TRUNCATE t")
        let database = isFresh ? try place.open(connections: 1) : database
        let error = await failure {
          try await database.change { connection in
            for id in 0..<Int64(count) { try connection.send("INSERT INTO t (id) VALUES (\(id))") }
          }
        }
        #expect(error == nil, "\(count): \(String(describing: error))")
        #expect(try place.rows == Array(0..<Int64(count)))
        #expect(database.metrics.commits > 0)
        await isFresh ? database.close() : ()
      }
    }
  }

  @Test("Of many such statements each may be the one that fails, and all are undone", arguments: [0, 1, 62, 63, 64, 65, 127, 128, 199])
  func oneOfManyDeferred(failing: Int64) async throws {
    try await Self.withTable { place, database async throws in
      try place.execute("INSERT INTO t (id) VALUES (\(failing))")
      let error = await failure {
        try await database.change { connection in
          for id in 0..<Int64(200) { try connection.send("INSERT INTO t (id) VALUES (\(id))") }
        }
      }
      #expect((error as? PostgresError)?.sqlState == "23505")
      #expect(try place.rows == [failing])
    }
  }

  @Test("What only the commit finds wrong undoes all")
  func failedCommit() async throws {
    try await Self.withTable { place, database async throws in
      let process = try await database.process()
      let runs = Atomic<Int>(0)
      let error = await failure {
        try await database.change { connection in
          runs.add(1, ordering: .relaxed)
          try connection.add(1)
          _ = try connection.run("INSERT INTO t (id, parent) VALUES (2, 3)")
        }
      }
      #expect((error as? PostgresError)?.sqlState == "23503")
      #expect(runs.load(ordering: .relaxed) == 1)
      #expect(try place.rows == [])
      try await database.change { try $0.add(1) }
      #expect(try await database.process() == process)
    }
  }

  @Test("A closure that hides that a statement failed is not answered as if it were done")
  func hiddenFailure() async throws {
    try await Self.withTable { place, database async throws in
      let error = await failure {
        try await database.change { connection in
          try connection.add(1)
          try? connection.add(1)
        }
      }
      #expect(error.map(isUnavailable) == true)
      #expect(try place.rows == [])
      try await database.change { try $0.add(1) }
      #expect(try place.rows == [1])
    }
  }

  @Test("A closure's own error undoes what was sent and what still waits, and the next write works on the same connection")
  func ownError() async throws {
    try await Self.withTable { place, database async throws in
      let process = try await database.process()
      let error = await failure {
        try await database.change { connection in
          try connection.add(1)
          try connection.send("INSERT INTO t (id) VALUES (2)")
          throw ParleyError.notFound(.conversation)
        }
      }
      #expect(error as? ParleyError == .notFound(.conversation))
      // Also where what waits would have failed.
      let other = await failure {
        try await database.change { connection in
          try connection.send("SELECT 1 / 0")
          throw ParleyError.notFound(.participant)
        }
      }
      #expect(other as? ParleyError == .notFound(.participant))
      #expect(try place.rows == [])
      #expect(try await database.change { try $0.process } == process)
      #expect(database.metrics.failedCommits == 0)
    }
  }

  @Test("More different statements than are kept all run inside one write, asked for or not, and after one that failed")
  func manyStatements() async throws {
    try await Self.withTable { place, database async throws in
      for round in 0..<3 {
        let error = await failure {
          try await database.change { connection in
            for number in 0..<300 { try connection.send(SQL(text: "INSERT INTO t (id) VALUES (\(round * 1000 + number))", values: [])) }
            if round == 0 { try connection.send("SELECT 1 / 0") }
          }
        }
        #expect((error as? PostgresError)?.sqlState == (round == 0 ? "22012" : nil), "\(String(describing: error))")
      }
      #expect(try place.rows == [1000, 2000].flatMap { Array($0..<$0 + 300) })
    }
  }

  // MARK: - Writes that run again

  @Test("Two writes that wait for each other are both done: the server undoes one, and it runs again")
  func deadlock() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open()
      let samples = Samples()
      let account = try await samples.account(in: database)
      let first = try await samples.heldConversation(of: account, in: database).id
      let second = try await samples.heldConversation(of: account, in: database).id
      let runs = Atomic<Int>(0)
      let (firstHeld, secondHeld) = (Gate(), Gate())
      let write: @Sendable ([Conversation.ID], Gate, Gate) async throws -> Void = { conversations, held, otherHeld in
        let participants = try conversations.map { try samples.participant(in: $0, of: account) }
        try await database.write(for: account) { tx in
          runs.add(1, ordering: .relaxed)
          // So that the server looks for it soon.
          try tx.connection.rows("SELECT set_config('deadlock_timeout', '10ms', true)") { _ in }
          for participant in participants {
            try tx.add(participant)
            held.open()
            otherHeld.wait()
          }
        }
      }
      async let one: Void = write([first, second], firstHeld, secondHeld)
      async let other: Void = write([second, first], secondHeld, firstHeld)
      _ = try await (one, other)
      // The one that was undone may be back before the other is awake, and then they meet once more.
      let retries = database.metrics.retries
      #expect(retries >= 1)
      #expect(runs.load(ordering: .relaxed) == 2 + retries)
      for conversation in [first, second] {
        #expect(try await database.read(for: account, .snapshot) { tx in try tx.members(of: conversation).count } == 2)
      }
    }
  }

  @Test(
    "What the server undid because of others runs again, as often as it may, and is done once",
    arguments: [("40001", 1), ("40001", runsMax - 1), ("40P01", 1), ("40P01", runsMax - 1)])
  func runsAgain(state: String, failures: Int) async throws {
    try await Self.withTable { place, database async throws in
      let process = try await database.process()
      let runs = try await Self.write(database, failing: failures, with: state)
      #expect(runs.error == nil)
      #expect(runs.count == failures + 1)
      #expect(try place.rows == [1])
      #expect(database.metrics.retries == failures)
      #expect(database.metrics.commits == 1)
      #expect(try await database.process() == process)
    }
  }

  @Test("A write that is undone again and again is given up and unavailable, and the next one works", arguments: ["40001", "40P01"])
  func givesUp(state: String) async throws {
    try await Self.withTable { place, database async throws in
      let runs = try await Self.write(database, failing: Self.runsMax, with: state)
      #expect(runs.error.map(isUnavailable) == true)
      #expect(runs.count == Self.runsMax)
      #expect(try place.rows == [])
      #expect(database.metrics.failedCommits == 1)
      #expect(database.metrics.commits == 0)
      #expect(try await Self.write(database, failing: 0, with: state).error == nil)
      #expect(try place.rows == [1])
    }
  }

  @Test("A read that the server undid runs again as well", arguments: [Access.statement, .snapshot, .bulk])
  func readsRunAgain(access: Access) async throws {
    try await PostgresPlace.with { place async throws in
      try place.makeRaise()
      let database = try place.open(connections: 1)
      let runs = Atomic<Int>(0)
      let answer = try await database.ask(access) { connection in
        if runs.add(1, ordering: .relaxed).newValue < 4 { try connection.raise("40001") }
        return try connection.one("SELECT 7") { $0.integer(0) }
      }
      #expect(answer == 7)
      #expect(runs.load(ordering: .relaxed) == 4)
    }
  }

  @Test(
    "No other error runs a write again, and the server's own state is told from faults",
    arguments: [
      ("23505", false), ("23503", false), ("22001", false), ("22012", false), ("22P05", false), ("42P01", false), ("P0001", false),
      ("0A000", false), ("57014", true), ("57P01", true), ("55P03", true), ("53100", true), ("53200", true), ("58030", true),
      ("25006", true), ("25P03", true), ("40002", true), ("40003", true), ("XX000", true), ("08006", true),
    ])
  func runsOnce(state: String, isPassing: Bool) async throws {
    try await Self.withTable { place, database async throws in
      let process = try await database.process()
      let runs = try await Self.write(database, failing: 1, with: state)
      let error = try #require(runs.error)
      #expect(runs.count == 1)
      #expect(isUnavailable(error) == isPassing)
      #expect((error as? PostgresError)?.sqlState == (isPassing ? nil : state))
      #expect(try place.rows == [])
      #expect(database.metrics.retries == 0)
      try await database.change { try $0.add(1) }
      #expect(try place.rows == [1])
      // A server that takes no writes is left: the next connection may lead to another.
      #expect(try await (database.process() == process) == (state != "25006"))
    }
  }

  @Test("A row that changed hands between two looks has a write run again, as often as it may", arguments: [1, runsMax - 1, runsMax])
  func changedHands(failures: Int) async throws {
    try await Self.withTable { place, database async throws in
      let runs = Atomic<Int>(0)
      let error = await failure {
        try await database.change { connection in
          try connection.add(1)
          if runs.add(1, ordering: .relaxed).newValue <= failures { throw ChangedHands(what: "a test") }
        }
      }
      let isDone = failures < Self.runsMax
      #expect(error.map(isUnavailable) == (isDone ? nil : true))
      #expect(runs.load(ordering: .relaxed) == min(failures + 1, Self.runsMax))
      #expect(try place.rows == (isDone ? [1] : []))
    }
  }

  // MARK: - Lost connections

  @Test("A write whose connection ends before its commit runs once more and is done once")
  func lostBeforeCommit() async throws {
    try await Self.withTable { place, database async throws in
      _ = try await database.process()
      let runs = Atomic<Int>(0)
      try await database.change { connection in
        try connection.add(1)
        if runs.add(1, ordering: .relaxed).newValue == 1 { try place.terminate(connection.process) }
        _ = try connection.run("UPDATE t SET text = 'again'")
      }
      #expect(runs.load(ordering: .relaxed) == 2)
      #expect(try place.texts("SELECT text FROM t") == ["again"])
      #expect(database.metrics.retries == 1)
      #expect(database.metrics.connections == 1)
    }
  }

  @Test("If the new connection ends as well, the write is unavailable: once more is all")
  func lostTwice() async throws {
    try await Self.withTable { place, database async throws in
      _ = try await database.process()
      let runs = Atomic<Int>(0)
      let error = await failure {
        try await database.change { connection in
          runs.add(1, ordering: .relaxed)
          try connection.add(1)
          try place.terminate(connection.process)
          _ = try connection.run("UPDATE t SET text = 'again'")
        }
      }
      #expect(error.map(isUnavailable) == true)
      #expect(runs.load(ordering: .relaxed) == 2)
      #expect(try place.rows == [])
      try await database.change { try $0.add(1) }
      #expect(try place.rows == [1])
    }
  }

  @Test("A commit whose outcome nobody knows is unavailable and not repeated")
  func lostAtCommit() async throws {
    try await Self.withTable { place, database async throws in
      _ = try await database.process()
      let runs = Atomic<Int>(0)
      let error = await failure {
        try await database.change { connection in
          runs.add(1, ordering: .relaxed)
          try connection.add(1)
          try place.terminate(connection.process)
        }
      }
      #expect(error.map(isUnavailable) == true)
      #expect(error.map { "\($0)" }?.contains("unknown") == true)
      #expect(runs.load(ordering: .relaxed) == 1)
      #expect(database.metrics.retries == 0)
      try await database.change { try $0.add(1) }
      #expect(try place.rows == [1])
    }
  }

  @Test(
    "A read whose connection ends runs once more, also behind a write whose commit is long known",
    arguments: [Access.snapshot, .bulk], [true, false])
  func lostRead(access: Access, isBehindWrite: Bool) async throws {
    try await Self.withTable { place, database async throws in
      if isBehindWrite { try await database.change { try $0.add(1) } } else { _ = try await database.process() }
      let runs = Atomic<Int>(0)
      let answer = try await database.ask(access) { connection in
        if runs.add(1, ordering: .relaxed).newValue == 1 { try place.terminate(connection.process) }
        return try connection.one("SELECT 7") { $0.integer(0) }
      }
      #expect(answer == 7)
      #expect(runs.load(ordering: .relaxed) == 2)
    }
  }

  @Test("A read behind a write that its commit refused runs once more as well")
  func lostReadBehindRefusedCommit() async throws {
    try await Self.withTable { place, database async throws in
      let error = await failure {
        try await database.change { connection in _ = try connection.run("INSERT INTO t (id, parent) VALUES (2, 3)") }
      }
      #expect((error as? PostgresError)?.sqlState == "23503")
      let runs = Atomic<Int>(0)
      try await database.ask { connection in
        if runs.add(1, ordering: .relaxed).newValue == 1 { try place.terminate(connection.process) }
        _ = try connection.process
      }
      #expect(runs.load(ordering: .relaxed) == 2)
    }
  }

  // MARK: - Parts

  /// Runs a test with a table, on a database with one connection. Its transactions have long, for those that run again and again.
  private static func withTable(_ test: (_ place: PostgresPlace, _ database: PostgresDatabase) async throws -> Void) async throws {
    try await PostgresPlace.with { place async throws in
      try place.makeTable()
      try place.makeRaise()
      try await test(place, try place.open(connections: 1, timeouts: .with { $0.transaction = .seconds(100) }))
    }
  }

  /// Adds a row in a write whose first runs fail with a code.
  private static func write(_ database: PostgresDatabase, failing failures: Int, with state: String) async throws
    -> (count: Int, error: (any Error)?)
  {
    let runs = Atomic<Int>(0)
    let error = await failure {
      try await database.change { connection in
        try connection.add(1)
        if runs.add(1, ordering: .relaxed).newValue <= failures { try connection.raise(state) }
      }
    }
    return (runs.load(ordering: .relaxed), error)
  }
}

extension PostgresPlace {
  /// Makes a function that fails with the code that it is given.
  fileprivate func makeRaise() throws {
    try execute(
      """
      CREATE FUNCTION raise(state TEXT) RETURNS BIGINT LANGUAGE PLPGSQL AS $$
        BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = state; END $$
      """)
  }
}

extension Connection {
  fileprivate func raise(_ state: String) throws { try rows("SELECT raise(\(state))") { _ in } }
}
