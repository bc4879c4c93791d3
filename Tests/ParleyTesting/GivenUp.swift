import ParleyDomain
import ParleyStorage

@testable import ParleyEngine

/// What becomes of deliveries, as the loop would note it.
extension Engine {
  /// Notes that a delivery was answered with a status, and the state that it has from then on.
  package func answered(_ id: Delivery.ID, _ status: Int64, _ reply: String = "", state: Delivery.State, for account: Account.ID)
    async throws
  {
    let now = now()
    let next = state == .pending ? now.adding(.seconds(1)) : nil
    try await database.write(for: account) { tx in
      let attempt = Attempt(
        number: try (tx.delivery(id)?.delivery.attemptCount ?? 0) + 1, startedAt: now, milliseconds: 12, status: status, failure: nil,
        reply: reply, nextAttemptAt: next)
      try tx.note(attempt, of: id, state: state)
    }
  }

  /// Gives up what waits for a URL, the oldest first, at most so many; answers how many.
  @discardableResult
  package func giveUp(_ url: String, atMost limit: Int64 = 1000, for account: Account.ID) async throws -> Int {
    let now = now()
    return try await database.write(for: account) { try $0.giveUpOldest(beyond: 0, atMost: limit, urlHash: Outbox.urlHash(url), at: now) }
  }
}
