import Crypto
import Foundation
import ParleyDomain
import ParleyEngine

/// `/v2/ControlPlane/Configurations…`: each reads the call, asks `Configurations` once and wraps the answer.
struct ConfigurationHandlers: Sendable {
  let configurations: Configurations

  func create(_ call: Call) async throws -> Reply {
    .accepted(
      try await configurations.create(
        call.body, under: call.checkedIdempotencyKey(), statusURL: { call.url(of: $0) }, for: call.account))
  }

  func fetch(_ call: Call) async throws -> Reply {
    .ok(try await configurations.fetch(call.id("Sid", .configuration), for: call.account).document())
  }

  func list(_ call: Call) async throws -> Reply {
    let fields = call.filters(of: "configurations")
    let store = fields.first("memoryStoreId", "must be a memory store id") { MemoryStore.isID($0) ? $0 : nil }
    let list = ListName("configurations", filters: store.map { ["memoryStoreId=\($0)"] } ?? [])
    let request = try call.page(of: list, checking: fields)
    return try .page(await configurations.list(memoryStoreId: store, request, for: call.account), of: list, in: call)
  }
}

extension Call {
  /// The address of an operation as this client reaches it (B-OP-2).
  func url(of operation: ParleyDomain.Operation.ID) -> String { "\(baseURL)/v2/ControlPlane/Operations/\(operation.text)" }

  /// The request's idempotency key; nil if it has none, or an empty one (B-IDEM-1).
  func checkedIdempotencyKey() throws(ParleyError) -> IdempotencyKey? {
    guard let idempotencyKey, !idempotencyKey.isEmpty else { return nil }
    guard Self.isUUID(idempotencyKey) else {
      throw .invalid([Problem(path: "Idempotency-Key", message: "must be a UUID such as 5f0c9a52-7f43-4c1e-9a9e-2d1b8a6c4e10")])
    }
    var digest = SHA256()
    digest.update(data: Data("\(target)\n".utf8))
    digest.update(data: body.bytes)
    return IdempotencyKey(text: idempotencyKey.lowercased(), fingerprint: digest.finalize().hex)
  }

  private static func isUUID(_ text: String) -> Bool {
    let groups = text.split(separator: "-", omittingEmptySubsequences: false)
    return groups.map(\.utf8.count) == [8, 4, 4, 4, 12]
      && groups.allSatisfy { $0.utf8.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit } }
  }
}
