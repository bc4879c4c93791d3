import CSQLite
import DequeModule
import Foundation
import ParleyDomain
import Synchronization

/// The one thread that writes. It takes the closures that queued up while the last commit was on its way to the disk, runs each in a
/// savepoint of one transaction, commits once, and only then answers them all. A group of closures that need not be durable is not waited for
/// on the disk; the next durable commit takes it along.
final class SQLiteWriter: @unchecked Sendable {
  // Unchecked: the queue is guarded by `condition`, the connection belongs to the thread alone.

  /// Closures in one transaction.
  static let groupMax = 64
  /// How long a group goes on taking closures.
  static let groupDuration = Duration.milliseconds(5)
  /// Closures that may wait; beyond, callers are told to come again.
  static let queueMax = 4096
  /// Pages more in the log after which it is copied into the database; beyond `logPagesMax` readers are waited for, so that it starts anew.
  static let logPagesBeforeCheckpoint: Int32 = 4000
  static let logPagesMax: Int32 = 16000
  /// How long: requests wait as well. Who reads for longer, a backup say, lets the log grow until the next try.
  static let readersWaitMilliseconds: Int32 = 20

  /// Seconds that closures which need not be durable wait for one that must be, after a durable commit.
  private static let company = 0.001

  private let path: String
  private let file: FileID
  private let checkpoints: Bool
  private let groupDuration: Duration
  private let condition = NSCondition()
  private var queue: Deque<any WriteJob> = []
  private var isStopping = false
  private var hasEnded = false
  /// Those of the queue whose commit must be on the disk.
  private var durableWaiting = 0
  private var connection: SQLiteConnection?
  /// Whether the connection's commits are waited for on the disk.
  private var syncs = true
  /// Pages in the log when it was last copied.
  private var pagesCopied: Int32 = 0

  private let commits = Atomic<Int>(0)
  private let failedCommits = Atomic<Int>(0)
  private let writes = Atomic<Int>(0)
  private let commitMicroseconds = Atomic<Int>(0)
  private let refused = Atomic<Int>(0)

  /// `checkpoints` is for the server alone; `connection` is taken over.
  init(path: String, connection: SQLiteConnection, checkpoints: Bool, groupDuration: Duration = SQLiteWriter.groupDuration) {
    (self.path, file) = (path, connection.file)
    self.groupDuration = groupDuration
    self.connection = connection
    self.checkpoints = checkpoints
    let thread = Thread { self.loop() }
    thread.name = "parley-writer"
    thread.start()
  }

  /// Makes a connection commit durably: the log is synced before a commit returns.
  static func prepare(_ connection: SQLiteConnection) throws {
    // SQLite says by the row alone that the file's place can't have a log.
    guard try connection.one("PRAGMA journal_mode = WAL", { $0.text(0) }) == "wal" else {
      throw SQLiteError(code: SQLITE_CANTOPEN, message: "there can be no write-ahead log beside the file")
    }
    // Copies of pages for savepoints stay in memory: a large write would make a file for them.
    try connection.execute("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384")
    try connection.execute("PRAGMA temp_store = MEMORY")
    connection.countLogPages()
  }

  /// Runs the closure in a transaction; returns once that is on the disk.
  func write<Answer: Sendable>(
    isDurable: Bool = true, _ body: @escaping @Sendable (SQLiteConnection) throws -> Answer
  ) async throws -> Answer {
    try await withCheckedThrowingContinuation { continuation in
      let refusal = enqueue(Write(isDurable: isDurable, body: body, continuation: continuation))
      if let refusal { continuation.resume(throwing: refusal) }
    }
  }

  /// Whether nothing more is accepted.
  var isClosed: Bool { condition.withLock { isStopping } }

  /// Does what was accepted, then ends the thread.
  func stop() async {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        self.condition.lock()
        self.isStopping = true
        self.condition.broadcast()
        while !self.hasEnded { self.condition.wait() }
        self.condition.unlock()
        continuation.resume()
      }
    }
  }

  func add(to metrics: inout DatabaseMetrics) {
    metrics.commits = commits.load(ordering: .relaxed)
    metrics.failedCommits = failedCommits.load(ordering: .relaxed)
    metrics.writes = writes.load(ordering: .relaxed)
    metrics.commitMicroseconds = commitMicroseconds.load(ordering: .relaxed)
    metrics.refusedByQueue = refused.load(ordering: .relaxed)
    metrics.queueLength = condition.withLock { queue.count }
  }

  private func enqueue(_ job: any WriteJob) -> ParleyError? {
    condition.withLock {
      if isStopping { return .unavailable(cause: "the server is stopping") }
      guard queue.count < Self.queueMax else {
        refused.add(1, ordering: .relaxed)
        return .unavailable(cause: "the writer's queue is full")
      }
      queue.append(job)
      if job.isDurable { durableWaiting += 1 }
      condition.signal()
      return nil
    }
  }

  // MARK: - On the thread

  private func loop() {
    while waitForWork() {
      var done: [any WriteJob] = []
      do {
        let start = ContinuousClock.now
        try runGroup(since: start, into: &done)
        commits.add(1, ordering: .relaxed)
        writes.add(done.count, ordering: .relaxed)
        commitMicroseconds.add((ContinuousClock.now - start).microseconds, ordering: .relaxed)
        for job in done { job.answer() }
        checkpointIfDue()
      } catch {
        failedCommits.add(1, ordering: .relaxed)
        // What these closures saw may have been rolled back with the others, so none of them may answer, not even with a refusal.
        let cause = "\(error)"
        for job in done { job.fail(.unavailable(cause: cause)) }
        abandonConnection()
      }
    }
    finish()
  }

  /// False when there is nothing left to do and will be nothing more.
  private func waitForWork() -> Bool {
    condition.withLock {
      while queue.isEmpty {
        if isStopping { return false }
        condition.wait()
      }
      // In a durable commit they cost next to nothing, as most of their pages are in it already; and where there was one another often follows.
      if syncs, durableWaiting == 0, !isStopping {
        let until = Date(timeIntervalSinceNow: Self.company)
        // By a clock that nobody sets as well: were the time of day set back just now, every closure that comes would wait on.
        let end = ContinuousClock.now + .seconds(Self.company)
        while durableWaiting == 0, !isStopping, ContinuousClock.now < end, condition.wait(until: until) {}
      }
      return true
    }
  }

  /// The next closure; nil where that needs a commit of another kind than this group's. A durable group takes any.
  private func nextJob(isDurable: Bool = true) -> (any WriteJob)? {
    condition.withLock {
      guard let job = queue.first, isDurable || !job.isDurable else { return nil }
      if job.isDurable { durableWaiting -= 1 }
      return queue.removeFirst()
    }
  }

  /// Runs one group and commits it. `done` has the jobs that ran or that share the failure.
  private func runGroup(since start: ContinuousClock.Instant, into done: inout [any WriteJob]) throws {
    let connection: SQLiteConnection
    let isDurable = condition.withLock { durableWaiting > 0 }
    do {
      connection = try self.connection ?? reopened()
      if connection.hasMoved { throw SQLiteConnection.moved }
      try setSyncs(isDurable, of: connection)
      _ = try connection.run("BEGIN IMMEDIATE")
    } catch {
      // The cause is the same for all who wait, and each would wait as long for it again.
      while let job = nextJob() { done.append(job) }
      throw error
    }
    repeat {
      guard let job = nextJob(isDurable: isDurable) else { break }
      done.append(job)
      // A savepoint keeps a copy of each page that changes. The first needs none: it is undone with the whole transaction.
      let hasSavepoint = done.count > 1
      if hasSavepoint { _ = try connection.run("SAVEPOINT closure") }
      if job.run(on: connection) {
        if hasSavepoint { _ = try connection.run("RELEASE closure") }
      } else {
        guard connection.isInTransaction else { throw SQLiteError(code: SQLITE_ABORT, message: "the transaction was lost") }
        if hasSavepoint {
          _ = try connection.run("ROLLBACK TO closure")
          _ = try connection.run("RELEASE closure")
        } else {
          _ = try connection.run("ROLLBACK")
          _ = try connection.run("BEGIN IMMEDIATE")
        }
      }
    } while done.count < Self.groupMax && ContinuousClock.now - start < groupDuration
    _ = try connection.run("COMMIT")
  }

  private func setSyncs(_ isDurable: Bool, of connection: SQLiteConnection) throws {
    guard syncs != isDurable else { return }
    try connection.execute(isDurable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL")
    syncs = isDurable
  }

  /// The next group begins on a fresh connection: this one's state is not known. What it has open ends here, so that it is in nobody's way.
  private func abandonConnection() {
    if let connection, connection.isInTransaction { try? connection.execute("ROLLBACK") }
    connection = nil
  }

  private func reopened() throws -> SQLiteConnection {
    let opened = try SQLiteConnection(path: path, expecting: file)
    try Self.prepare(opened)
    syncs = true
    connection = opened
    return opened
  }

  /// After the answers, so that no request waits for it; the next group may.
  private func checkpointIfDue() {
    guard checkpoints, let connection else { return }
    let pages = connection.logPages
    // The log has begun anew since.
    if pages < pagesCopied { pagesCopied = 0 }
    guard pages - pagesCopied >= Self.logPagesBeforeCheckpoint else { return }
    pagesCopied = pages
    guard pages >= Self.logPagesMax else { return connection.checkpoint(SQLITE_CHECKPOINT_PASSIVE) }
    sqlite3_busy_timeout(connection.handle, Self.readersWaitMilliseconds)
    connection.checkpoint(SQLITE_CHECKPOINT_RESTART)
    sqlite3_busy_timeout(connection.handle, SQLiteConnection.busyMilliseconds)
  }

  private func finish() {
    if checkpoints { connection?.checkpoint(SQLITE_CHECKPOINT_TRUNCATE) }
    connection = nil
    condition.withLock {
      hasEnded = true
      condition.broadcast()
    }
  }
}

/// A closure that waits for its turn, and who waits for it.
private protocol WriteJob: AnyObject {
  /// Whether its commit must be on the disk before it is answered.
  var isDurable: Bool { get }
  /// Runs the closure and keeps its outcome; false if that is an error.
  func run(on connection: SQLiteConnection) -> Bool
  /// Hands the outcome over: the transaction is on the disk.
  func answer()
  /// Hands over that the transaction is not.
  func fail(_ error: ParleyError)
}

private final class Write<Answer: Sendable>: WriteJob {
  let isDurable: Bool
  private let body: @Sendable (SQLiteConnection) throws -> Answer
  private let continuation: CheckedContinuation<Answer, any Error>
  private var outcome: Result<Answer, any Error> = .failure(ParleyError.unavailable(cause: "the closure did not run"))

  init(
    isDurable: Bool, body: @escaping @Sendable (SQLiteConnection) throws -> Answer, continuation: CheckedContinuation<Answer, any Error>
  ) {
    self.isDurable = isDurable
    self.body = body
    self.continuation = continuation
  }

  func run(on connection: SQLiteConnection) -> Bool {
    outcome = Result { try withOutsideErrors { try body(connection) } }
    if case .success = outcome { return true }
    return false
  }

  func answer() { continuation.resume(with: outcome) }
  func fail(_ error: ParleyError) { continuation.resume(throwing: error) }
}

extension SQLiteConnection {
  /// Copies the log into the database. A reader that is in the way is no error: the next time does it.
  fileprivate func checkpoint(_ mode: Int32) { sqlite3_wal_checkpoint_v2(handle, nil, mode, nil, nil) }
}
