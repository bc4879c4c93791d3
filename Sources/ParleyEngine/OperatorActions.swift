import ParleyDomain
import ParleyStorage

/// What operators do from the command line, beside a server or without one. An account that is not given stands for all.
package struct OperatorActions: Sendable {
  /// Deliveries that one write gives up: other writes have their turn in between.
  static let droppedAtOnceMax = 100

  let engine: Engine

  // MARK: - Deliveries

  /// The newest deliveries as the API shows them, each with its account.
  package func deliveries(
    _ filter: DeliveryFilter, of account: Account.ID?, limit: Int
  ) async throws -> [(account: Account.ID, delivery: JSON.Object)] {
    var found: [(account: Account.ID, delivery: JSON.Object)] = []
    for account in try await accounts(account) {
      found += try await deliveries(filter, of: account, limit: limit).map { (account, $0) }
    }
    return Array(found.sorted { $0.delivery["id"]?.string ?? "" > $1.delivery["id"]?.string ?? "" }.prefix(limit))
  }

  private func deliveries(_ filter: DeliveryFilter, of account: Account.ID, limit: Int) async throws -> [JSON.Object] {
    var found: [JSON.Object] = []
    var cursor: Cursor?
    repeat {
      let size = min(limit - found.count, PageRequest.sizeMax)
      let page = try await engine.deliveries.list(filter, PageRequest(size: size, cursor: cursor), for: account)
      let items = try JSON.parse(Array("[".utf8) + page.items + Array("]".utf8))
      if case .array(let elements) = items { found += elements.compactMap(\.object) }
      cursor = page.next
    } while cursor != nil && found.count < limit
    return found
  }

  /// Gives up those of the deliveries that wait, and answers their ids. Each can be sent again.
  package func drop(_ ids: [Delivery.ID], of account: Account.ID?) async throws -> [Delivery.ID] {
    var dropped: [Delivery.ID] = []
    for account in try await accounts(account) {
      var rest = ids[...]
      while !rest.isEmpty {
        dropped += try await dropAtOnce(Array(rest.prefix(Self.droppedAtOnceMax)), of: account)
        rest = rest.dropFirst(Self.droppedAtOnceMax)
      }
    }
    return dropped
  }

  private func dropAtOnce(_ ids: [Delivery.ID], of account: Account.ID) async throws -> [Delivery.ID] {
    let now = engine.now()
    return try await engine.database.write(for: account) { try $0.drop(ids, at: now) }
  }

  /// Gives up all deliveries that wait for a URL, for a conversation or, where both are given, for both; answers how many.
  package func dropAll(url: String?, conversation: Conversation.ID?, of account: Account.ID?) async throws -> Int {
    let hash = url.map(Outbox.urlHash)
    var dropped = 0
    for account in try await accounts(account) {
      var last: Delivery.ID?
      repeat {
        let behind = last
        let ids = try await engine.database.read(for: account, .bulk) { tx in
          try tx.pendingDeliveries(urlHash: hash, conversation: conversation, beyond: behind, limit: Self.droppedAtOnceMax)
        }
        dropped += try await dropAtOnce(ids, of: account).count
        last = ids.count == Self.droppedAtOnceMax ? ids.last : nil
      } while last != nil
    }
    return dropped
  }

  // MARK: - Listeners

  /// All live listeners, each with its account.
  package func listeners(of account: Account.ID?) async throws -> [(account: Account.ID, listener: Listener)] {
    let now = engine.now()
    var found: [(account: Account.ID, listener: Listener)] = []
    for account in try await accounts(account) {
      found += try await engine.database.read(for: account, .bulk) { try $0.liveListeners(at: now) }.map { (account, $0) }
    }
    return found
  }

  /// Ends a live listener, whatever account has it; false when there is none.
  package func endListener(_ id: Listener.ID) async throws -> Bool {
    let now = engine.now()
    for account in try await accounts(nil) {
      // Looked for by a read: a write for each account would be a commit for each.
      guard try await engine.database.read(for: account, .statement, { try $0.listener(id, at: now) }) != nil else { continue }
      return try await engine.database.write(for: account) { try $0.endListener(id, at: now) }
    }
    return false
  }

  // MARK: - Pauses

  /// Pauses a URL of an account, or all of its webhooks where no URL is given. A pause that was there is answered and is not new.
  package func pause(url: String?, of account: Account.ID) async throws -> (pause: Pause, isNew: Bool) {
    _ = try await accounts(account)
    return try await engine.pauses.create(url: url ?? Pause.allURLs, for: account)
  }

  /// Ends the pause of a URL, or the one of all webhooks where no URL is given; nil when there is none.
  package func resume(url: String?, of account: Account.ID) async throws -> Pause? {
    _ = try await accounts(account)
    let hash = Outbox.urlHash(url ?? Pause.allURLs)
    guard let pause = try await engine.database.read(for: account, .statement, { try $0.pause(ofURLHash: hash) }) else { return nil }
    try await engine.pauses.delete(pause.id, for: account)
    return pause
  }

  /// The account, which must be there, or all.
  private func accounts(_ account: Account.ID?) async throws -> [Account.ID] {
    let all = try await engine.accounts.list().map(\.id)
    guard let account else { return all }
    guard all.contains(account) else { throw AccountFailure.unknown(account.text) }
    return [account]
  }
}
