import Foundation
import ParleyDomain
import Synchronization

/// A PostgreSQL database, which other nodes use as well.
///
/// A write runs in READ COMMITTED and locks what it decides on; several reads see one state by REPEATABLE READ; a read of one statement
/// needs no transaction of its own.
package final class PostgresDatabase: Database {
  /// Runs of one write that met others' again and again.
  private static let runsMax = 10
  /// How long a write waits at most before it runs again; each time twice as long, up to 64 times. By chance, or two would meet again.
  private static let pauseMicroseconds: UInt32 = 2000

  private let pool: PostgresPool
  private let sharedReads: PostgresReads
  private let clock: PostgresClock
  private let timeouts: PostgresTimeouts
  private let commits = Atomic<Int>(0)
  private let failedCommits = Atomic<Int>(0)
  private let commitMicroseconds = Atomic<Int>(0)
  private let reads = Atomic<Int>(0)
  private let readMicroseconds = Atomic<Int>(0)
  private let retries = Atomic<Int>(0)
  private let ticks = Mutex<(any DispatchSourceTimer)?>(nil)

  /// Opens the database and brings its schema up to date, unless `migrates` is false; `seal` is asked as for an SQLite file. Throws
  /// `StartFailure` with a sentence if it can't be used.
  package convenience init(
    _ url: PostgresURL, role: DatabaseRole, connections: Int, migrates: Bool, seal: (_ keyCheck: String?) throws -> String
  ) throws {
    try self.init(url, role: role, connections: connections, migrates: migrates, timeouts: PostgresTimeouts(), seal: seal)
  }

  init(
    _ url: PostgresURL, role: DatabaseRole, connections: Int, migrates: Bool, timeouts: PostgresTimeouts,
    seal: (_ keyCheck: String?) throws -> String
  ) throws {
    let clock = PostgresClock()
    do {
      let connection = try PostgresConnection(forCommands: url)
      try PostgresSchema(connection: connection).prepare(isServer: role == .server, mayMigrate: migrates, seal: seal)
      try clock.measure(on: connection)
    } catch let error as PostgresError {
      throw StartFailure("\(url.place) can't be used: \(error.message)")
    }
    self.clock = clock
    self.timeouts = timeouts
    pool = PostgresPool(connectionsMax: connections, timeouts: timeouts) { deadline in
      let connection = try PostgresConnection(url, connectSeconds: timeouts.connectSeconds)
      connection.deadline = deadline
      try PostgresSession.prepare(connection, timeouts)
      try clock.measure(on: connection)
      return connection
    }
    sharedReads = PostgresReads(pool: pool, timeouts: timeouts)
    measureAtIntervals()
  }

  package func read<Answer: Sendable>(
    for account: Account.ID, _ access: Access, _ body: @escaping @Sendable (Transaction) throws -> Answer
  ) async throws -> Answer {
    try await read(access) { connection in try body(Transaction(connection, account: account)) }
  }

  package func write<Answer: Sendable>(
    for account: Account.ID, _ body: @escaping @Sendable (Transaction) throws -> Answer
  ) async throws -> Answer {
    try await write { connection in try body(Transaction(connection, account: account)) }
  }

  package func readSystem<Answer: Sendable>(
    _ access: Access, _ body: @escaping @Sendable (SystemTransaction) throws -> Answer
  ) async throws -> Answer {
    try await read(access) { connection in try body(SystemTransaction(connection)) }
  }

  package func writeSystem<Answer: Sendable>(_ body: @escaping @Sendable (SystemTransaction) throws -> Answer) async throws -> Answer {
    try await write { connection in try body(SystemTransaction(connection)) }
  }

  package func writeRelaxed<Answer: Sendable>(_ body: @escaping @Sendable (SystemTransaction) throws -> Answer) async throws -> Answer {
    try await write { connection in
      try connection.send("SET LOCAL synchronous_commit TO off")
      return try body(SystemTransaction(connection))
    }
  }

  package func now() -> Timestamp { clock.now() }

  package var metrics: DatabaseMetrics {
    var metrics = DatabaseMetrics()
    pool.add(to: &metrics)
    sharedReads.add(to: &metrics)
    metrics.commits = commits.load(ordering: .relaxed)
    // One closure a transaction.
    metrics.writes = metrics.commits
    metrics.failedCommits = failedCommits.load(ordering: .relaxed)
    metrics.commitMicroseconds = commitMicroseconds.load(ordering: .relaxed)
    metrics.reads = reads.load(ordering: .relaxed)
    metrics.readMicroseconds = readMicroseconds.load(ordering: .relaxed)
    metrics.retries = retries.load(ordering: .relaxed)
    return metrics
  }

  package func close() async {
    ticks.withLock { $0?.cancel() }
    await pool.stop()
  }

  private func measureAtIntervals() {
    let seconds = Int(PostgresClock.interval.components.seconds)
    ticks.withLock { ticks in
      let timer = DispatchSource.makeTimerSource()
      timer.schedule(deadline: .now() + .seconds(seconds), repeating: .seconds(seconds))
      timer.setEventHandler { [weak self] in
        guard let self else { return }
        // A database that is away is found out by those who need it.
        Task { try? await self.readOnThread(.statement) { try self.clock.measure(on: $0) } }
      }
      timer.activate()
      ticks = timer
    }
  }

  // MARK: - Transactions

  private func read<Answer: Sendable>(_ access: Access, _ body: @escaping @Sendable (any Connection) throws -> Answer) async throws
    -> Answer
  {
    guard case .statement = access, let question = PostgresQuestion.first(of: body) else { return try await readOnThread(access, body) }
    let start = ContinuousClock.now
    let deadline = start + timeouts.pool + timeouts.transaction
    if let result = try await sharedReads.ask(question) {
      do {
        let answer = try body(PostgresReply(result, to: question))
        count(readSince: start)
        return answer
      } catch is PostgresReply.NotEnough {}
    }
    return try await readOnThread(access, until: deadline, body)
  }

  private func count(readSince start: ContinuousClock.Instant) {
    reads.add(1, ordering: .relaxed)
    readMicroseconds.add((ContinuousClock.now - start).microseconds, ordering: .relaxed)
  }

  private func readOnThread<Answer: Sendable>(
    _ access: Access, until deadline: ContinuousClock.Instant? = nil, _ body: @escaping @Sendable (PostgresConnection) throws -> Answer
  ) async throws -> Answer {
    try await pool.run { worker in
      let start = ContinuousClock.now
      defer { self.count(readSince: start) }
      return try self.repeating(on: worker, until: deadline) { connection in
        if case .statement = access {
          let answer = try body(connection)
          try connection.settle()
          return answer
        }
        connection.streamsRows = access == .bulk
        defer { connection.streamsRows = false }
        try connection.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        let answer = try body(connection)
        // Nobody needs to wait for the end of a read.
        try connection.leave()
        return answer
      }
    }
  }

  private func write<Answer: Sendable>(_ body: @escaping @Sendable (PostgresConnection) throws -> Answer) async throws -> Answer {
    try await pool.run { worker in
      let start = ContinuousClock.now
      do {
        let answer = try self.repeating(on: worker) { connection in
          // Every session begins as one that only reads; an operator's wish that it stays so is granted, and the write refused.
          try connection.begin(
            connection.isReadOnly ? "BEGIN ISOLATION LEVEL READ COMMITTED" : "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
          let answer = try body(connection)
          try connection.commit()
          return answer
        }
        self.commits.add(1, ordering: .relaxed)
        self.commitMicroseconds.add((ContinuousClock.now - start).microseconds, ordering: .relaxed)
        return answer
      } catch {
        if case ParleyError.unavailable = error { self.failedCommits.add(1, ordering: .relaxed) }
        throw error
      }
    }
  }

  /// Runs a transaction, and runs it again where that can't do anything twice: others made the server undo it, a row changed hands, or the
  /// connection turned out to be lost before a COMMIT was sent. A `deadline` counts if it is sooner than the time that transactions have.
  private func repeating<Answer>(
    on worker: PostgresWorker, until deadline: ContinuousClock.Instant? = nil, _ transaction: (PostgresConnection) throws -> Answer
  ) throws -> Answer {
    let usual = ContinuousClock.now + timeouts.transaction
    let deadline = min(usual, deadline ?? usual)
    var run = 1
    while true {
      do {
        return try self.run(transaction, on: worker, until: deadline)
      } catch let failure as Retry {
        guard run < Self.runsMax, .now < deadline else { throw failure.asSeenOutside }
        retries.add(1, ordering: .relaxed)
        if failure.pauses { usleep(UInt32.random(in: 1...(Self.pauseMicroseconds << UInt32(min(run, 6))))) }
        run += 1
      }
    }
  }

  /// One run. What allows another is thrown as `Retry`, everything else as callers see it.
  private func run<Answer>(
    _ transaction: (PostgresConnection) throws -> Answer, on worker: PostgresWorker, until deadline: ContinuousClock.Instant
  ) throws -> Answer {
    let connection: PostgresConnection
    let isFresh: Bool
    do { (connection, isFresh) = try worker.connection(until: deadline) } catch let error as PostgresError { throw error.asSeenOutside }
    do {
      return try transaction(connection)
    } catch {
      let commitIsUnknown = connection.hasSentCommit
      connection.rollBack()
      if connection.isBroken { worker.discard() }
      switch error {
      case let error as PostgresError:
        if error.isReadOnlyServer { worker.discard() }
        if error.isFromOthers { throw Retry(pauses: true, asSeenOutside: error.asSeenOutside) }
        if error.isLoss, !isFresh, !commitIsUnknown { throw Retry(pauses: false, asSeenOutside: error.asSeenOutside) }
        if error.isLoss, commitIsUnknown {
          throw ParleyError.unavailable(cause: "what became of a commit is unknown (\(error))")
        }
        throw error.asSeenOutside
      case let error as ChangedHands: throw Retry(pauses: true, asSeenOutside: error.asSeenOutside)
      default: throw error
      }
    }
  }
}

/// Why a transaction may run again, and what its caller is told if it may not any more.
private struct Retry: Error {
  let pauses: Bool
  let asSeenOutside: any Error
}
