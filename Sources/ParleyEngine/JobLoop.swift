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
package final class JobLoop: Sendable {
  /// Prepares for jobs of one lane, which are run at once or not at all; answers what does one of them.
  typealias Prepare = @Sendable (_ jobs: [Job], _ lane: LeasedLane) async throws -> Run
  typealias Run = @Sendable (_ job: Job) async throws -> JobResult

  /// Between tries where the database is away.
  private static let pause = TimeAmount.milliseconds(500)

  let engine: Engine
  let settings: WebhookSettings
  private let prepareJobs: Prepare
  private let watch: @Sendable () async -> Void
  let logger: Logger
  let slots: LaneSlots
  /// Lanes that are being worked on, with their leases.
  private let inHand = Mutex<Set<[String]>>([])
  /// Whether the last claim failed.
  private let isFailing = Atomic<Bool>(false)
  private let hasStopped = Atomic<Bool>(false)

  init(engine: Engine, settings: WebhookSettings, logger: Logger, watch: @escaping @Sendable () async -> Void, prepare: @escaping Prepare) {
    (self.engine, self.settings, self.logger, self.watch, prepareJobs) = (engine, settings, logger, watch, prepare)
    slots = LaneSlots(settings)
  }

  /// Makes due what a process that was killed had in hand, instead of waiting for its leases to end. Only where no other process can use the
  /// database, and before this one does.
  package func takeOver() async throws {
    let now = engine.now()
    try await engine.database.writeRelaxed { try $0.endLeases(at: now) }
  }

  /// Runs until it is stopped. Then what is in flight may finish for a while, and the rest is handed back.
  package func run() async throws {
    await withTaskCancellationOrGracefulShutdownHandler {
      await loop()
    } onCancelOrGracefulShutdown: {
      self.stop()
    }
  }

  /// Does all that is due now, and what becomes due by that; then returns. For who has the time in his own hand.
  package func runUntilIdle() async {
    await prepare()
    await bringBackLanes()
    while true {
      let claimed = await claimDue(looksAtAll: true)
      if claimed.isEmpty { return await watch() }
      await withDiscardingTaskGroup { group in
        for leased in claimed { group.addTask(executorPreference: WebhookThreads.next()) { await self.work(on: leased) } }
      }
    }
  }

  /// Ends `run`.
  package func stop() {
    hasStopped.store(true, ordering: .relaxed)
    engine.alarm.ring(hosts: [])
  }

  private var isStopping: Bool { hasStopped.load(ordering: .relaxed) }

  // MARK: - The loop

  private func loop() async {
    engine.slots = slots
    await withDiscardingTaskGroup { group in
      var isPrepared = false
      var nextLook = ContinuousClock.now
      var nextWatch = ContinuousClock.now
      while !isStopping {
        engine.webhooks.beat()
        if !isPrepared { isPrepared = await prepare() }
        let looksAtAll = ContinuousClock.now >= nextLook
        if looksAtAll { nextLook = .now + settings.poll }
        start(await claimDue(looksAtAll: looksAtAll), in: &group)
        if ContinuousClock.now >= nextWatch {
          nextWatch = .now + settings.watch
          group.addTask {
            await self.bringBackLanes()
            await self.watch()
          }
        }
        let rung = await engine.alarm.sleep(atMost: min(nextLook - .now, slots.untilDue(at: engine.now()) ?? settings.poll))
        if rung.isForAll { nextLook = .now }
        start(rung.lanes, in: &group, areTaken: true)
        let now = engine.now()
        for host in rung.hosts { slots.expect(host, at: now) }
      }
      engine.slots = nil
      let end = ContinuousClock.now + settings.stopTime
      while slots.total > 0, .now < end {
        start(await engine.alarm.sleep(atMost: end - .now).lanes, in: &group, areTaken: true)
      }
      group.cancelAll()
    }
  }

  private func start(_ lanes: [LeasedLane], in group: inout DiscardingTaskGroup, areTaken: Bool = false) {
    if !lanes.isEmpty { engine.webhooks.setInFlight(slots.outer) }
    for leased in lanes {
      group.addTask(executorPreference: WebhookThreads.next()) { await self.work(on: leased, isTaken: areTaken) }
    }
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

  private func claimDue(looksAtAll: Bool) async -> [LeasedLane] {
    do {
      if looksAtAll { try await lookAtAll() } else { try await checkDue() }
      let (now, start, mark) = (engine.now(), ContinuousClock.now, slots.mark)
      let (hosts, lease) = slots.takeDue(at: now)
      guard !hosts.isEmpty else { return [] }
      let (until, nextLook) = (now.adding(settings.lease), now.adding(settings.poll))
      var claimed = hosts.map { _ in (lanes: [LeasedLane](), next: Timestamp?.none) }
      defer { for (host, found) in zip(hosts, claimed) { slots.giveBack(host.limit - found.lanes.count, of: host.host) } }
      claimed = try await engine.database.writeRelaxed { [self] tx in
        try hosts.map { host, limit in
          let lanes = try tx.claim(host: host, upTo: limit, lease: lease, until: until, at: now) { isInHand($0, $1) }
          let next = try tx.nextDue(host: host)
          // Those that are due and that another holds are left to it until the next look: to ask again at once would be to spin.
          return (lanes, lanes.isEmpty ? next.map { max($0, nextLook) } : next)
        }
      }
      for (host, found) in zip(hosts, claimed) { slots.setDue(host.host, at: found.next, since: mark) }
      isFailing.store(false, ordering: .relaxed)
      return claimed.flatMap(\.lanes).map { lane in
        var lane = lane
        lane.since = start
        return lane
      }
    } catch {
      // Once an outage, and asked again no sooner than all lanes are looked at.
      slots.postpone(to: engine.now().adding(settings.poll))
      if !isFailing.exchange(true, ordering: .relaxed) { logger.warning("lanes can't be claimed", metadata: ["cause": "\(error)"]) }
      return []
    }
  }

  private func lookAtAll() async throws {
    let mark = slots.mark
    slots.setDue(try await engine.database.readSystem(.statement) { try $0.dueTimes() }, since: mark)
  }

  /// What was rung for may be paused, or done by another node: a read says so, where a claim would be a write.
  private func checkDue() async throws {
    let (mark, rung) = (slots.mark, slots.dueHosts(at: engine.now()))
    guard !rung.isEmpty else { return }
    let times = try await engine.database.readSystem(.statement) { tx in try rung.map { try tx.nextDue(host: $0) } }
    for (host, time) in zip(rung, times) { slots.setDue(host, at: time, since: mark) }
  }

  // MARK: - A lane

  private func isInHand(_ lane: Lane, _ lease: String) -> Bool { inHand.withLock { $0.contains([lane.id, lease]) } }

  /// Does the jobs of a leased lane one after the other, until there are none, one is put off, or others wait. One that was taken by a change
  /// may turn out to be another's.
  private func work(on leased: LeasedLane, isTaken: Bool = false) async {
    let host = leased.host
    var leased = leased
    var first: Job?
    let name = [leased.lane.id, leased.lease]
    inHand.withLock { _ = $0.insert(name) }
    do {
      let ahead = jobsAhead(in: leased, after: 0)
      var jobs = try await patiently(in: leased) { [leased] in
        try await engine.database.readSystem(.statement) { try $0.heads(of: leased, limit: ahead) }
      }
      if jobs.isEmpty, isTaken {
        // Who has it does them, or nobody has.
        slots.expect(host, at: engine.now())
      } else if jobs.isEmpty {
        // A lane that is found empty is looked at again while it is held, and ended.
        jobs = try await finish([], handsBack: false, in: &leased, ahead: ahead)
      }
      var turn = Turn()
      while let head = jobs.first {
        first = head
        let ran = if let verdict = verdict(on: head, in: leased) { verdict } else { try await run(jobs, in: leased, &turn) }
        let ahead = jobsAhead(in: leased, after: turn.jobs)
        let handsBack = ran.handsBack || leased.isSuspect
        jobs = try await patiently(in: leased) {
          try await finish(ran.done, handsBack: handsBack, restsUntil: ran.restsUntil, in: &leased, ahead: ahead)
        }
      }
    } catch is LostLease {
      logger.warning("a lane was taken over", metadata: ["host": "\(leased.lane.host)"])
      await takeBackEnd(of: first, in: leased)
    } catch {
      // The lane is due again when its lease ends.
      logger.warning("a lane was left in the middle", metadata: ["host": "\(leased.lane.host)", "cause": "\(error)"])
      if leased.isSuspect { slots.holdSuspects(until: leased.since + settings.lease) }
    }
    inHand.withLock { _ = $0.remove(name) }
    let isWaitedFor = slots.giveBack(host, at: engine.now())
    engine.webhooks.setInFlight(slots.outer)
    if isWaitedFor || isStopping { engine.alarm.ring(hosts: []) }
  }

  /// Whether the lease lasts for another job, and nobody else should have the place.
  private func mayGoOn(_ leased: LeasedLane, _ turn: Turn) -> Bool {
    if isStopping || Task.isCancelled || .now + settings.totalTime + .seconds(1) > leased.since + settings.lease { return false }
    let isOver = turn.jobs >= settings.jobsPerTurn || ContinuousClock.now - turn.start >= settings.turnTime
    return !isOver || !slots.isWaitedFor(leased.lane.host, at: engine.now())
  }

  /// What a lane has had since it got its place.
  private struct Turn {
    let start = ContinuousClock.now
    var jobs = 0
  }

  /// What came of jobs, and whether their lane is to be left to others.
  struct Ran {
    var done: [(job: Job, result: JobResult)] = []
    var handsBack = true
    /// When a lane that is left to others is due again; nil for at once.
    var restsUntil: Timestamp?
  }

  /// Runs jobs up to one that is put off. What came of quick ones is noted together.
  private func run(_ jobs: [Job], in leased: LeasedLane, _ turn: inout Turn) async throws -> Ran {
    var done: [(job: Job, result: JobResult)] = []
    let start = ContinuousClock.now
    let run = try await patiently(in: leased) { try await prepareJobs(jobs, leased) }
    for job in jobs {
      guard mayGoOn(leased, turn) else { return Ran(done: done, handsBack: true) }
      let result = try await run(job)
      if case .handedBack = result.fate { return Ran(done: done, handsBack: true) }
      if case .notNow(let time) = result.fate { return Ran(done: done, handsBack: true, restsUntil: time) }
      done.append((job, result))
      turn.jobs += 1
      if case .again = result.fate { break }
      if ContinuousClock.now - start >= settings.noteAfter { break }
    }
    return Ran(done: done, handsBack: false)
  }

  /// Asks the database, again and again until the lease ends where it is away: what is left in the middle waits for that, and what is not
  /// noted is sent again.
  private func patiently<Answer>(in leased: LeasedLane, _ ask: () async throws -> Answer) async throws -> Answer {
    let end = leased.since + settings.lease
    while true {
      do {
        return try await ask()
      } catch ParleyError.unavailable where !isStopping && !Task.isCancelled && .now < end {
        try await MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: Self.pause) {}.futureResult.get()
      }
    }
  }

  /// Notes what came of jobs and of their lane, and renews the lease; answers the next jobs, none when the lane is no longer ours.
  private func finish(
    _ done: [(job: Job, result: JobResult)], handsBack: Bool, restsUntil: Timestamp? = nil, in leased: inout LeasedLane, ahead: Int
  ) async throws -> [Job] {
    let (now, start) = (engine.now(), ContinuousClock.now)
    let (until, lane) = (now.adding(settings.lease), leased)
    let (next, releasedAs): ([Job], String?) = try await engine.database.writeRelaxed { tx in
      try tx.hold(lane)
      for (job, result) in done {
        try result.note(tx)
        switch result.fate {
        case .done: try tx.remove(job, from: lane.lane)
        case .again(let time):
          try tx.putOff(job, in: lane.lane)
          try tx.release(lane, due: time, isSuspect: job.isSuspect, at: now)
          return ([], job.isSuspect ? Lane.suspects : lane.lane.host)
        case .handedBack, .notNow: break
        }
      }
      let next = try tx.heads(of: lane, limit: ahead)
      guard let head = next.first else {
        try tx.end(lane.lane)
        return ([], nil)
      }
      guard handsBack else {
        try tx.renew(lane, until: until, at: now)
        return (next, nil)
      }
      try tx.release(lane, due: restsUntil ?? now, isSuspect: head.isSuspect, at: now)
      return ([], head.isSuspect ? Lane.suspects : lane.lane.host)
    }
    (leased.until, leased.since) = (until, start)
    if let releasedAs {
      let due = if case .again(let time) = done.last?.result.fate { time } else { restsUntil ?? now }
      slots.expect(releasedAs, at: due)
    }
    return next
  }
}
