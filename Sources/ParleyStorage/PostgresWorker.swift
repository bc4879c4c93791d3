import Foundation
import ParleyDomain
import Synchronization

/// A thread of the pool and its connection.
final class PostgresWorker: @unchecked Sendable {
  // Unchecked: the connection belongs to the thread; `handed` goes over with the semaphore.

  enum Step {
    case run(any PostgresJob)
    case rest
    case end
  }

  private let pool: PostgresPool
  private let connect: PostgresPool.Connect
  private let semaphore = DispatchSemaphore(value: 0)
  private var handed: (any PostgresJob)?
  private var opened: PostgresConnection?
  /// Whether it wanted a connection last and got none.
  private(set) var gotNone = false

  init(pool: PostgresPool, connect: @escaping PostgresPool.Connect) {
    (self.pool, self.connect) = (pool, connect)
  }

  /// The thread's connection, made if there is none that works. `isFresh` tells one that was made just now.
  func connection(until deadline: ContinuousClock.Instant) throws -> (PostgresConnection, isFresh: Bool) {
    if let opened, !opened.isStale() {
      opened.deadline = deadline
      return (opened, false)
    }
    discard()
    do {
      let connection = try connect(deadline)
      opened = connection
      gotNone = false
      pool.connectionsOpen.add(1, ordering: .relaxed)
      return (connection, true)
    } catch {
      gotNone = true
      pool.connectionsFailed.add(1, ordering: .relaxed)
      throw error
    }
  }

  /// Closes the connection; the next who needs one gets another.
  func discard() {
    guard opened != nil else { return }
    opened = nil
    pool.connectionsOpen.subtract(1, ordering: .relaxed)
  }

  func start(with job: any PostgresJob) {
    let thread = Thread { self.loop(from: job) }
    thread.name = "parley-database"
    thread.start()
  }

  /// Hands work over to the thread, which rests; nil ends it.
  func wake(for job: (any PostgresJob)?) {
    handed = job
    semaphore.signal()
  }

  private func loop(from first: any PostgresJob) {
    var job: (any PostgresJob)? = first
    while let current = job {
      // Others may have a connection when this thread gets none: then it is no reason to refuse anybody.
      if opened?.isStale() ?? true, pool.hasConnections, (try? connection(until: .now + pool.time)) == nil, pool.takeBack(current) {
        job = end()
        continue
      }
      let answer = current.run(on: self)
      // Whoever is answered and asks again finds this thread free, and needs no other connection.
      switch pool.next(for: self) {
      case .run(let next):
        answer()
        job = next
      case .rest:
        answer()
        job = rest() ?? end()
      case .end: job = end(answer)
      }
    }
  }

  /// Waits for work; nil if there was none for long, or will be none.
  private func rest() -> (any PostgresJob)? {
    let seconds = Double(pool.idle.microseconds) / 1_000_000
    if semaphore.wait(timeout: .now() + seconds) == .timedOut {
      if pool.mayEnd(self) { return nil }
      semaphore.wait()
    }
    defer { handed = nil }
    return handed
  }

  private func end(_ answer: () -> Void = {}) -> (any PostgresJob)? {
    discard()
    return pool.ended(self, answer)
  }
}

/// A closure that waits for a connection, and who waits for it.
protocol PostgresJob: AnyObject, Sendable {
  /// Runs the closure; what it returns answers whoever waits.
  func run(on worker: PostgresWorker) -> () -> Void
  func fail(_ error: ParleyError)
}

/// Work that nobody waits for.
final class PostgresErrand: PostgresJob {
  private let body: @Sendable (PostgresWorker) -> Void
  private let refused: @Sendable (ParleyError) -> Void

  init(body: @escaping @Sendable (PostgresWorker) -> Void, refused: @escaping @Sendable (ParleyError) -> Void) {
    (self.body, self.refused) = (body, refused)
  }

  func run(on worker: PostgresWorker) -> () -> Void {
    body(worker)
    return {}
  }

  func fail(_ error: ParleyError) { refused(error) }
}

/// Work whose answer somebody waits for.
final class PostgresWork<Answer: Sendable>: PostgresJob {
  private let body: @Sendable (PostgresWorker) throws -> Answer
  private let continuation: CheckedContinuation<Answer, any Error>

  init(body: @escaping @Sendable (PostgresWorker) throws -> Answer, continuation: CheckedContinuation<Answer, any Error>) {
    self.body = body
    self.continuation = continuation
  }

  func run(on worker: PostgresWorker) -> () -> Void {
    let result = Result { try body(worker) }
    return { self.continuation.resume(with: result) }
  }

  func fail(_ error: ParleyError) { continuation.resume(throwing: error) }
}
