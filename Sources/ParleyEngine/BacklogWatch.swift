import Logging
import ParleyDomain
import ParleyStorage
import Synchronization

/// Looks after what waits now and then: wakes lanes whose pause is over, counts, and gives the oldest events of a URL up where there are too
/// many; in the background, so that no change waits for it.
final class BacklogWatch: Sendable {
  /// Events given up in one transaction.
  private static let step: Int64 = 200

  private let engine: Engine
  private let settings: WebhookSettings
  private let logger: Logger
  private let isLooking = Atomic<Bool>(false)

  init(engine: Engine, settings: WebhookSettings, logger: Logger) {
    (self.engine, self.settings, self.logger) = (engine, settings, logger)
  }

  /// Does nothing while another look goes on.
  func look() async {
    guard !isLooking.exchange(true, ordering: .acquiring) else { return }
    defer { isLooking.store(false, ordering: .releasing) }
    do {
      try await wake(engine.resumed.take())
      let waiting = try await engine.database.readSystem(.bulk) { try $0.waiting() }
      engine.webhooks.setWaiting(Int(waiting.reduce(0) { $0 + $1.count }), oldest: waiting.map(\.oldest).min())
      for url in waiting where url.count > Int64(settings.backlog) { try await giveUpExcess(of: url) }
    } catch {
      logger.warning("what waits can't be counted", metadata: ["cause": "\(error)"])
    }
  }

  private func wake(_ accounts: [Account.ID]) async throws {
    guard !accounts.isEmpty else { return }
    try await engine.database.writeRelaxed { system in
      for account in accounts { try system.transaction(for: account).wakeLanesWithoutPause() }
    }
    engine.alarm.ring(hosts: nil)
  }

  private func giveUpExcess(of url: Waiting) async throws {
    let (backlog, step) = (Int64(settings.backlog), Self.step)
    var total = 0
    while !Task.isCancelled {
      let now = engine.now()
      // Counted anew each time: events arrive meanwhile, and other nodes look as well.
      let count = try await engine.database.writeRelaxed { system in
        try system.transaction(for: url.account).giveUpOldest(beyond: backlog, atMost: step, urlHash: url.urlHash, at: now)
      }
      engine.webhooks.addBacklogGivenUp(count)
      total += count
      if count == 0 { break }
    }
    guard total > 0 else { return }
    logger.warning(
      "too many events wait for a URL, the oldest were given up", metadata: ["account": "\(url.account.text)", "count": "\(total)"])
  }
}
