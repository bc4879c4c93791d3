import ParleyDomain
import ParleyEngine

/// `/parley/v1/Listeners…`: each reads the call, asks `Listeners` once and wraps the answer.
struct ListenerHandlers: Sendable {
  let listeners: Listeners

  func create(_ call: Call) async throws -> Reply {
    .created(try await listeners.create(call.body, for: call.account, by: call.credential).document)
  }

  func fetch(_ call: Call) async throws -> Reply {
    .ok(try await listeners.fetch(call.listenerID(), for: call.account).document)
  }

  func list(_ call: Call) async throws -> Reply {
    let list = ListName("listeners")
    let request = try call.page(of: list, checking: QueryFields(call.query))
    return try .page(await listeners.list(request, for: call.account), of: list, in: call)
  }

  func renew(_ call: Call) async throws -> Reply {
    .ok(try await listeners.renew(call.listenerID(), by: call.body, for: call.account).document)
  }

  func delete(_ call: Call) async throws -> Reply {
    try await listeners.delete(call.listenerID(), for: call.account)
    return .noContent
  }
}

extension Call {
  fileprivate func listenerID() throws(ParleyError) -> Listener.ID { try id("Sid", .listener) }
}

extension Listener {
  fileprivate var document: [UInt8] {
    var writer = JSONWriter()
    write(to: &writer)
    return writer.bytes
  }
}
