import ParleyTesting
import Testing

@Suite("Idempotency keys")
struct IdempotencyKeyTests {
  private static let path = "/v2/ControlPlane/Configurations"
  private static let key = "5f0c9a52-7f43-4c1e-9a9e-2d1b8a6c4e10"

  @Test("B-IDEM-1: an empty header counts as none, so each request makes a configuration")
  func empty() async throws {
    try await TestServer.with { server in
      let first = try await Self.post(server, Self.path, under: "").string("related.configurationId")
      let second = try await Self.post(server, Self.path, under: "").string("related.configurationId")
      #expect(first != second)
    }
  }

  @Test(
    "B-IDEM-7: letters in any case, a slash at the end and a query do not make another request; each answer has its own request id",
    arguments: [(path, key), (path, key.uppercased()), (path + "/", key), (path + "?a=b", key), (path + "/?a=b", key.uppercased())])
  func same(path: String, key: String) async throws {
    try await TestServer.with { server in
      let first = try await Self.post(server, Self.path, under: Self.key)
      let again = try await Self.post(server, path, under: key)
      #expect(again.status == 202)
      #expect(again["Operation-Id"] == first["Operation-Id"])
      #expect(again["Twilio-Request-Id"] != first["Twilio-Request-Id"])
    }
  }

  private static func post(_ server: TestServer, _ target: String, under key: String) async throws -> WireAnswer {
    let body = #"""
      {"displayName":"Support","description":"","conversationGroupingType":"GROUP_BY_PROFILE",
       "memoryStoreId":"mem_store_00000000000000000000000001"}
      """#
    return try await server.send(WireRequest("POST", target, body, headers: [("Idempotency-Key", key)]), as: server.caller)
  }
}
