import HTTPTypes
import NIOCore
import ParleyDomain
import ParleyEngine

/// `/parley/v1/Pauses…`: each reads the call, asks `Pauses` once and wraps the answer.
struct PauseHandlers: Sendable {
  let pauses: Pauses

  /// 201 for a new pause, 200 for one that was there.
  func create(_ call: Call) async throws -> Reply {
    let made = try await pauses.create(call.body, for: call.account)
    return made.isNew ? .created(made.pause.document) : .ok(made.pause.document)
  }

  func fetch(_ call: Call) async throws -> Reply {
    .ok(try await pauses.fetch(call.pauseID(), for: call.account).document)
  }

  func list(_ call: Call) async throws -> Reply {
    let list = ListName("pauses")
    let request = try call.page(of: list, checking: QueryFields(call.query))
    return try .page(await pauses.list(request, for: call.account), of: list, in: call)
  }

  func delete(_ call: Call) async throws -> Reply {
    try await pauses.delete(call.pauseID(), for: call.account)
    return .noContent
  }
}

extension Reply {
  /// Done, and nothing to say.
  static let noContent = Reply(status: .noContent, body: ByteBuffer())
}

extension Call {
  fileprivate func pauseID() throws(ParleyError) -> Pause.ID { try id("Sid", .pause) }
}

extension Pause {
  fileprivate var document: [UInt8] {
    var writer = JSONWriter()
    write(to: &writer)
    return writer.bytes
  }
}
