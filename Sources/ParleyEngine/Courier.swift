import Logging
import ParleyDomain
import ParleyStorage

/// Makes one attempt to deliver: what is sent, what the answer means, and when there is another.
struct Courier: Sendable {
  let engine: Engine
  let settings: WebhookSettings
  let sender: WebhookSender
  let logger: Logger
  /// Says now and then that this process lacks the means to send.
  let shortage = ShortageNotice()

  /// How long a lane rests when this process could not send.
  private static let rest = Duration.seconds(1)

  /// What deliveries of a lane need to be sent, read at once. They go out within milliseconds of that, or are read anew.
  func collect(_ ids: [Delivery.ID], in lane: Lane) async throws -> Bag {
    guard let account = lane.account, !ids.isEmpty else { return Bag(deliveries: [:], token: "") }
    let due = try await engine.database.read(for: account, .statement) { try $0.dueDeliveries(ids) }
    // All are of one account, and read in one state.
    let token = try due.first.map { try engine.key.open($0.sealedToken, of: account) }
    return Bag(deliveries: Dictionary(due.map { ($0.id, $0) }) { first, _ in first }, token: token ?? "")
  }

  /// Deliveries of one lane with their account's auth token (B-AUTH-7).
  struct Bag: Sendable {
    let deliveries: [Delivery.ID: DueDelivery]
    let token: String
  }

  /// One attempt. An event that is not in the bag was given up or deleted meanwhile, and is no longer sent.
  func deliver(_ id: Delivery.ID, from bag: Bag, _ job: Job, in lane: Lane) async -> JobResult {
    guard let account = lane.account, let due = bag.deliveries[id] else { return JobResult(.done) }
    if due.hasEnded {
      let now = engine.now()
      return JobResult(.done) { tx in _ = try tx.transaction(for: account).giveUp(id, at: now) }
    }
    if due.isPaused { return JobResult(.handedBack) }
    let startedAt = engine.now()
    let start = ContinuousClock.now
    let reply = await send(due, token: bag.token)
    if reply.failure?.kind == .interrupted {
      // The receiver was not asked, so this is no attempt.
      guard let lack = reply.failure?.reason else { return JobResult(.handedBack) }
      if shortage.isToBeSaid() { logger.warning("deliveries wait: this process can't open a connection", metadata: ["reason": "\(lack)"]) }
      return JobResult(.notNow(until: engine.now().adding(Self.rest)))
    }
    let microseconds = start.duration(to: .now).microseconds
    return judge(reply, to: due, job, of: account, startedAt: startedAt, microseconds: microseconds)
  }

  private func send(_ due: DueDelivery, token: String) async -> WebhookReply {
    guard let target = engine.places[due.url].target else { return WebhookReply(failure: .invalid) }
    return await sender.send(WebhookRequest(due, to: target, token: token), to: target)
  }

  /// B-HOOK-31, B-HOOK-32.
  private func judge(
    _ reply: WebhookReply, to due: DueDelivery, _ job: Job, of account: Account.ID, startedAt: Timestamp, microseconds: Int
  ) -> JobResult {
    let now = engine.now()
    let delay = reply.mayBeTriedAgain ? settings.delay(afterFailures: job.attempts, retryAfter: reply.retryAfter) : nil
    let next = delay.map { now.adding($0) }
    let attempt = Attempt(
      number: due.attemptCount + 1, startedAt: startedAt, milliseconds: Int64(microseconds / 1000), status: reply.status.map(Int64.init),
      failure: reply.failure?.kind, reason: reply.failure?.reason, reply: reply.text,
      nextAttemptAt: reply.isSuccess ? nil : next)
    let state: Delivery.State = reply.isSuccess ? .delivered : next == nil ? .failed : .pending
    engine.webhooks.add(
      state == .delivered ? .delivered : state == .failed ? .givenUp : .retried, attemptMicroseconds: microseconds)
    if state == .delivered { engine.webhooks.addDelivery(milliseconds: Int(now.milliseconds - due.createdAt.milliseconds)) }
    if state == .failed {
      logger.warning(
        "a webhook was given up",
        metadata: [
          "account": "\(account.text)", "delivery": "\(due.id.text)",
          "outcome": "\(reply.failure?.kind.rawValue ?? reply.status.map { "status \($0)" } ?? "")", "reason": "\(attempt.reason ?? "")",
        ])
    }
    let fate: JobResult.Fate = state == .pending ? .again(at: next ?? now) : .done
    return JobResult(fate) { tx in try tx.transaction(for: account).note(attempt, of: due.id, state: state) }
  }
}

extension WebhookReply {
  var isSuccess: Bool { status.map { (200...299).contains($0) } ?? false }

  fileprivate var mayBeTriedAgain: Bool {
    if let status { return (500...599).contains(status) || [408, 425, 429].contains(status) }
    return switch failure?.kind {
    case .dns, .connect, .tls, .timeout, .reset, .invalidReply: true
    case .addressRefused, .backlog, .invalid, .urlTooLong, .interrupted, .crashed, nil: false
    }
  }
}
