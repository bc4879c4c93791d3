import ParleyDomain
import ParleyStorage

/// What can be done with an account's listeners. One that has ended is not there any more.
package struct Listeners: Sendable {
  let engine: Engine

  /// Makes a listener, which hears of every change from now on, as long as what its maker signed in with is good.
  package func create(_ body: Body, for account: Account.ID, by credential: Credential? = nil) async throws -> Listener {
    let draft = try body.draft { [callbacks = engine.callbacks] in ListenerDraft($0, callbacks: callbacks) }.get()
    let now = engine.now()
    let listener = Listener(
      id: engine.newID(Listener.self, at: now), url: draft.url, createdAt: now, expiresAt: now.adding(.seconds(draft.seconds)),
      credential: credential)
    guard try await engine.database.write(for: account, { try $0.insert(listener) }) else {
      throw ParleyError.refusedByState(.listenersFull)
    }
    return listener
  }

  package func fetch(_ id: Listener.ID, for account: Account.ID) async throws -> Listener {
    let now = engine.now()
    return try await engine.database.read(for: account, .statement) { tx in
      guard let listener = try tx.listener(id, at: now) else { throw ParleyError.notFound(.listener) }
      return listener
    }
  }

  /// A page of the account's listeners, newest first.
  package func list(_ request: PageRequest, for account: Account.ID) async throws -> Page {
    let now = engine.now()
    return try await engine.database.read(for: account, .page(of: request)) { try $0.listeners(request, at: now) }
  }

  /// Moves a listener's end to as many seconds from now as the body says.
  package func renew(_ id: Listener.ID, by body: Body, for account: Account.ID) async throws -> Listener {
    let seconds = body.draft(ListenerDraft.seconds)
    let now = engine.now()
    return try await engine.database.write(for: account) { tx in
      guard try tx.listener(id, at: now) != nil else { throw ParleyError.notFound(.listener) }
      guard try tx.renew(id, until: now.adding(.seconds(seconds.get())), at: now), let renewed = try tx.listener(id, at: now) else {
        throw ParleyError.notFound(.listener)
      }
      return renewed
    }
  }

  /// Ends a listener before its time. What already waits for it is still sent.
  package func delete(_ id: Listener.ID, for account: Account.ID) async throws {
    let now = engine.now()
    guard try await engine.database.write(for: account, { try $0.endListener(id, at: now) }) else { throw ParleyError.notFound(.listener) }
  }
}
