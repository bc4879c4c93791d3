import ParleyDomain
import ParleyTesting
import Synchronization
import Testing

@testable import ParleyStorage

/// What reads of each access see, and what they leave behind.
@Suite("PostgreSQL reads", .timeLimit(.minutes(10)))
struct PostgresReadTests {
  private static let accesses = [Access.statement, .snapshot, .bulk]

  @Test("A read of one statement needs no transaction, so that another statement sees what happened between")
  func statements() async throws {
    try await PostgresPlace.with { place async throws in
      try place.makeTable()
      let database = try place.open()
      let seen = try await database.ask(.statement) { connection in
        let isolation = try connection.setting("transaction_isolation")
        let before = try connection.count()
        try place.execute("INSERT INTO t (id) VALUES (1)")
        #expect(try place.number("SELECT count(*) FROM pg_stat_activity WHERE application_name = \(place.name) AND state <> 'idle'") == 0)
        return (isolation, before, try connection.count())
      }
      #expect(seen == ("read committed", 0, 1))
    }
  }

  @Test("Several statements of a read see one state, whatever happens between", arguments: [Access.snapshot, .bulk])
  func snapshots(access: Access) async throws {
    try await PostgresPlace.with { place async throws in
      try place.makeTable()
      let database = try place.open(connections: 1)
      let seen = try await database.ask(access) { connection in
        let isolation = try connection.setting("transaction_isolation")
        let before = try connection.count()
        try place.execute("INSERT INTO t (id) VALUES (1)")
        return (isolation, before, try connection.count())
      }
      #expect(seen == ("repeatable read", 0, 0))
      // The end of a read is not waited for, but the next one on the connection has its own state.
      #expect(try await database.ask(access) { try $0.count() } == 1)
      #expect(try await database.ask { try $0.count() } == 1)
    }
  }

  @Test("No read can change anything, also by a function, and the next one works", arguments: accesses)
  func readOnly(access: Access) async throws {
    try await PostgresPlace.with { place async throws in
      try place.makeTable()
      try place.execute("CREATE FUNCTION add() RETURNS BIGINT LANGUAGE SQL AS 'INSERT INTO t (id) VALUES (2) RETURNING id'")
      let database = try place.open(connections: 1)
      #expect(try await database.ask(access) { try $0.setting("transaction_read_only") } == "on")
      for text in ["INSERT INTO t (id) VALUES (1) RETURNING id", "SELECT add()", "SELECT nextval('s')"] {
        let error = await failure { _ = try await database.ask(access) { try $0.one(SQL(text: text, values: [])) { $0.integer(0) } } }
        #expect(error != nil, "\(text)")
      }
      #expect(try await database.ask(access) { try $0.count() } == 0)
    }
  }

  @Test("A statement of a read whose outcome nobody asks for fails at the end of the read", arguments: accesses)
  func deferredFailures(access: Access) async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1)
      let process = try await database.process()
      let error = await failure { try await database.ask(access) { try $0.send("SELECT 1 / 0") } }
      #expect((error as? PostgresError)?.sqlState == "22012")
      #expect(try await database.process() == process)
    }
  }

  // MARK: - Bulk

  @Test("A bulk read shows rows while the server is still making them, one at a time, and does not collect them")
  func streams() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1)
      let (rows, collected) = try await database.ask(.bulk) { connection in
        let process = try connection.process
        var (rows, collected) = (Int64(0), 0)
        // 20 MB, more than all buffers between the server and here hold.
        try connection.rows("SELECT n, repeat('x', 200) FROM generate_series(1, 100000) AS n") { row throws in
          rows += 1
          #expect(row.integer(0) == rows)
          if (row as? PostgresRow)?.row != 0 { collected += 1 }
          guard rows == 1 else { return }
          #expect(try place.texts("SELECT state FROM pg_stat_activity WHERE pid = \(process)") == ["active"])
        }
        return (rows, collected)
      }
      #expect(rows == 100_000)
      #expect(collected == 0)
    }
  }

  @Test("Other reads collect: a row is the place of one among all")
  func collects() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1)
      let places = try await database.ask(.snapshot) { connection in
        try connection.all("SELECT n FROM generate_series(1, 3) AS n") { ($0 as? PostgresRow)?.row }
      }
      #expect(places == [0, 1, 2])
    }
  }

  @Test("Several statements of one bulk read all stream, with and without rows, and values of every kind come through")
  func severalStreams() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1)
      let answers = try await database.ask(.bulk) { connection in
        var answers: [[Int64]] = []
        for count in [Int64(0), 1, 3, 0, 2] {
          answers.append(try connection.all("SELECT n FROM generate_series(1, \(count)) AS n") { $0.integer(0) })
        }
        let texts = try connection.all("SELECT \("é\u{301}💡"), \(nil as String?), \(Int64.min)") { row in
          [row.optionalText(0), row.optionalText(1), "\(row.integer(2))"]
        }
        return (answers, texts)
      }
      #expect(answers.0 == [[], [1], [1, 2, 3], [], [1, 2]])
      #expect(answers.1 == [["é\u{301}💡", nil, "-9223372036854775808"]])
    }
  }

  // MARK: - Failures inside

  @Test("A closure that throws among the rows gets its own error, and the connection goes on", arguments: accesses)
  func throwsAmongRows(access: Access) async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1)
      let process = try await database.process()
      let seen = Atomic<Int>(0)
      let error = await failure {
        try await database.ask(access) { connection in
          try connection.rows("SELECT n FROM generate_series(1, 10000) AS n") { row in
            seen.add(1, ordering: .relaxed)
            if row.integer(0) == 500 { throw DamagedDocument(reason: "test") }
          }
        }
      }
      #expect(error is DamagedDocument)
      #expect(seen.load(ordering: .relaxed) == 500)
      #expect(try await database.ask(access) { try $0.process } == process)
      #expect(try await database.ask(.bulk) { connection in try connection.all("SELECT 1 WHERE true") { $0.integer(0) } } == [1])
    }
  }

  @Test("A server that fails among the rows is an error, and the connection goes on", arguments: accesses)
  func failsAmongRows(access: Access) async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1)
      let process = try await database.process()
      let error = await failure {
        try await database.ask(access) { try $0.rows("SELECT 1 / (5000 - n) FROM generate_series(1, 10000) AS n") { _ in } }
      }
      #expect((error as? PostgresError)?.sqlState == "22012")
      #expect(try await database.ask(access) { try $0.process } == process)
    }
  }

  @Test(
    "A closure that goes on after a failed statement of its snapshot is not answered as if nothing had been",
    arguments: [Access.snapshot, .bulk])
  func hiddenFailure(access: Access) async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1)
      let process = try await database.process()
      let error = await failure {
        _ = try await database.ask(access) { connection in
          try? connection.rows("SELECT 1 / 0") { _ in }
          return try connection.process
        }
      }
      #expect(error.map(isUnavailable) == true)
      #expect(try await database.process() == process)
    }
  }

  // MARK: - Statements

  @Test("More different statements than are kept all run, and those that are kept as well", arguments: accesses)
  func manyStatements(access: Access) async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1, timeouts: .with { $0.transaction = .seconds(100) })
      for _ in 0..<2 {
        let answers = try await database.ask(access) { connection in
          try (0..<600).map { number in try connection.one(SQL(text: "SELECT \(number)", values: [])) { $0.integer(0) } }
        }
        #expect(answers == (0..<600).map { $0 })
      }
      #expect(try await database.ask(access) { connection in try connection.one("SELECT 599") { $0.integer(0) } } == 599)
    }
  }
}

extension Connection {
  /// Rows of the table of tests.
  fileprivate func count() throws -> Int64 { try one("SELECT count(*) FROM t") { $0.integer(0) } ?? -1 }
}
