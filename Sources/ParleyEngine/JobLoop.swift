import Logging
import NIOCore
import NIOPosix
import ParleyDomain
import ParleyStorage
import ServiceLifecycle
import Synchronization

/// Claims lanes that are due, has their jobs done, and sleeps until there is more. Any number of nodes may run one on the same database.
///
/// A lane is leased: whoever dies leaves nothing behind but a lane that is due again when the lease ends. Between lanes everything runs side
/// by side, as far as the limits allow.
package final class JobLoop: Service {
  /// Prepares for jobs of one lane, which are run at once or not at all; answers what does one of them.
  typealias Prepare = @Sendable (_ jobs: [Job], _ lane: LeasedLane) async throws -> Run
  typealias Run = @Sendable (_ job: Job) async throws -> JobResult

  private struct State {
    /// Lanes in progress, by host.
    var inFlight: [String: Int] = [:]
    var total = 0
    /// When lanes of a host are next known to be due. What is not known here is found at the next look at all lanes.
    var due: [String: Timestamp] = [:]
    var claims = 0
    /// Whether the last claim failed.
    var isFailing = false
    var isStopping = false
    /// Who waits for the last lane to be given up.
    var idle: CheckedContinuation<Void, Never>?
  }

  private let engine: Engine
  private let settings: WebhookSettings
  private let prepareJobs: Prepare
  private let watch: @Sendable () async -> Void
  private let logger: Logger
  /// Names this loop in the leases that it takes.
  private let name = Delivery.newToken()
  private let state = Mutex(State())

  init(engine: Engine, settings: WebhookSettings, logger: Logger, watch: @escaping @Sendable () async -> Void, prepare: @escaping Prepare) {
    (self.engine, self.settings, self.logger, self.watch, prepareJobs) = (engine, settings, logger, watch, prepare)
  }

  /// Makes due what a process that was killed had in hand, instead of waiting for its leases to end. Only where no other process can use the
  /// database, and before this one does.
  package func takeOver() async throws {
    let now = engine.now()
    try await engine.database.writeRelaxed { try $0.endLeases(at: now) }
  }

  /// Runs until the service is told to stop. Then what is in flight may finish for a while, and the rest is handed back.
  package func run() async throws {
    await withGracefulShutdownHandler {
      await loop()
    } onGracefulShutdown: {
      self.stop()
    }
  }

  /// Does all that is due now, and what becomes due by that; then returns. For who has the time in his own hand.
  package func runUntilIdle() async {
    await prepare()
    while true {
      let claimed = await claimDue(looksAtAll: true)
      if claimed.isEmpty { return await watch() }
      await withDiscardingTaskGroup { group in
        for leased in claimed { group.addTask(executorPreference: WebhookThreads.next()) { await self.work(on: leased) } }
      }
    }
  }

  package func stop() {
    state.withLock { $0.isStopping = true }
    engine.alarm.ring(hosts: [])
  }

  private var isStopping: Bool { state.withLock { $0.isStopping } }

  // MARK: - The loop

  private func loop() async {
    await withDiscardingTaskGroup { group in
      var isPrepared = false
      var nextLook = ContinuousClock.now
      var nextWatch = ContinuousClock.now
      while !isStopping {
        engine.webhooks.beat()
        if !isPrepared { isPrepared = await prepare() }
        let looksAtAll = ContinuousClock.now >= nextLook
        if looksAtAll { nextLook = .now + settings.poll }
        for leased in await claimDue(looksAtAll: looksAtAll) {
          group.addTask(executorPreference: WebhookThreads.next()) { await self.work(on: leased) }
        }
        if ContinuousClock.now >= nextWatch {
          nextWatch = .now + settings.watch
          group.addTask { await self.watch() }
        }
        let rung = await engine.alarm.sleep(atMost: min(nextLook - .now, untilDue()))
        if rung.isForAll { nextLook = .now }
        let now = engine.now()
        state.withLock { state in for host in rung.hosts { state.due[host] = min(state.due[host] ?? now, now) } }
      }
      let stopTime = TimeAmount.microseconds(Int64(settings.stopTime.microseconds))
      let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: stopTime) { self.endWaiting() }
      await untilIdle()
      timer.cancel()
      group.cancelAll()
    }
  }

  private func untilIdle() async {
    await withCheckedContinuation { continuation in
      let isIdle = state.withLock { state in
        if state.total > 0 { state.idle = continuation }
        return state.total == 0
      }
      if isIdle { continuation.resume() }
    }
  }

  private func endWaiting() {
    state.withLock { state in
      defer { state.idle = nil }
      return state.idle
    }?.resume()
  }

  /// The installation's own work is always there; false if that can't be said now.
  @discardableResult
  private func prepare() async -> Bool {
    let now = engine.now()
    do {
      try await engine.database.writeRelaxed { tx in
        let lane = Lane(account: nil, id: "purge", host: "", urlHash: "")
        try tx.addUnlessThere(Job(key: "purge", work: Work.purge.document), to: lane, at: now)
      }
      return true
    } catch {
      logger.warning("the loop can't prepare its work", metadata: ["cause": "\(error)"])
      return false
    }
  }

  /// How long nothing that can be claimed is due. A host without a free place is waited for by whoever has one.
  private func untilDue() -> Duration {
    let now = engine.now()
    let earliest = state.withLock { state in
      state.due.filter { host, _ in places(for: host, in: state, free: settings.concurrency - state.total) > 0 }.values.min()
    }
    guard let earliest else { return settings.poll }
    return .milliseconds(max(0, earliest.milliseconds - now.milliseconds))
  }

  /// Lanes of a host that may be claimed. One host never has more than half of the places that others leave, so that there are some for others.
  private func places(for host: String, in state: State, free: Int) -> Int {
    let own = state.inFlight[host, default: 0]
    if host.isEmpty { return settings.inner - own }
    return free <= 0 ? 0 : min(settings.perHost, max(1, (free + own) / 2)) - own
  }

  private func claimDue(looksAtAll: Bool) async -> [LeasedLane] {
    do {
      if looksAtAll {
        let times = try await engine.database.readSystem(.statement) { try $0.dueTimes() }
        state.withLock { $0.due = Dictionary(times.map { ($0.host, $0.due) }) { first, _ in first } }
      }
      let now = engine.now()
      try await forgetHosts(withoutLanesAt: now, known: looksAtAll)
      let (wanted, number) = state.withLock { state in
        state.claims += 1
        var free = settings.concurrency - state.total
        let due = state.due.filter { $0.value <= now }.sorted { $0.value < $1.value }
        let wanted = due.compactMap { host, _ -> (host: String, limit: Int)? in
          let limit = places(for: host, in: state, free: free)
          if !host.isEmpty { free -= max(0, limit) }
          return limit > 0 ? (host, limit) : nil
        }
        return (wanted, state.claims)
      }
      guard !wanted.isEmpty else { return [] }
      let (until, lease) = (now.adding(settings.lease), "\(name)/\(number)")
      let claimed = try await engine.database.writeRelaxed { tx in
        try wanted.map { try tx.claim(host: $0.host, upTo: $0.limit, lease: lease, until: until, at: now) }
      }
      state.withLock { state in
        state.isFailing = false
        for (wanted, lanes) in zip(wanted, claimed) {
          // As many as were asked for: there may be more.
          if lanes.count < wanted.limit, let due = state.due[wanted.host], due <= now { state.due[wanted.host] = nil }
          guard !lanes.isEmpty else { continue }
          state.inFlight[wanted.host, default: 0] += lanes.count
          state.total += lanes.count
        }
        engine.webhooks.setInFlight(state.total)
      }
      return claimed.flatMap { $0 }
    } catch {
      // Once an outage, and asked again no sooner than all lanes are looked at.
      let isNew = state.withLock { state in
        let next = engine.now().adding(settings.poll)
        state.due = state.due.mapValues { max($0, next) }
        defer { state.isFailing = true }
        return !state.isFailing
      }
      if isNew { logger.warning("lanes can't be claimed", metadata: ["cause": "\(error)"]) }
      return []
    }
  }

  /// What was rung for may be paused, or done by another node.
  private func forgetHosts(withoutLanesAt now: Timestamp, known: Bool) async throws {
    let rung = known ? [] : state.withLock { state in state.due.filter { $0.value <= now }.map(\.key) }
    guard !rung.isEmpty else { return }
    let idle = try await engine.database.readSystem(.statement) { tx in try rung.filter { try !tx.hasDue(host: $0, at: now) } }
    state.withLock { state in for host in idle { state.due[host] = nil } }
  }

  // MARK: - A lane

  /// Does the jobs of a leased lane one after the other, until there are none, one is put off, or others wait.
  private func work(on leased: LeasedLane) async {
    let host = leased.lane.host
    do {
      var leased = leased
      let ahead = settings.jobsAhead
      var jobs = try await engine.database.readSystem(.statement) { [leased] in try $0.heads(of: leased.lane, limit: ahead) }
      // A lane that is found empty is looked at again while it is held, and ended.
      if jobs.isEmpty { jobs = try await finish([], handsBack: false, in: &leased) }
      var jobsDone = 0
      while !jobs.isEmpty {
        let (done, handsBack) = try await run(jobs, in: leased, jobsDone: jobsDone)
        jobsDone += done.count
        jobs = try await finish(done, handsBack: handsBack, in: &leased)
      }
    } catch is LostLease {
      logger.warning("a lane was taken over", metadata: ["host": "\(host)"])
    } catch {
      // The lane is due again when its lease ends.
      logger.warning("a lane was left in the middle", metadata: ["host": "\(host)", "cause": "\(error)"])
    }
    let isLast = state.withLock { state in
      state.total -= 1
      let left = state.inFlight[host, default: 1] - 1
      state.inFlight[host] = left > 0 ? left : nil
      engine.webhooks.setInFlight(state.total)
      return state.total == 0
    }
    if isLast, isStopping { endWaiting() }
    engine.alarm.ring(hosts: [])
  }

  /// Whether the lease lasts for another job, and nobody else should have the place.
  private func mayGoOn(_ leased: LeasedLane, jobsDone: Int) -> Bool {
    let now = engine.now()
    if Task.isCancelled || now.adding(settings.totalTime + .seconds(1)) > leased.until { return false }
    return state.withLock { state in
      if state.isStopping { return false }
      guard jobsDone >= settings.jobsPerTurn, let due = state.due[leased.lane.host] else { return true }
      return due > now
    }
  }

  /// Runs jobs up to one that is put off. What came of quick ones is noted together; `handsBack` says that the lane is to be left to others.
  private func run(
    _ jobs: [Job], in leased: LeasedLane, jobsDone: Int
  ) async throws -> (done: [(job: Job, result: JobResult)], handsBack: Bool) {
    var done: [(job: Job, result: JobResult)] = []
    let start = ContinuousClock.now
    let run = try await prepareJobs(jobs, leased)
    for job in jobs {
      guard mayGoOn(leased, jobsDone: jobsDone + done.count) else { return (done, true) }
      let result = try await run(job)
      if case .handedBack = result.fate { return (done, true) }
      done.append((job, result))
      if case .again = result.fate { break }
      if ContinuousClock.now - start >= settings.noteAfter { break }
    }
    return (done, false)
  }

  /// Notes what came of jobs and of their lane, and renews the lease; answers the next jobs, none when the lane is no longer ours.
  private func finish(_ done: [(job: Job, result: JobResult)], handsBack: Bool, in leased: inout LeasedLane) async throws -> [Job] {
    let now = engine.now()
    let (until, lane, ahead) = (now.adding(settings.lease), leased, settings.jobsAhead)
    let next: [Job] = try await engine.database.writeRelaxed { tx in
      try tx.renew(lane, until: until)
      for (job, result) in done {
        try result.note(tx)
        switch result.fate {
        case .done: try tx.remove(job, from: lane.lane)
        case .again(let time):
          try tx.putOff(job, in: lane.lane)
          try tx.release(lane, due: time)
          return []
        case .handedBack: break
        }
      }
      let next = try tx.heads(of: lane.lane, limit: ahead)
      if next.isEmpty {
        try tx.end(lane.lane)
      } else if handsBack {
        try tx.release(lane, due: now)
        return []
      }
      return next
    }
    leased.until = until
    if case .again(let time) = done.last?.result.fate {
      expect(lane.lane.host, at: time)
    } else if handsBack {
      expect(lane.lane.host, at: now)
    }
    return next
  }

  private func expect(_ host: String, at time: Timestamp) {
    state.withLock { state in state.due[host] = min(state.due[host] ?? time, time) }
  }
}
