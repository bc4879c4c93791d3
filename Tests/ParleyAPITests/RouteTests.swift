import Foundation
import HTTPTypes
import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

@testable import ParleyAPI

@Suite("Routes, document and exchanges say the same")
struct RouteTests {
  /// An operation, as `GET /v2/Conversations`.
  private typealias Operations = [String: Set<Int>]

  /// What the contract lets an operation answer and this server has no occasion for.
  private static let neverGiven: Operations = [
    "GET /v2/Conversations": [404],
    "GET /v2/ControlPlane/Configurations": [404],
    "GET /v2/Conversations/{Sid}": [400],
    "GET /v2/ControlPlane/Configurations/{Sid}": [400],
    "GET /v2/ControlPlane/Operations/{Sid}": [400],
    "GET /v2/Conversations/{ConversationSid}/Participants/{Sid}": [400],
  ]

  /// The document's operations, with the statuses that it has for each.
  private static func documented() throws -> Operations {
    let paths = try JSON.parse(Array(OpenAPIDocument.text.utf8)).object?["paths"]?.object
    var operations: Operations = [:]
    for path in try #require(paths).members {
      for method in path.value.object?.members ?? [] where method.name != "parameters" {
        let responses = method.value.object?["responses"]?.object?.members.map(\.name) ?? []
        operations["\(method.name.uppercased()) \(path.name)"] = Set(responses.compactMap { Int($0) })
      }
    }
    return operations
  }

  @Test("every route is in the document, and everything in the document is a route")
  func document() async throws {
    try await TestServer.with { server in
      let documented = try Self.documented()
      #expect(Set(server.api.routes().map { "\($0.method) \($0.template)" }) == Set(documented.keys))
      #expect(server.api.routes().count == 31)
    }
  }

  @Test("the document has the choices that the code has")
  func choices() throws {
    let schemas = try #require(try JSON.parse(Array(OpenAPIDocument.text.utf8)).object?["components"]?.object?["schemas"]?.object)
    func choices(_ schema: String) -> Set<String> {
      guard case .array(let values) = schemas[schema]?.object?["enum"] else { return [] }
      return Set(values.compactMap(\.string))
    }
    for schema in ["ParticipantType", "ParticipantTypeIn"] { #expect(choices(schema) == Set(Participant.Kind.allCases.map(\.rawValue))) }
    for schema in ["ConversationStatus", "ConversationStatusIn"] {
      #expect(choices(schema) == Set(Conversation.Status.allCases.map(\.rawValue)))
    }
    for schema in ["GroupingType", "GroupingTypeIn"] { #expect(choices(schema) == Set(GroupingType.allCases.map(\.rawValue))) }
    #expect(choices("EventType") == Set(Event.Kind.allCases.map(\.rawValue)))
    #expect(choices("DeliveryState") == Set(Delivery.State.allCases.map(\.rawValue)))
    #expect(choices("AttemptFailure") == Set(Attempt.Failure.allCases.map(\.rawValue)))
    #expect(choices("SignaturePart") == Set(SignatureDoctor.Part.allCases.map(\.rawValue)))
    let channels = Set(ParleyDomain.Channel.allCases.map(\.rawValue))
    #expect(choices("Channel") == channels)
    for schema in ["ChannelSettings", "ChannelSettingsIn"] {
      #expect(Set(schemas[schema]?.object?["properties"]?.object?.members.map(\.name) ?? []) == channels, "\(schema)")
    }
  }

  @Test("the document is what /openapi.json answers")
  func served() async throws {
    try await TestServer.with { server in
      let answer = try await server.send(WireRequest("GET", "/openapi.json"), as: nil)
      #expect(answer.status == 200)
      #expect(answer["Content-Type"] == "application/json")
      #expect(answer.text == OpenAPIDocument.text)
    }
  }

  @Test("there are counters for every path")
  func counters() async throws {
    try await TestServer.with { server in #expect(RouteTable(server.api.routes()).paths.count < HTTPCounts.pathsMax) }
  }

  @Test("each status of each operation is in an exchange, and no other status is")
  func coverage() async throws {
    var given: Operations = [:]
    try await TestServer.with { server in
      let table = RouteTable(server.api.routes())
      for exchange in try Self.exchanges() {
        guard let path = table.find(exchange.path[...])?.path, path.route(.init(exchange.method) ?? .get) != nil else { continue }
        given["\(exchange.method) \(path.template)", default: []].insert(exchange.status)
      }
    }
    for (operation, statuses) in try Self.documented() where operation.contains(" /v2/") || operation.contains(" /parley/") {
      let expected = statuses.subtracting([500]).subtracting(Self.neverGiven[operation] ?? [])
      #expect(given[operation] == expected, "\(operation)")
    }
  }

  @Test("every file of exchanges is one that a test compares")
  func files() throws {
    let recorded = try FileManager.default.contentsOfDirectory(atPath: Talk.folder.path).sorted()
    let tests = Talk.folder.deletingLastPathComponent()
    let sources = try FileManager.default.contentsOfDirectory(atPath: tests.path).filter { $0.hasSuffix(".swift") }
    let code = try sources.map { try String(contentsOf: tests.appending(path: $0), encoding: .utf8) }.joined()
    let named = code.matches(of: /Talk\.recorded\("([a-z0-9\-]+)"/).map { "\($0.1).txt" }.sorted()
    #expect(recorded == named)
  }

  private static func exchanges() throws -> [(method: String, path: String, status: Int)] {
    try FileManager.default.contentsOfDirectory(at: Talk.folder, includingPropertiesForKeys: nil).flatMap { file in
      try String(contentsOf: file, encoding: .utf8)
        .matches(of: /(?m)^([A-Z]+) (\/[^ ?\n]*)[^ \n]* HTTP\/1\.1$(?s:.*?)^HTTP\/1\.1 (\d{3})/)
        .map { (String($0.1), String($0.2), Int($0.3) ?? 0) }
    }
  }
}
