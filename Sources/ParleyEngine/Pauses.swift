import ParleyDomain
import ParleyStorage
import Synchronization

/// What can be done with an account's pauses. While there is one for a URL, nothing is sent there, and its events wait.
package struct Pauses: Sendable {
  let engine: Engine

  /// Pauses a URL. Where it is paused already, that pause is answered and is not new.
  package func create(_ body: Body, for account: Account.ID) async throws -> (pause: Pause, isNew: Bool) {
    try await create(url: body.draft(PauseDraft.init).get().url, for: account)
  }

  /// The same for a URL that is one, or for all URLs of the account.
  func create(url: String, for account: Account.ID) async throws -> (pause: Pause, isNew: Bool) {
    let now = engine.now()
    let pause = Pause(id: engine.newID(Pause.self, at: now), url: url, createdAt: now)
    guard let made = try await engine.database.write(for: account, { try $0.insert(pause, urlHash: Outbox.urlHash(pause.url)) }) else {
      throw ParleyError.refusedByState(.pausesFull)
    }
    return made
  }

  package func fetch(_ id: Pause.ID, for account: Account.ID) async throws -> Pause {
    try await engine.database.read(for: account, .statement) { tx in
      guard let pause = try tx.pause(id) else { throw ParleyError.notFound(.pause) }
      return pause
    }
  }

  /// A page of the account's pauses, newest first.
  package func list(_ request: PageRequest, for account: Account.ID) async throws -> Page {
    try await engine.database.read(for: account, .page(of: request)) { try $0.pauses(request) }
  }

  /// Resumes a pause's URL: what waits for it is sent.
  package func delete(_ id: Pause.ID, for account: Account.ID) async throws {
    guard try await engine.database.write(for: account, { try $0.resume(id) }) else { throw ParleyError.notFound(.pause) }
    engine.resumed.add(account)
    engine.alarm.ring(hosts: nil)
  }
}

/// Accounts that have just resumed a URL. Where several write side by side, a lane that was being made then may not have seen it, so such
/// lanes are looked for twice, some seconds apart.
final class Resumed: Sendable {
  private let looks = Mutex<[Account.ID: Int]>([:])

  func add(_ account: Account.ID) { looks.withLock { $0[account] = 2 } }

  /// The accounts to look at now.
  func take() -> [Account.ID] {
    looks.withLock { looks in
      defer { looks = looks.compactMapValues { $0 > 1 ? $0 - 1 : nil } }
      return Array(looks.keys)
    }
  }
}
