import ParleyDomain
import ParleyStorage

/// What can be asked of deliveries, and sending those again that were given up.
package struct Deliveries: Sendable {
  /// Deliveries that one write sends again: other writes have their turn in between.
  static let resentAtOnceMax = 100

  let engine: Engine

  /// A delivery as a JSON object, with its event and its attempts.
  package func fetch(_ id: Delivery.ID, for account: Account.ID) async throws -> [UInt8] {
    let record = try await engine.database.read(for: account, .snapshot) { tx in
      guard let record = try tx.delivery(id) else { throw ParleyError.notFound(.delivery) }
      return record
    }
    return record.document
  }

  /// A page of deliveries, newest first.
  package func list(_ filter: DeliveryFilter, _ request: PageRequest, for account: Account.ID) async throws -> Page {
    // What no index has may be far away.
    let isNear = filter.url == nil && filter.eventKinds.isEmpty && filter.states != [.delivered]
    return try await engine.database.read(for: account, isNear ? .page(of: request) : .bulk) { tx in
      try tx.deliveries(filter, urlHash: filter.url.map(Outbox.urlHash), request)
    }
  }

  /// Sends a delivery again that was given up, behind what waits in its lane, and answers it as it waits.
  package func resend(_ id: Delivery.ID, for account: Account.ID) async throws -> [UInt8] {
    let now = engine.now()
    let (delivery, host) = try await engine.database.write(for: account) { tx in
      guard let lane = try tx.reopen(id) else {
        throw try tx.delivery(id) == nil ? ParleyError.notFound(.delivery) : .refusedByState(.deliveryNotFailed)
      }
      try tx.add([Job(key: id.text, work: Work.deliver(id).document)], to: lane, at: now)
      guard let record = try tx.delivery(id) else { throw ParleyError.notFound(.delivery) }
      return (record.delivery, lane.host)
    }
    engine.alarm.ring(hosts: [host])
    return delivery.document
  }

  /// Sends all deliveries to a URL again that were given up, those of a span of time if it is given, and answers how many. They are sent again
  /// in bounded steps: after a failure in between, the same request does the rest.
  package func resendFailed(_ body: Body, for account: Account.ID) async throws -> Int {
    let draft = try body.draft(ResendDraft.init).get()
    var resent = 0
    var last: Delivery.ID?
    repeat {
      let (ids, hosts) = try await resendFailed(draft, beyond: last, for: account)
      if !hosts.isEmpty { engine.alarm.ring(hosts: hosts) }
      resent += ids.resent
      last = ids.last
    } while last != nil
    return resent
  }

  /// One step: how many it sent again and the last id that it looked at, nil at the end; and the hosts that have something to do now.
  private func resendFailed(
    _ draft: ResendDraft, beyond last: Delivery.ID?, for account: Account.ID
  ) async throws -> (ids: (resent: Int, last: Delivery.ID?), hosts: Set<String>) {
    let now = engine.now()
    // Looked for outside the write: there may be many of other URLs in between.
    let ids = try await engine.database.read(for: account, .bulk) { tx in
      try tx.failedDeliveries(
        urlHash: Outbox.urlHash(draft.url), after: draft.createdAfter, before: draft.createdBefore, beyond: last,
        limit: Self.resentAtOnceMax)
    }
    guard !ids.isEmpty else { return ((0, nil), []) }
    return try await engine.database.write(for: account) { tx in
      var jobs: [Lane: [Job]] = [:]
      for id in ids {
        // Nil for one that another request has just sent again.
        guard let lane = try tx.reopen(id) else { continue }
        jobs[lane, default: []].append(Job(key: id.text, work: Work.deliver(id).document))
      }
      for (lane, jobs) in jobs.sorted(by: { $0.key.id < $1.key.id }) { try tx.add(jobs, to: lane, at: now) }
      let resent = jobs.values.reduce(0) { $0 + $1.count }
      return ((resent, ids.count == Self.resentAtOnceMax ? ids.last : nil), Set(jobs.keys.map(\.host)))
    }
  }
}

extension Delivery {
  fileprivate var document: [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.object { writeMembers(to: &$0) }
    return writer.bytes
  }
}

extension DeliveryRecord {
  fileprivate var document: [UInt8] {
    var writer = JSONWriter(capacity: body.count + 1024)
    writer.object { writer in
      delivery.writeMembers(to: &writer)
      writer.member("event", raw: body)
      writer.name("attempts")
      writer.array { writer in for attempt in attempts { attempt.write(to: &writer) } }
    }
    return writer.bytes
  }
}
