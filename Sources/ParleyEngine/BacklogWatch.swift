import Logging
import ParleyDomain
import ParleyStorage

/// Counts what waits, and gives the oldest events of a URL up where too many do: in the background, so that no change waits for it.
struct BacklogWatch: Sendable {
  /// Events given up in one transaction.
  private static let step: Int64 = 200

  let engine: Engine
  let settings: WebhookSettings
  let logger: Logger

  func look() async {
    do {
      let waiting = try await engine.database.readSystem(.statement) { try $0.waiting() }
      engine.webhooks.setWaiting(Int(waiting.reduce(0) { $0 + $1.count }), oldest: waiting.map(\.oldest).min())
      for url in waiting where url.count > Int64(settings.backlog) { try await giveUp(url.count - Int64(settings.backlog), of: url) }
    } catch {
      logger.warning("what waits can't be counted", metadata: ["cause": "\(error)"])
    }
  }

  private func giveUp(_ excess: Int64, of url: Waiting) async throws {
    var left = excess
    while left > 0 {
      let (now, limit) = (engine.now(), min(left, Self.step))
      let count = try await engine.database.writeRelaxed { system in
        try system.transaction(for: url.account).giveUpOldest(limit, urlHash: url.urlHash, at: now)
      }
      engine.webhooks.addBacklogGivenUp(count)
      left -= count > 0 ? Int64(count) : left
    }
    logger.warning(
      "too many events wait for a URL, the oldest were given up", metadata: ["account": "\(url.account.text)", "count": "\(excess)"])
  }
}
