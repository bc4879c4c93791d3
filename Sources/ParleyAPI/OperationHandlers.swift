import ParleyDomain
import ParleyEngine

/// `/v2/ControlPlane/Operations/{Sid}`: reads the call, asks `Operations` once and wraps the answer.
struct OperationHandlers: Sendable {
  let operations: Operations

  func fetch(_ call: Call) async throws -> Reply {
    let id: Operation.ID = try call.id("Sid", .operation)
    let operation = try await operations.fetch(id, for: call.account)
    var member = JSONWriter()
    member.member("statusUrl", call.url(of: id))
    return .ok(operation.document.joined(with: member.bytes))
  }
}
