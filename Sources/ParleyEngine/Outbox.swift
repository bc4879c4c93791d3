import ParleyDomain
import ParleyStorage

/// The events of one write, put beside the change in its own transaction (B-HOOK-30): a delivery for each event and listing of a callback,
/// and a job that sends it.
struct Outbox {
  let engine: Engine
  let tx: Transaction
  let account: Account.ID
  /// The request that causes the events.
  let cause: RequestID
  let taken: TakenLanes

  /// Tells events of a conversation, in this order, to the given callbacks, or to its own as they stand in the transaction and the account's
  /// listeners (B-HOOK-6). Answers the hosts that have something to do now, without the lanes that were taken.
  func publish(
    _ events: [Event], of conversation: Conversation.ID, to callbacks: [StatusCallback]?, at now: Timestamp
  ) throws -> Set<String> {
    guard !events.isEmpty else { return [] }
    let listings = listings(of: try callbacks ?? tx.callbacks(of: conversation, at: now), in: conversation)
    var hosts: Set<String> = []
    for (lane, callback) in listings {
      let deliveries = events.map { event in
        NewDelivery(id: engine.newID(Delivery.self, at: now), of: event, in: conversation, to: callback, requestId: cause.text)
      }
      for delivery in deliveries { try tx.insert(delivery, in: lane) }
      let jobs = deliveries.map { Job(key: $0.id.text, work: Work.deliver($0.id).document) }
      if let leased = taken.take(lane, at: now) {
        try tx.add(jobs, to: leased, at: now)
      } else {
        try tx.add(jobs, to: lane, at: now)
        hosts.insert(lane.host)
      }
    }
    return hosts
  }

  /// Digest by which a callback URL is found.
  package static func urlHash(_ url: String) -> String { url == Pause.allURLs ? url : CallbackPlaces.digest(url) }

  /// A lane for each listing of a URL: the second time that one is listed is another lane, so that each gets every event once and in order.
  /// What their order in the list is does not matter. A URL that nobody could call has a lane all the same, so that its failure is seen.
  private func listings(of callbacks: [StatusCallback], in conversation: Conversation.ID) -> [(lane: Lane, callback: StatusCallback)] {
    var times: [ExactText: Int] = [:]
    return callbacks.map { callback in
      let listing = "\(conversation.text)\n\(callback.method.rawValue)\n\(callback.url)"
      let key = ExactText(listing)
      times[key, default: 0] += 1
      let place = engine.places[callback.url]
      let id = CallbackPlaces.digest("\(listing)\n\(times[key, default: 0])")
      return (Lane(account: account, id: id, host: place.host, urlHash: place.urlHash), callback)
    }.sorted { $0.lane.id < $1.lane.id }
  }
}

extension Engine {
  /// A write that may have events to tell: `body` answers with them and their conversation. The loop is woken once they are on the disk.
  func change<Answer: Sendable>(
    for account: Account.ID, because cause: RequestID, at now: Timestamp,
    _ body: @escaping @Sendable (Transaction) throws -> Change<Answer>
  ) async throws -> Answer {
    let taken = TakenLanes(slots)
    // Also where the change failed: places come back, and what became of a commit may be unknown.
    defer { if !taken.all.isEmpty { alarm.ring(hosts: [], lanes: taken.all) } }
    let (answer, hosts) = try await withSettingsApart(for: account) {
      try await database.write(for: account) { [self] tx in
        let change = try body(tx)
        let outbox = Outbox(engine: self, tx: tx, account: account, cause: cause, taken: taken)
        return (change.answer, try outbox.publish(change.events, of: change.conversation, to: change.callbacks, at: now))
      }
    }
    if !hosts.isEmpty { alarm.ring(hosts: hosts) }
    return answer
  }

  /// Runs a write. If it meets settings that still contain capture rules, another write sets these apart once for all, and the first runs
  /// again.
  private func withSettingsApart<Answer>(for account: Account.ID, _ write: () async throws -> Answer) async throws -> Answer {
    do {
      return try await write()
    } catch let one as SettingsNotApart {
      let settings = try await database.read(for: account, .bulk) { tx in try tx.wholeSettings(of: one) }
      // Nil where another write was faster.
      if let apart = try settings?.apart() { try await database.write(for: account) { tx in try tx.setApart(apart, of: one) } }
      return try await write()
    }
  }

  /// What a write made of a conversation.
  struct Change<Answer: Sendable> {
    let conversation: Conversation.ID
    /// In the order in which they are told.
    let events: [Event]
    /// Where they are told; nil for the conversation's callbacks and the account's listeners as they stand after the write.
    var callbacks: [StatusCallback]?
    let answer: Answer
  }
}
