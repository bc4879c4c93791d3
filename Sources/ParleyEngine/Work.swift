import Logging
import ParleyDomain
import ParleyStorage

/// The kinds of job that the loop does.
package enum Work: Sendable {
  case deliver(Delivery.ID)
  case purge

  /// JSON text, as it waits in the database.
  package var document: [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      switch self {
      case .deliver(let id): writer.member("deliver", id.text)
      case .purge: writer.member("purge", true)
      }
    }
    return writer.bytes
  }

  /// Reads what `document` wrote; nil for anything else, a newer binary's work say.
  package init?(document: [UInt8]) {
    guard let object = (try? JSON.parse(document))?.object else { return nil }
    if let id = object["deliver"]?.string.flatMap(Delivery.ID.init) {
      self = .deliver(id)
    } else if object["purge"] == .bool(true) {
      self = .purge
    } else {
      return nil
    }
  }
}

/// What came of a job, to be noted in one transaction with the fate of its lane.
struct JobResult: Sendable {
  enum Fate: Sendable {
    /// The job is done; the next one of its lane follows.
    case done
    /// The job is put off, and its lane with it.
    case again(at: Timestamp)
    /// Nothing was done, and the lane is left to others. One whose URL is paused rests.
    case handedBack
    /// Nothing was done, because this process lacked the means; the lane is due again at that time.
    case notNow(until: Timestamp)
  }

  let fate: Fate
  let note: @Sendable (SystemTransaction) throws -> Void

  init(_ fate: Fate, note: @escaping @Sendable (SystemTransaction) throws -> Void = { _ in }) { (self.fate, self.note) = (fate, note) }
}

extension JobLoop {
  /// The loop of an installation: it knows how each kind of work is done.
  package convenience init(engine: Engine, settings: WebhookSettings, sender: WebhookSender, logger: Logger) {
    let courier = Courier(engine: engine, settings: settings, sender: sender, logger: logger)
    let purge = Purge(engine: engine, settings: settings)
    let watch = BacklogWatch(engine: engine, settings: settings, logger: logger)
    self.init(engine: engine, settings: settings, logger: logger) {
      await watch.look()
    } prepare: { jobs, lane in
      let work = Dictionary(jobs.map { ($0.key, Work(document: $0.work)) }) { first, _ in first }
      let bag = try await courier.collect(work.values.compactMap { if case .deliver(let id) = $0 { id } else { nil } }, in: lane.lane)
      return { job in
        switch work[job.key] ?? nil {
        case .deliver(let id): await courier.deliver(id, from: bag, job, in: lane.lane)
        case .purge: try await purge.run(lane)
        // A newer binary's; it is left to one.
        case nil: JobResult(.again(at: engine.now().adding(.seconds(60))))
        }
      }
    }
  }
}
