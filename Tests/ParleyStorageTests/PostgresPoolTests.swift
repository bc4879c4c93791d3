import ParleyDomain
import ParleyTesting
import Synchronization
import Testing

@testable import ParleyStorage

/// The connections of a node: how many, how long who waits for what, and what becomes of those that end.
@Suite("PostgreSQL pool", .timeLimit(.minutes(10)))
struct PostgresPoolTests {
  /// Waits that no test is to see the end of.
  private static let patient = PostgresTimeouts.with { timeouts in
    (timeouts.pool, timeouts.transaction) = (.seconds(500), .seconds(500))
    (timeouts.lockMilliseconds, timeouts.statementMilliseconds) = (500_000, 500_000)
  }

  // MARK: - How many

  @Test("A pool has so many connections at most, and no more than are needed")
  func connectionsMax() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 3, timeouts: Self.patient)
      try await place.waitForNoSession()
      #expect(database.metrics.connections == 0)
      for _ in 0..<5 { _ = try await database.process() }
      #expect(database.metrics.connections == 1)
      let gate = Gate()
      let processes = try await withThrowingTaskGroup(of: Int64.self) { group in
        for _ in 0..<50 {
          group.addTask {
            try await database.ask { connection in
              gate.wait()
              #expect(try place.sessions ?? 0 <= 3)
              return try connection.process
            }
          }
        }
        await database.queued(47)
        #expect(database.metrics.connectionsInUse == 3)
        gate.open()
        return try await group.reduce(into: Set()) { $0.insert($1) }
      }
      #expect(processes.count <= 3)
      #expect(try place.sessions == 3)
      #expect(database.metrics.connections == 3)
      #expect(database.metrics.queueLength == 0)
      #expect(database.metrics.waitMicroseconds > 0)
      #expect(database.metrics.refusedByQueue == 0)
    }
  }

  @Test("Beyond its limit the queue refuses, and what it took is done")
  func queueMax() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1, timeouts: Self.patient)
      let held = await database.hold()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<PostgresPool.queueMax { group.addTask { try await database.ask { _ in } } }
        await database.queued(PostgresPool.queueMax)
        for _ in 0..<3 {
          let error = await failure { try await database.ask { _ in } }
          #expect(error.map(isUnavailable) == true)
        }
        #expect(database.metrics.refusedByQueue == 3)
        try await held.release()
        try await group.waitForAll()
      }
      _ = try await database.process()
    }
  }

  // MARK: - How long

  @Test("Who waits too long for a connection is told to come again, and counted; who is served in time is not")
  func poolTimeout() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1, timeouts: .with { $0.pool = .milliseconds(20) })
      _ = try await database.process()
      let held = await database.hold()
      let errors = await withTaskGroup(of: (any Error)?.self) { group in
        for _ in 0..<5 { group.addTask { await failure { _ = try await database.process() } } }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(errors.count == 5)
      #expect(errors.allSatisfy { $0.map(isUnavailable) == true })
      #expect(database.metrics.refusedByQueue == 5)
      #expect(database.metrics.queueLength == 0)
      #expect(database.metrics.waitMicroseconds >= 5 * 20_000)
      try await held.release()
      _ = try await database.process()
      #expect(database.metrics.refusedByQueue == 5)
    }
  }

  @Test("A write waits for a lock as long as it may, is unavailable then, and done once the lock is free")
  func lockTimeout() async throws {
    try await PostgresPlace.with { place async throws in
      try place.makeTable()
      try place.execute("INSERT INTO t (id) VALUES (1)")
      let database = try place.open(connections: 1, timeouts: .with { $0.lockMilliseconds = 20 })
      let patient = try place.open(connections: 1, timeouts: Self.patient)
      let update: @Sendable (any Connection) throws -> Int = { try $0.run("UPDATE t SET text = 'done'") }
      let other = try place.connect(place.plainURL)
      try other.execute("BEGIN; SELECT id FROM t FOR UPDATE")
      let error = await failure { _ = try await database.change(update) }
      #expect(error.map(isUnavailable) == true)
      #expect(error.map { "\($0)" }?.contains("55P03") == true)
      async let waiting = patient.change(update)
      try await place.waitForLock()
      try other.execute("ROLLBACK")
      #expect(try await waiting == 1)
      #expect(try await database.change(update) == 1)
      #expect(database.metrics.retries == 0)
    }
  }

  @Test("A statement that takes too long is ended by the server, and the connection goes on")
  func statementTimeout() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1, timeouts: .with { $0.statementMilliseconds = 5000 })
      let process = try await database.process()
      let runs = Atomic<Int>(0)
      let error = await failure {
        try await database.change { connection in
          runs.add(1, ordering: .relaxed)
          try connection.rows("SELECT pg_sleep(100)") { _ in }
        }
      }
      #expect(error.map(isUnavailable) == true)
      #expect(error.map { "\($0)" }?.contains("57014") == true)
      #expect(runs.load(ordering: .relaxed) == 1)
      #expect(try await database.process() == process)
    }
  }

  @Test("A server that doesn't answer in the time of a transaction is left, and the next one gets a connection of its own")
  func transactionTimeout() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(
        connections: 1, timeouts: .with { ($0.transaction, $0.statementMilliseconds) = (.seconds(10), 100_000) })
      let process = try await database.process()
      let error = await failure { try await database.ask { try $0.rows("SELECT pg_sleep(100)") { _ in } } }
      #expect(error.map(isUnavailable) == true)
      #expect(error.map { "\($0)" }?.contains("did not answer in time") == true)
      #expect(database.metrics.connections == 0)
      #expect(try await database.process() != process)
      // What nobody waits for any more goes on there until the server's own limit.
      try place.terminate(process)
    }
  }

  // MARK: - Connections that end

  @Test("A connection that nobody needs is closed after its time, and the next read opens another")
  func idle() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 2, timeouts: .with { $0.idle = .milliseconds(20) })
      let process = try await database.process()
      while database.metrics.connections > 0 { await Task.yield() }
      try await place.waitForNoSession()
      #expect(try await database.process() != process)
    }
  }

  @Test("A connection that is needed before its time stays")
  func notIdle() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 2)
      try await place.waitForNoSession()
      let process = try await database.process()
      for _ in 0..<20 { #expect(try await database.process() == process) }
      #expect(try place.sessions == 1)
    }
  }

  @Test("Whoever comes while the last connection is being closed is served by another")
  func idleRace() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(connections: 1, timeouts: .with { ($0.idle, $0.pool) = (.zero, .seconds(10)) })
      for _ in 0..<100 { _ = try await database.process() }
      #expect(database.metrics.refusedByQueue == 0)
    }
  }

  @Test("A connection that the server ended while nobody used it is replaced without an error", arguments: [true, false])
  func endedWhileIdle(isBehindWrite: Bool) async throws {
    try await PostgresPlace.with { place async throws in
      try place.makeTable()
      let database = try place.open(connections: 1)
      for id in 0..<Int64(5) {
        let process = try await isBehindWrite ? database.change { try $0.process } : database.process()
        try place.terminate(process)
        if id.isMultiple(of: 2) {
          #expect(try await database.process() != process)
        } else {
          try await database.change { try $0.add(id) }
        }
      }
      #expect(try place.rows == [1, 3])
      #expect(database.metrics.connections == 1)
      #expect(database.metrics.connectionsFailed == 0)
    }
  }

  @Test("All connections end at once, and nobody notices")
  func allEnded() async throws {
    try await PostgresPlace.with { place async throws in
      try place.makeTable()
      let database = try place.open(connections: 4, timeouts: Self.patient)
      try await place.waitForNoSession()
      for _ in 0..<2 {
        let held = [await database.hold(), await database.hold(), await database.hold(), await database.hold()]
        for hold in held { try await hold.release() }
        #expect(try place.sessions == 4)
        try place.execute("SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE application_name = '\(place.name)'")
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<20 { group.addTask { _ = try await database.process() } }
          try await group.waitForAll()
        }
      }
      #expect(database.metrics.connectionsFailed == 0)
    }
  }

  // MARK: - Connections that can't be had

  @Test("Where the server has no connection left, requests wait for those that there are, and more come when there is room")
  func connectionLimit() async throws {
    try await PostgresPlace.with { place async throws in
      let role = try place.makeRole("CONNECTION LIMIT 1")
      try place.execute("GRANT ALL ON SCHEMA \(place.name) TO \(role)")
      let database = try place.open(place.url(as: role), connections: 3, timeouts: Self.patient)
      try await place.ended(role)
      let held = await database.hold()
      async let waiting = database.process()
      while database.metrics.connectionsFailed == 0 || database.metrics.queueLength == 0 { await Task.yield() }
      try await held.release()
      let process = try await waiting
      for _ in 0..<5 { #expect(try await database.process() == process) }
      #expect(database.metrics.connections == 1)

      try place.execute("ALTER ROLE \(role) CONNECTION LIMIT 2")
      let again = await database.hold()
      let second = try await database.process()
      #expect(second != process)
      try await again.release()

      // Who lost its connection and gets no other does not stand before one that has one.
      let both = [await database.hold(), await database.hold()]
      for held in both { try await held.release() }
      let last = try await database.process()
      try place.execute("ALTER ROLE \(role) CONNECTION LIMIT 1")
      try place.terminate(last)
      // The request that notices may be the one that fails.
      _ = await failure { _ = try await database.process() }
      for _ in 0..<5 { #expect(try await database.process() == (last == process ? second : process)) }
    }
  }

  @Test("Who waits for too long for a connection that the server does not have is told so")
  func connectionLimitTooLong() async throws {
    try await PostgresPlace.with { place async throws in
      let role = try place.makeRole("CONNECTION LIMIT 1")
      try place.execute("GRANT ALL ON SCHEMA \(place.name) TO \(role)")
      let database = try place.open(
        place.url(as: role), connections: 3, timeouts: .with { ($0.pool, $0.transaction) = (.milliseconds(100), .seconds(100)) })
      try await place.ended(role)
      let held = await database.hold()
      let error = await failure { _ = try await database.process() }
      #expect(error.map(isUnavailable) == true)
      try await held.release()
      _ = try await database.process()
    }
  }

  @Test("What waits is left to the connections that there are, and nobody fails because others can't be had")
  func connectionLimitWithQueue() async throws {
    try await PostgresPlace.with { place async throws in
      let role = try place.makeRole("CONNECTION LIMIT 1")
      try place.execute("GRANT ALL ON SCHEMA \(place.name) TO \(role)")
      let database = try place.open(place.url(as: role), connections: 2, timeouts: Self.patient)
      try await place.ended(role)
      let held = await database.hold()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<30 { group.addTask { _ = try await database.process() } }
        await database.queued(29)
        try await held.release()
        try await group.waitForAll()
      }
      #expect(database.metrics.refusedByQueue == 0)
      _ = try await database.process()
    }
  }

  @Test("A server that has gone is unavailable at once, and used again when it is back")
  func serverGone() async throws {
    try await PostgresPlace.with { place async throws in
      let role = try place.makeRole("")
      try place.execute("GRANT ALL ON SCHEMA \(place.name) TO \(role)")
      let database = try place.open(place.url(as: role), connections: 2)
      let process = try await database.process()
      try place.execute("ALTER ROLE \(role) NOLOGIN")
      try place.terminate(process)
      let errors = await withTaskGroup(of: (any Error)?.self) { group in
        for _ in 0..<10 { group.addTask { await failure { _ = try await database.process() } } }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(errors.allSatisfy { $0.map(isUnavailable) == true })
      #expect(database.metrics.connections == 0)
      #expect(database.metrics.queueLength == 0)
      try place.execute("ALTER ROLE \(role) LOGIN")
      _ = try await database.process()
      #expect(database.metrics.connections == 1)
    }
  }

  // MARK: - The end

  @Test("Closing does what was accepted, takes nothing more, and leaves no session")
  func close() async throws {
    try await PostgresPlace.with { place async throws in
      try place.makeTable()
      let database = try place.open(connections: 2, timeouts: Self.patient)
      let held = [await database.hold(), await database.hold()]
      try await withThrowingTaskGroup(of: Void.self) { group in
        for id in 0..<Int64(50) { group.addTask { try await database.change { try $0.add(id) } } }
        await database.queued(50)
        group.addTask { await database.close() }
        // Those that still came in time are done as well.
        while database.metrics.refusedByQueue == 0 {
          group.addTask { _ = await failure { _ = try await database.process() } }
          await Task.yield()
        }
        for hold in held { try await hold.release() }
        try await group.waitForAll()
      }
      #expect(try place.rows == Array(0..<50))
      let error = await failure { try await database.change { try $0.add(-1) } }
      #expect(error.map(isUnavailable) == true)
      // Once more is nothing.
      await database.close()
      #expect(database.metrics.connections == 0)
      try await place.waitForNoSession()
    }
  }

  @Test("Closing ends those who rest, and a database that nobody has used")
  func closeAtRest() async throws {
    try await PostgresPlace.with { place async throws in
      let (unused, used) = (try place.open(), try place.open())
      _ = try await used.process()
      await unused.close()
      await used.close()
      #expect(used.metrics.connections == 0)
      #expect(used.metrics.connectionsInUse == 0)
    }
  }

  @Test("The measures count what was done")
  func metrics() async throws {
    let start = ContinuousClock.now
    try await PostgresPlace.with { place async throws in
      try place.makeTable()
      let database = try place.open(connections: 1)
      for id in 0..<Int64(3) { try await database.change { try $0.add(id) } }
      for _ in 0..<4 { _ = try await database.process() }
      _ = await failure { try await database.change { _ in throw ParleyError.notFound(.conversation) } }
      _ = await failure { try await database.change { try $0.add(0) } }
      let metrics = database.metrics
      #expect([metrics.commits, metrics.writes, metrics.failedCommits, metrics.retries] == [3, 3, 0, 0])
      #expect((4...4 + PostgresClock.readsMax(since: start)).contains(metrics.reads))
      #expect([metrics.connections, metrics.connectionsFailed, metrics.queueLength] == [1, 0, 0])
      #expect(metrics.commitMicroseconds > 0)
      #expect(metrics.readMicroseconds > 0)
    }
  }
}

extension PostgresPlace {
  /// Returns once no session of a role is there.
  fileprivate func ended(_ role: String) async throws {
    while try number("SELECT count(*) FROM pg_stat_activity WHERE usename = \(role)") != 0 { await Task.yield() }
  }
}
