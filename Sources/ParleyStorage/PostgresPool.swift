import DequeModule
import Foundation
import ParleyDomain
import Synchronization

/// A bounded number of threads with a connection each. They start when they are needed, and end when nobody has needed them for long.
final class PostgresPool: @unchecked Sendable {
  // Unchecked: everything that changes is guarded by `lock`.

  /// Opens a connection, which is ready before the deadline.
  typealias Connect = @Sendable (_ deadline: ContinuousClock.Instant) throws -> PostgresConnection

  /// Closures that may wait for a connection; beyond, callers are told to come again.
  static let queueMax = 4096

  let connectionsMax: Int
  private let timeouts: PostgresTimeouts
  private let connect: Connect
  private let lock = NSLock()
  private var queue: Deque<Waiting> = []
  /// The one that rested last is woken first, so that few are busy when there is little to do.
  private var resting: [PostgresWorker] = []
  private var workers = 0
  private var isStopping = false
  private var whenEnded: [CheckedContinuation<Void, Never>] = []
  private var waitsExpire = false

  private let waitMicroseconds = Atomic<Int>(0)
  private let refused = Atomic<Int>(0)
  let connectionsOpen = Atomic<Int>(0)
  let connectionsFailed = Atomic<Int>(0)

  private struct Waiting {
    let job: any PostgresJob
    let since: ContinuousClock.Instant
  }

  init(connectionsMax: Int, timeouts: PostgresTimeouts, connect: @escaping Connect) {
    (self.connectionsMax, self.timeouts, self.connect) = (connectionsMax, timeouts, connect)
  }

  /// Runs the closure on a thread that has a connection to give; throws `.unavailable` if none comes free in time.
  func run<Answer: Sendable>(_ body: @escaping @Sendable (PostgresWorker) throws -> Answer) async throws -> Answer {
    try await withCheckedThrowingContinuation { continuation in submit(Job(body: body, continuation: continuation)) }
  }

  /// The same for work that nobody waits for; `refused` is called if it can't be done.
  func start(_ body: @escaping @Sendable (PostgresWorker) -> Void, refused: @escaping @Sendable (ParleyError) -> Void) {
    submit(Errand(body: body, refused: refused))
  }

  /// Does what was accepted, then ends the threads.
  func stop() async {
    await withCheckedContinuation { continuation in
      let idle = lock.withLock {
        isStopping = true
        defer { resting = [] }
        if workers > 0 { whenEnded.append(continuation) } else { continuation.resume() }
        return resting
      }
      for worker in idle { worker.wake(for: nil) }
    }
  }

  func add(to metrics: inout DatabaseMetrics) {
    (metrics.queueLength, metrics.connectionsInUse) = lock.withLock { (queue.count, workers - resting.count) }
    metrics.waitMicroseconds = waitMicroseconds.load(ordering: .relaxed)
    metrics.refusedByQueue = refused.load(ordering: .relaxed)
    metrics.connections = connectionsOpen.load(ordering: .relaxed)
    metrics.connectionsFailed = connectionsFailed.load(ordering: .relaxed)
  }

  private func submit(_ job: any PostgresJob) {
    let refusal: String? = lock.withLock {
      if isStopping { return "the server is stopping" }
      if let worker = resting.popLast() {
        worker.wake(for: job)
      } else if workers < connectionsMax {
        workers += 1
        PostgresWorker(pool: self, connect: connect).start(with: job)
      } else if queue.count < Self.queueMax {
        queue.append(Waiting(job: job, since: .now))
        expireLater()
      } else {
        return "too much waits for a connection"
      }
      return nil
    }
    if let refusal { refuse(job, refusal) }
  }

  private func refuse(_ job: any PostgresJob, _ cause: String) {
    refused.add(1, ordering: .relaxed)
    job.fail(.unavailable(cause: cause))
  }

  // MARK: - For the workers

  /// What a worker that has done something does next. One that is to rest may be woken from now on.
  fileprivate func next(for worker: PostgresWorker) -> PostgresWorker.Step {
    lock.withLock {
      if let job = takeWaiting(for: worker) { return .run(job) }
      // Who has no connection does not rest before those who have one: it would be woken first, and fail again.
      if isStopping || worker.gotNone { return .end }
      resting.append(worker)
      return .rest
    }
  }

  /// The first that waits, if it is for this worker to do: one that got no connection leaves it to those that may have one. Called with the
  /// lock held.
  private func takeWaiting(for worker: PostgresWorker) -> (any PostgresJob)? {
    guard !worker.gotNone || workers == 1, let waiting = queue.popFirst() else { return nil }
    waitMicroseconds.add(waiting.since.duration(to: .now).microseconds, ordering: .relaxed)
    return waiting.job
  }

  /// Whether a worker that has rested for long may end; no if it was woken meanwhile.
  fileprivate func mayEnd(_ worker: PostgresWorker) -> Bool {
    lock.withLock {
      guard let index = resting.firstIndex(where: { $0 === worker }) else { return false }
      resting.remove(at: index)
      return true
    }
  }

  /// Takes note that a worker has ended and has no connection, and then has whom it worked for answered. What it returns the worker is to go
  /// on with instead: somebody came meanwhile and found all places taken.
  fileprivate func ended(_ worker: PostgresWorker, _ answer: () -> Void = {}) -> (any PostgresJob)? {
    let (job, waiting) = lock.withLock { () -> ((any PostgresJob)?, [CheckedContinuation<Void, Never>]) in
      if let job = takeWaiting(for: worker) { return (job, []) }
      workers -= 1
      guard isStopping, workers == 0 else { return (nil, []) }
      defer { whenEnded = [] }
      return (nil, whenEnded)
    }
    answer()
    for continuation in waiting { continuation.resume() }
    return job
  }

  fileprivate var idle: Duration { timeouts.idle }

  // MARK: - Waiting that lasts too long

  /// Sees to it that somebody looks when the first in the queue has waited long enough. Called with the lock held.
  private func expireLater() {
    guard !waitsExpire, let first = queue.first else { return }
    waitsExpire = true
    let milliseconds = max(1, ContinuousClock.now.duration(to: first.since + timeouts.pool).microseconds / 1000 + 1)
    DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { self.expire() }
  }

  private func expire() {
    let expired = lock.withLock {
      waitsExpire = false
      var expired: [any PostgresJob] = []
      while let first = queue.first, first.since + timeouts.pool <= .now {
        expired.append(first.job)
        queue.removeFirst()
        waitMicroseconds.add(timeouts.pool.microseconds, ordering: .relaxed)
      }
      expireLater()
      return expired
    }
    for job in expired { refuse(job, "no connection to the database came free in time") }
  }
}

/// A thread of the pool and its connection.
final class PostgresWorker: @unchecked Sendable {
  // Unchecked: the connection belongs to the thread; `handed` goes over with the semaphore.

  fileprivate enum Step {
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
  fileprivate private(set) var gotNone = false

  fileprivate init(pool: PostgresPool, connect: @escaping PostgresPool.Connect) {
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

  fileprivate func start(with job: any PostgresJob) {
    let thread = Thread { self.loop(from: job) }
    thread.name = "parley-database"
    thread.start()
  }

  /// Hands work over to the thread, which rests; nil ends it.
  fileprivate func wake(for job: (any PostgresJob)?) {
    handed = job
    semaphore.signal()
  }

  private func loop(from first: any PostgresJob) {
    var job: (any PostgresJob)? = first
    while let current = job {
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
private protocol PostgresJob: AnyObject, Sendable {
  /// Runs the closure; what it returns answers whoever waits.
  func run(on worker: PostgresWorker) -> () -> Void
  func fail(_ error: ParleyError)
}

private final class Errand: PostgresJob {
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

private final class Job<Answer: Sendable>: PostgresJob {
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
