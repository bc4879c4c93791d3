import Logging
import ParleyDomain
import ParleyStorage

/// Makes one attempt to deliver: what is sent, what the answer means, and when there is another.
struct Courier: Sendable {
  let engine: Engine
  let settings: WebhookSettings
  let sender: WebhookSender
  let logger: Logger

  func deliver(_ id: Delivery.ID, _ job: Job, _ leased: LeasedLane) async throws -> JobResult {
    // An event that was given up or deleted meanwhile is no longer sent.
    guard let account = leased.lane.account,
      let due = try await engine.database.read(for: account, .statement, { try $0.dueDelivery(id) })
    else { return JobResult(.done) }
    if due.isPaused { return JobResult(.handedBack) }
    let startedAt = engine.now()
    let start = ContinuousClock.now
    let reply = try await send(due, of: account)
    if reply.failure == .interrupted { return JobResult(.handedBack) }
    let microseconds = start.duration(to: .now).microseconds
    return judge(reply, to: due, job, of: account, startedAt: startedAt, microseconds: microseconds)
  }

  private func send(_ due: DueDelivery, of account: Account.ID) async throws -> WebhookReply {
    guard let target = engine.places[due.url].target else { return WebhookReply(failure: .invalid) }
    let token = try engine.key.open(due.sealedToken, of: account)
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
      failure: reply.failure, reply: reply.text, nextAttemptAt: reply.isSuccess ? nil : next)
    let state: Delivery.State = reply.isSuccess ? .delivered : next == nil ? .failed : .pending
    engine.webhooks.add(
      state == .delivered ? .delivered : state == .failed ? .givenUp : .retried, attemptMicroseconds: microseconds)
    if state == .delivered { engine.webhooks.addDelivery(milliseconds: Int(now.milliseconds - due.createdAt.milliseconds)) }
    if state == .failed {
      logger.warning(
        "a webhook was given up",
        metadata: [
          "account": "\(account.text)", "delivery": "\(due.id.text)",
          "outcome": "\(reply.failure?.rawValue ?? reply.status.map { "status \($0)" } ?? "")",
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
    return switch failure {
    case .dns, .connect, .tls, .timeout, .reset: true
    case .addressRefused, .backlog, .invalid, .interrupted, nil: false
    }
  }
}
