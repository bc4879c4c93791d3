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
  /// How long no other connection is tried after one that failed beside others that work: the server has no more to give.
  private static let pause = Duration.milliseconds(500)

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
  /// Until when no more connections are tried, because one failed while others work.
  private var pausesUntil = ContinuousClock.now

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
    try await withCheckedThrowingContinuation { continuation in submit(PostgresWork(body: body, continuation: continuation)) }
  }

  /// The same for work that nobody waits for; `refused` is called if it can't be done.
  func start(_ body: @escaping @Sendable (PostgresWorker) -> Void, refused: @escaping @Sendable (ParleyError) -> Void) {
    submit(PostgresErrand(body: body, refused: refused))
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
      } else if workers < connectionsMax, !othersWork || pausesUntil <= .now {
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
  func next(for worker: PostgresWorker) -> PostgresWorker.Step {
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
    guard !worker.gotNone || workers == 1 || !othersWork, let waiting = queue.popFirst() else { return nil }
    waitMicroseconds.add(waiting.since.duration(to: .now).microseconds, ordering: .relaxed)
    return waiting.job
  }

  /// Whether there are connections. Called with the lock held.
  private var othersWork: Bool { connectionsOpen.load(ordering: .relaxed) > 0 }

  /// Takes back what a worker can't do without a connection, if others have one; false if it is the worker's own to fail with.
  func takeBack(_ job: any PostgresJob) -> Bool {
    lock.withLock {
      guard othersWork, !isStopping else { return false }
      pausesUntil = .now + Self.pause
      DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(Self.pause.microseconds / 1000)) { self.tryAgain() }
      if let worker = resting.popLast() {
        worker.wake(for: job)
      } else {
        queue.append(Waiting(job: job, since: .now))
        expireLater()
      }
      return true
    }
  }

  /// After a pause: whoever still waits may have a connection of its own by now.
  private func tryAgain() {
    lock.withLock {
      guard workers < connectionsMax, let waiting = queue.popFirst() else { return }
      workers += 1
      PostgresWorker(pool: self, connect: connect).start(with: waiting.job)
    }
  }

  /// Whether a worker that has rested for long may end; no if it was woken meanwhile.
  func mayEnd(_ worker: PostgresWorker) -> Bool {
    lock.withLock {
      guard let index = resting.firstIndex(where: { $0 === worker }) else { return false }
      resting.remove(at: index)
      return true
    }
  }

  /// Takes note that a worker has ended and has no connection, and then has whom it worked for answered. What it returns the worker is to go
  /// on with instead: somebody came meanwhile and found all places taken.
  func ended(_ worker: PostgresWorker, _ answer: () -> Void = {}) -> (any PostgresJob)? {
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

  var idle: Duration { timeouts.idle }
  var time: Duration { timeouts.transaction }
  var hasConnections: Bool { lock.withLock { othersWork } }

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
