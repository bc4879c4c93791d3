import ParleyDomain
import ParleyStorage

/// Takes away what is past its time: finished deliveries after some days, operations and idempotency keys after a day, ended listeners.
struct Purge: Sendable {
  let engine: Engine
  let settings: WebhookSettings

  /// Goes through all accounts in steps of bounded size, and comes again later.
  func run(_ leased: LeasedLane) async throws -> JobResult {
    for account in try await engine.accounts.list() { try await purge(account.id, leased) }
    if Task.isCancelled { return JobResult(.handedBack) }
    return JobResult(.again(at: engine.now().adding(settings.purge)))
  }

  private func purge(_ account: Account.ID, _ leased: LeasedLane) async throws {
    var mayHaveMore = true
    while mayHaveMore, !Task.isCancelled {
      let now = engine.now()
      let (kept, day) = (now.hoursBefore(Int64(settings.logDays) * 24), now.hoursBefore(IdempotencyKey.hoursKept))
      let limit = settings.purgeStep
      let expired = try await engine.database.read(for: account, .bulk) { tx in
        try tx.expiredRows(deliveriesBefore: kept, operationsBefore: day, listenersBefore: now, limit: limit)
      }
      let until = now.adding(settings.lease)
      try await engine.database.writeRelaxed { system in
        try system.renew(leased, until: until, at: now)
        let tx = system.transaction(for: account)
        try tx.purge(expired, keysBefore: day, listenersBefore: now)
        try tx.wakeLanesWithoutPause()
      }
      mayHaveMore = expired.mayHaveMore(than: limit)
    }
  }
}
