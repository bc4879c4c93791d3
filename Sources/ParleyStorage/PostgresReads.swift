import DequeModule
import Foundation
import ParleyDomain

/// Single statements of many readers at once, which go out together: a connection that waits for the server costs a thread two wake-ups and
/// the server one, whether it is one answer that comes or thirty.
///
/// A read needs no thread of its own for that. Its closure is run once to see what it asks, and once more to be shown the answer.
final class PostgresReads: @unchecked Sendable {
  // Unchecked: everything that changes is guarded by `lock`.

  /// Statements that go out together.
  private static let batchMax = 32
  /// One thread takes what there is as soon as it comes. Another starts when so many wait for each, or when somebody waits behind a batch that
  /// takes longer than `patience`.
  private static let waitingForReaderMax = 8
  private static let patience = Duration.milliseconds(50)
  /// Batches after which a thread stands at the end of the pool's queue again, so that others have their turn.
  private static let batchesInTurnMax = 16

  private struct Asked {
    let sql: SQL
    let since: ContinuousClock.Instant
    let continuation: CheckedContinuation<PostgresResult?, any Error>
  }

  /// A thread that serves, or is about to.
  private final class Reader: @unchecked Sendable {
    /// When its batch went out; nil while it waits for a thread. Guarded by `lock`.
    var began: ContinuousClock.Instant?
  }

  private let pool: PostgresPool
  private let timeouts: PostgresTimeouts
  private let lock = NSLock()
  private var waiting: Deque<Asked> = []
  /// Those that can be counted on: without those whose batch is slow.
  private var readers: [Reader] = []
  private var isWatched = false
  private var refused = 0
  private var waitMicroseconds = 0

  init(pool: PostgresPool, timeouts: PostgresTimeouts) {
    (self.pool, self.timeouts) = (pool, timeouts)
  }

  /// The answer to a statement that only reads; nil if it is to be asked for in the usual way, which knows what to do about failures.
  func ask(_ sql: SQL) async throws -> PostgresResult? {
    try await withCheckedThrowingContinuation { continuation in
      let (isTaken, reader): (Bool, Reader?) = lock.withLock {
        guard waiting.count < PostgresPool.queueMax else {
          refused += 1
          return (false, nil)
        }
        waiting.append(Asked(sql: sql, since: .now, continuation: continuation))
        let mayHelp = readers.count < pool.connectionsMax && waiting.count >= Self.waitingForReaderMax * readers.count
        if readers.isEmpty || mayHelp { return (true, addReader()) }
        watch()
        return (true, nil)
      }
      if let reader { start(reader) }
      if !isTaken { continuation.resume(throwing: ParleyError.unavailable(cause: "too much waits for a connection")) }
    }
  }

  func add(to metrics: inout DatabaseMetrics) {
    lock.withLock {
      metrics.queueLength += waiting.count
      metrics.refusedByQueue += refused
      metrics.waitMicroseconds += waitMicroseconds
    }
  }

  /// A reader that is to be started once the lock, which is held, is free.
  private func addReader() -> Reader {
    let reader = Reader()
    readers.append(reader)
    return reader
  }

  private func start(_ reader: Reader) {
    pool.start { worker in
      self.serve(as: reader, on: worker)
    } refused: { error in
      self.giveUp(reader, error)
    }
  }

  // MARK: - On a thread of the pool

  private func serve(as reader: Reader, on worker: PostgresWorker) {
    for _ in 0..<Self.batchesInTurnMax {
      let batch = lock.withLock { nextBatch(for: reader) }
      if batch.isEmpty { return }
      answer(batch, on: worker)
    }
    lock.withLock { reader.began = nil }
    start(reader)
  }

  /// Empty if the reader is to end. Called with the lock held.
  private func nextBatch(for reader: Reader) -> [Asked] {
    // One that was slow is not needed if another has taken its place.
    let isCountedOn = readers.contains { $0 === reader }
    guard !waiting.isEmpty, isCountedOn || readers.isEmpty else {
      readers.removeAll { $0 === reader }
      return []
    }
    if !isCountedOn { readers.append(reader) }
    reader.began = .now
    let batch = Array(waiting.prefix(Self.batchMax))
    waiting.removeFirst(batch.count)
    for asked in batch { waitMicroseconds += asked.since.duration(to: .now).microseconds }
    return batch
  }

  private func answer(_ batch: [Asked], on worker: PostgresWorker) {
    let deadline = ContinuousClock.now + timeouts.transaction
    do {
      let (connection, isFresh) = try worker.connection(until: deadline)
      do {
        for (asked, answer) in zip(batch, try connection.answers(to: batch.map(\.sql))) {
          switch answer {
          case .success(let result): asked.continuation.resume(returning: result)
          case .failure(let error) where error.isFromOthers: asked.continuation.resume(returning: nil)
          case .failure(let error): asked.continuation.resume(throwing: error.asSeenOutside)
          case nil: asked.continuation.resume(returning: nil)
          }
        }
      } catch let error as PostgresError {
        worker.discard()
        // A connection that was lost while nobody used it says nothing of the database.
        guard !isFresh, .now < deadline else { throw error }
        for asked in batch { asked.continuation.resume(returning: nil) }
      }
    } catch {
      let outside = (error as? PostgresError)?.asSeenOutside ?? error
      for asked in batch { asked.continuation.resume(throwing: outside) }
    }
  }

  // MARK: - Waiting that lasts too long

  /// Sees to it that somebody looks whether the first one still waits. Called with the lock held.
  private func watch() {
    if isWatched { return }
    isWatched = true
    DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(Self.patience.microseconds / 1000)) {
      let reader: Reader? = self.lock.withLock {
        self.isWatched = false
        if self.waiting.isEmpty { return nil }
        self.watch()
        self.readers.removeAll { reader in reader.began.map { $0 + Self.patience <= .now } ?? false }
        return self.readers.isEmpty ? self.addReader() : nil
      }
      if let reader { self.start(reader) }
    }
  }

  /// The pool had no thread for a reader. Whom no other reader will serve, or who has waited as long as one may, hears that.
  private func giveUp(_ reader: Reader, _ error: ParleyError) {
    let given = lock.withLock {
      readers.removeAll { $0 === reader }
      let given = readers.isEmpty ? Array(waiting) : Array(waiting.prefix { $0.since + timeouts.pool <= .now })
      waiting.removeFirst(given.count)
      refused += given.count
      return given
    }
    for asked in given { asked.continuation.resume(throwing: error) }
  }
}

/// Notes the first statement of a read instead of running it.
final class PostgresQuestion: Connection {
  private struct Noted: Error {}

  private var noted: SQL?

  /// The statement with which a read begins; nil if it begins with none, or with one that changes something.
  static func first<Answer>(of body: (any Connection) throws -> Answer) -> SQL? {
    let question = PostgresQuestion()
    _ = try? body(question)
    return question.noted
  }

  func rows(_ sql: SQL, _ body: (any Row) throws -> Void) throws {
    if noted == nil { noted = sql }
    throw Noted()
  }

  func run(_ sql: SQL) throws -> Int { throw Noted() }
  func send(_ sql: SQL) throws { throw Noted() }
  func lockedRows(_ sql: SQL, _ body: (any Row) throws -> Void) throws { throw Noted() }
  func claimedRows(_ sql: SQL, _ body: (any Row) throws -> Void) throws { throw Noted() }
}

/// Shows a read the answer to its first statement.
final class PostgresReply: Connection {
  /// The read asks for more than its first statement.
  struct NotEnough: Error {}

  private let question: SQL
  private var result: PostgresResult?

  init(_ result: PostgresResult, to question: SQL) {
    (self.result, self.question) = (result, question)
  }

  func rows(_ sql: SQL, _ body: (any Row) throws -> Void) throws {
    guard let result, sql.text == question.text else { throw NotEnough() }
    self.result = nil
    try result.eachRow(body)
  }

  func run(_ sql: SQL) throws -> Int { throw NotEnough() }
  func send(_ sql: SQL) throws { throw NotEnough() }
  func lockedRows(_ sql: SQL, _ body: (any Row) throws -> Void) throws { throw NotEnough() }
  func claimedRows(_ sql: SQL, _ body: (any Row) throws -> Void) throws { throw NotEnough() }
}
