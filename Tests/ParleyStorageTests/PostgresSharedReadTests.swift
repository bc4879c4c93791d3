import ParleyDomain
import ParleyTesting
import Synchronization
import Testing

@testable import ParleyStorage

/// Reads of one statement, which share connections.
@Suite("PostgreSQL shared reads", .timeLimit(.minutes(10)))
struct PostgresSharedReadTests {
  private static let patient = PostgresTimeouts.with { ($0.pool, $0.transaction) = (.seconds(100), .seconds(100)) }

  @Test("Of many at once each gets its own answer, whatever the others are, and few connections are enough")
  func many() async throws {
    let start = ContinuousClock.now
    try await PostgresPlace.with { place in
      let database = try place.open(connections: 10, timeouts: Self.patient)
      try await place.waitForNoSession()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<2000 {
          group.addTask {
            let rows = Int64(number % 7)
            let answer = try await database.ask(.statement) { connection in
              try connection.all("SELECT \(Int64(number)), n FROM generate_series(1, \(rows)) AS n") { ($0.integer(0), $0.integer(1)) }
            }
            #expect(answer.map(\.0) == Array(repeating: Int64(number), count: Int(rows)))
            #expect(answer.map(\.1) == Array(0..<rows).map { $0 + 1 })
          }
        }
        try await group.waitForAll()
      }
      #expect((2000...2000 + PostgresClock.readsMax(since: start)).contains(database.metrics.reads))
      #expect(try place.sessions ?? 0 <= 10)
    }
  }

  @Test("One that the server refuses is an error of its own, and none of the others")
  func refused() async throws {
    try await PostgresPlace.with { place in
      let database = try place.open(connections: 2, timeouts: Self.patient)
      let states = try await withThrowingTaskGroup(of: String?.self) { group in
        for number in 0..<300 {
          group.addTask {
            let divisor = Int64(number % 10)
            do {
              #expect(try await database.ask(.statement) { try $0.one("SELECT 1000 / \(divisor)") { $0.integer(0) } } == 1000 / divisor)
              return nil
            } catch {
              return (error as? PostgresError)?.sqlState
            }
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(states.compactMap { $0 } == Array(repeating: "22012", count: 30))
    }
  }

  @Test("Beyond the limit of those that wait one is refused, and the others are answered")
  func limit() async throws {
    try await PostgresPlace.with { place in
      let database = try place.open(connections: 1, timeouts: Self.patient)
      let held = await database.hold()
      // The reader itself waits for the connection.
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<PostgresPool.queueMax { group.addTask { _ = try await database.ask(.statement) { try $0.process } } }
        await database.queued(PostgresPool.queueMax + 1)
        let error = await failure { _ = try await database.ask(.statement) { try $0.process } }
        #expect(error.map(isUnavailable) == true)
        #expect(database.metrics.refusedByQueue == 1)
        try await held.release()
        try await group.waitForAll()
      }
    }
  }

  @Test("One that waits for the server holds up no other")
  func slow() async throws {
    try await PostgresPlace.with { place in
      let database = try place.open(
        connections: 3,
        timeouts: .with { ($0.transaction, $0.lockMilliseconds, $0.statementMilliseconds) = (.seconds(100), 100_000, 100_000) })
      try place.execute("SELECT pg_advisory_lock(42)")
      async let slow = database.ask(.statement) { try $0.one("SELECT pg_advisory_xact_lock(42), 1") { $0.integer(1) } }
      try await place.waitForLock()
      for number in 0..<20 {
        #expect(try await database.ask(.statement) { try $0.one("SELECT \(Int64(number))") { $0.integer(0) } } == Int64(number))
      }
      try place.execute("SELECT pg_advisory_unlock(42)")
      #expect(try await slow == 1)
    }
  }

  @Test("A read that asks more than it said, or nothing, or changes something, is done on a connection of its own")
  func others() async throws {
    try await PostgresPlace.with { place in
      let database = try place.open(connections: 2)
      try place.makeTable()
      let two = try await database.ask(.statement) { connection in
        [try connection.one("SELECT 1") { $0.integer(0) }, try connection.one("SELECT 2") { $0.integer(0) }]
      }
      #expect(two == [1, 2])
      #expect(try await database.ask(.statement) { _ in 7 } == 7)
      let error = await failure { try await database.ask(.statement) { try $0.add(1) } }
      #expect(error.map(isUnavailable) == true)
      #expect(try place.rows.isEmpty)
      await #expect(throws: ParleyError.notFound(.participant)) {
        try await database.ask(.statement) { connection in
          if try connection.one("SELECT 1 WHERE FALSE", { _ in true }) == nil { throw ParleyError.notFound(.participant) }
        }
      }
    }
  }

  @Test("Where the operator lets sessions only read, writes are refused for a while and reads go on")
  func readOnly() async throws {
    try await PostgresPlace.with { place in
      try place.makeTable()
      _ = try place.open()
      let database = try place.open(place.url(setting: "default_transaction_read_only=on"))
      let error = await failure { try await database.change { try $0.add(1) } }
      #expect(error.map(isUnavailable) == true)
      #expect(try await database.ask(.statement) { try $0.one("SELECT 1") { $0.integer(0) } } == 1)
      #expect(try place.rows.isEmpty)
    }
  }

  @Test("After all connections were ended, reads go on")
  func ended() async throws {
    try await PostgresPlace.with { place in
      let database = try place.open(connections: 2)
      for _ in 0..<3 {
        let process = try await database.ask(.statement) { try $0.process }
        try place.terminate(process)
      }
      #expect(try await database.ask(.statement) { try $0.process } > 0)
      #expect(database.metrics.connectionsFailed == 0)
    }
  }

  @Test("With no server to connect to, all that wait are told so, and the next are served once there is one")
  func unreachable() async throws {
    try await PostgresPlace.with { place in
      let role = try place.makeRole("")
      try place.execute("GRANT ALL ON SCHEMA \(place.name) TO \(role)")
      let database = try place.open(place.url(as: role))
      try place.execute("ALTER ROLE \(role) NOLOGIN")
      let failures = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<50 {
          group.addTask { await failure { _ = try await database.ask(.statement) { try $0.process } }.map(isUnavailable) ?? false }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(failures == 50)
      try place.execute("ALTER ROLE \(role) LOGIN")
      #expect(try await database.ask(.statement) { try $0.process } > 0)
    }
  }
}
