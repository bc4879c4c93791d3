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

extension JobLoop {
  /// The loop of an installation: it knows how each kind of work is done.
  package convenience init(engine: Engine, settings: WebhookSettings, sender: WebhookSender, logger: Logger) {
    let courier = Courier(engine: engine, settings: settings, sender: sender, logger: logger)
    let purge = Purge(engine: engine, settings: settings)
    let watch = BacklogWatch(engine: engine, settings: settings, logger: logger)
    self.init(engine: engine, settings: settings, logger: logger) {
      await watch.look()
    } run: { work, job, lane in
      switch work {
      case .deliver(let id): try await courier.deliver(id, job, lane)
      case .purge: try await purge.run(lane)
      }
    }
  }
}
