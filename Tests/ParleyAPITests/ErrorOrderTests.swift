import ParleyAPI
import ParleyDomain
import ParleyTesting
import Testing

/// B-ERR-8: of two faults in one request, the one that comes first in the order is said.
@Suite("B-ERR-8: the order of errors")
struct ErrorOrderTests {
  private static let tooLong = ("Content-Length", "16777217")
  private static let json = ("Content-Type", "application/json")
  private static let missing = "conv_conversation_00000000000000000000000009"
  private static let missingParticipant = "conv_participant_00000000000000000000000009"
  private static let missingConfiguration = "conv_configuration_00000000000000000000000009"

  /// A request with two faults, and the one that is said.
  struct Row: CustomTestStringConvertible, Sendable {
    let name: String
    let request: WireRequest
    let status: Int
    /// Part of the message.
    let says: String
    var isSignedIn = true
    var isOverRate = false

    var testDescription: String { name }
  }

  static let rows = [
    Row(
      name: "400 of the host before 401", request: WireRequest("GET", "/v2/Conversations", headers: [("Host", "a/b")]), status: 400,
      says: "Host", isSignedIn: false),
    Row(
      name: "400 of the host before 405", request: WireRequest("DELETE", "/health", headers: [("Host", "a b")]), status: 400, says: "Host"),
    Row(
      name: "400 of the host before 429", request: WireRequest("GET", "/v2/Conversations", headers: [("Host", ":1")]), status: 400,
      says: "Host", isOverRate: true),
    Row(name: "405 of CONNECT before 401", request: WireRequest("CONNECT", "a:1"), status: 405, says: "Method", isSignedIn: false),
    Row(
      name: "401 before 404 of the path", request: WireRequest("GET", "/v2/Nothing"), status: 401, says: "Authenticate", isSignedIn: false),
    Row(
      name: "401 before 405", request: WireRequest("DELETE", "/v2/Conversations"), status: 401, says: "Authenticate", isSignedIn: false),
    Row(
      name: "401 before 415",
      request: WireRequest("POST", "/v2/Conversations", headers: [("Content-Type", "text/plain")], body: Array("x".utf8)),
      status: 401, says: "Authenticate", isSignedIn: false),
    Row(
      name: "404 of the path before 429", request: WireRequest("GET", "/v2/Nothing"), status: 404, says: "requested resource",
      isOverRate: true),
    Row(name: "405 before 429", request: WireRequest("DELETE", "/v2/Conversations"), status: 405, says: "Method", isOverRate: true),
    Row(
      name: "429 before 415",
      request: WireRequest("POST", "/v2/Conversations", headers: [("Content-Type", "text/plain")], body: Array("x".utf8)),
      status: 429, says: "Too many", isOverRate: true),
    Row(
      name: "415 before 413",
      request: WireRequest("POST", "/v2/Conversations", headers: [("Content-Type", "text/plain"), tooLong], body: []),
      status: 415, says: "application/json"),
    Row(
      name: "429 before 415 of an encoding",
      request: WireRequest("POST", "/v2/Conversations", headers: [json, ("Content-Encoding", "gzip")], body: Array("x".utf8)),
      status: 429, says: "Too many", isOverRate: true),
    Row(
      name: "415 of an encoding before 413",
      request: WireRequest("POST", "/v2/Conversations", headers: [json, ("Content-Encoding", "gzip"), tooLong], body: []),
      status: 415, says: "Content-Encoding"),
    Row(
      name: "413 before 400 of a header",
      request: WireRequest("POST", "/v2/ControlPlane/Configurations", headers: [json, tooLong, ("Idempotency-Key", "x")], body: []),
      status: 413, says: "16777216"),
    Row(
      name: "400 of the query before 404 of the path's resource",
      request: WireRequest("GET", "/v2/Conversations/\(missing)/Participants?pageSize=0"), status: 400, says: "pageSize"),
    Row(
      name: "400 of a header before 400 of the body",
      request: WireRequest("POST", "/v2/ControlPlane/Configurations", "{", headers: [("Idempotency-Key", "x")]), status: 400,
      says: "Idempotency-Key"),
    Row(
      name: "404 of the outer resource before the inner one's",
      request: WireRequest("GET", "/v2/Conversations/\(missing)/Participants/\(missingParticipant)"), status: 404, says: "Conversation"),
    Row(
      name: "404 of the path's resource before 400 of the body, POST",
      request: WireRequest("POST", "/v2/Conversations/\(missing)/Participants", "{"), status: 404, says: "Conversation"),
    Row(
      name: "404 of the path's resource before 400 of the body, PUT", request: WireRequest("PUT", "/v2/Conversations/\(missing)", "{"),
      status: 404, says: "Conversation"),
    Row(
      name: "404 of the path's resource before 400 of the body, PATCH", request: WireRequest("PATCH", "/v2/Conversations/\(missing)", "[]"),
      status: 404, says: "Conversation"),
    Row(
      name: "404 of the path's resource before 400 of the body, PUT of a listener",
      request: WireRequest("PUT", "/parley/v1/Listeners/parley_listener_00000000000000000000000009", "{"), status: 404, says: "Listener"),
    Row(
      name: "401 before 405 of an extension", request: WireRequest("PUT", "/parley/v1/Pauses"), status: 401, says: "Auth", isSignedIn: false
    ),
    Row(
      name: "429 before 404 of the resource, DELETE",
      request: WireRequest("DELETE", "/parley/v1/Pauses/parley_pause_00000000000000000000000009"), status: 429, says: "Too many",
      isOverRate: true),
    Row(
      name: "400 of the body before 404 of its configurationId",
      request: WireRequest("POST", "/v2/Conversations", #"{"configurationId":"\#(missingConfiguration)","name":7}"#), status: 400,
      says: "name"),
  ]

  @Test("before a resource is looked at", arguments: rows)
  func early(_ row: Row) async throws {
    var settings = APISettings()
    settings.rateLimit = row.isOverRate ? 1 : 0
    try await TestServer.with(settings) { server in
      if row.isOverRate { try await server.useUpRate() }
      let answer = try await server.send(row.request, as: row.isSignedIn ? server.caller : nil)
      #expect(answer.status == row.status)
      #expect(try answer.string("message").contains(row.says))
    }
  }

  @Test("404 of an inner resource before 400 of the body")
  func innerResourceBeforeBody() async throws {
    try await TestServer.with { server in
      let conversation = try await server.conversation()
      let answer = try await server.send("PUT", "/v2/Conversations/\(conversation)/Participants/\(Self.missingParticipant)", "{")
      #expect(answer.status == 404)
      #expect(try answer.string("message") == "Participant not found")
    }
  }

  @Test(
    "all problems of the body before CLOSED, in every write to a CLOSED conversation",
    arguments: ["POST", "PUT", "PATCH", "PUT participant"])
  func bodyBeforeState(_ write: String) async throws {
    try await TestServer.with { server in
      let conversation = try await server.conversation()
      let participant = try await server.participant(in: conversation)
      let target = "/v2/Conversations/\(conversation)"
      try await server.close(conversation)
      let answer =
        switch write {
        case "POST": try await server.send("POST", "\(target)/Participants", #"{"name":7}"#)
        case "PUT": try await server.send("PUT", target, #"{"status":"ACTIVE","name":7}"#)
        case "PATCH": try await server.send("PATCH", target, #"{"name":7}"#)
        default: try await server.send("PUT", "\(target)/Participants/\(participant)", #"{"name":7}"#)
        }
      #expect(answer.status == 400)
      #expect(try answer.value("details.problems[0].path") == .string("name"))
    }
  }

  @Test("metadata that a PATCH makes too large before CLOSED")
  func metadataBeforeState() async throws {
    try await TestServer.with { server in
      let target = "/v2/Conversations/\(try await server.conversation())"
      let full = (1...8).map { #""\#($0)":"""# }.joined(separator: ",")
      let filled = try await server.send("PUT", target, #"{"status":"CLOSED","metadata":{\#(full)}}"#)
      #expect(filled.status == 200)
      let answer = try await server.send("PATCH", target, #"{"metadata":{"9":""}}"#)
      #expect(answer.status == 400)
      #expect(try answer.value("details.problems[0].path") == .string("metadata"))
    }
  }

  @Test("404 of configurationId before the limit of grouping keys and before 409")
  func namedResourceBeforeState() async throws {
    try await TestServer.with { server in
      let crowd = Self.crowd(two: 75)
      let tooMany = try await server.send(
        "POST", "/v2/Conversations", #"{"configurationId":"\#(Self.missingConfiguration)","participants":\#(crowd)}"#)
      #expect(tooMany.status == 404)
      #expect(try tooMany.string("message") == "Configuration not found")
    }
  }

  @Test("CLOSED before an address that another participant owns")
  func closedBeforeConflict() async throws {
    try await TestServer.with { server in
      let conversation = try await server.conversation()
      _ = try await server.participant("+14155550100", in: conversation)
      let other = try await server.participant("+14155550111", in: conversation)
      try await server.close(conversation)
      let body = #"{"addresses":[{"channel":"SMS","address":"+14155550100"}]}"#
      for (method, target) in [("POST", "Participants"), ("PUT", "Participants/\(other)")] {
        let answer = try await server.send(method, "/v2/Conversations/\(conversation)/\(target)", body)
        #expect(answer.status == 400)
        #expect(try answer.string("message").contains("CLOSED"))
        #expect(try answer.value("details") == nil)
      }
    }
  }

  @Test("the limit of participants before an address that another participant owns")
  func fullBeforeConflict() async throws {
    try await TestServer.with { server in
      let conversation = try await server.conversation(participants: "[\(Array(repeating: "{}", count: 50).joined(separator: ","))]")
      _ = try await server.participant("+14155550100", in: conversation)
      for _ in 0..<49 { _ = try await server.participant(in: conversation) }
      let answer = try await server.send(
        "POST", "/v2/Conversations/\(conversation)/Participants", #"{"addresses":[{"channel":"SMS","address":"+14155550100"}]}"#)
      #expect(answer.status == 400)
      #expect(try answer.string("message").contains("100 participants"))
    }
  }

  @Test("the limit of grouping keys before both kinds of 409, in create, POST and PUT")
  func keysBeforeConflict() async throws {
    try await TestServer.with { server in
      let configuration = try await server.configuration()
      // 70 customers' addresses and 70 agents' make 4900 pairs; ten more make too many.
      let conversation = try await server.conversation(of: configuration, participants: Self.crowd(two: 70))
      let again = try await server.send(
        "POST", "/v2/Conversations", #"{"configurationId":"\#(configuration)","participants":\#(Self.crowd(two: 75))}"#)
      #expect(again.status == 400)
      #expect(try again.string("message").contains("5000"))

      let empty = try await server.participant(type: "AGENT", in: conversation)
      let more = #"{"type":"AGENT","addresses":[{"channel":"CHAT","address":"agent-1"},\#(Self.addresses("more", 10))]}"#
      for (method, target) in [("POST", "Participants"), ("PUT", "Participants/\(empty)")] {
        let answer = try await server.send(method, "/v2/Conversations/\(conversation)/\(target)", more)
        #expect(answer.status == 400)
        #expect(try answer.string("message").contains("5000"))
      }
    }
  }

  @Test("B-PART-5: an owned address before a conflict of grouping")
  func ownedBeforeGrouping() async throws {
    try await TestServer.with { server in
      let configuration = try await server.configuration()
      let first = try await server.conversation(of: configuration)
      let owner = try await server.participant("+14155550100", in: first)
      let agent = try await server.participant(type: "AGENT", in: first)
      let second = try await server.conversation(of: configuration)
      // The agent first: two customers alone with one address would be in each other's way.
      _ = try await server.participant("+14155550111", type: "AGENT", in: second)
      _ = try await server.participant("+14155550100", in: second)
      let both = #"{"type":"AGENT","addresses":[{"channel":"SMS","address":"+14155550111"},{"channel":"SMS","address":"+14155550100"}]}"#
      for (method, target) in [("POST", "Participants"), ("PUT", "Participants/\(agent)")] {
        let answer = try await server.send(method, "/v2/Conversations/\(first)/\(target)", both)
        #expect(answer.status == 409)
        #expect(answer["X-Conflicting-Resource-Id"] == owner)
      }
    }
  }

  @Test("400 of the body before a key that was used for another request, and that before a bridge that another configuration has")
  func idempotencyBetween() async throws {
    try await TestServer.with { server in
      let target = "/v2/ControlPlane/Configurations"
      let key = ("Idempotency-Key", "5f0c9a52-7f43-4c1e-9a9e-2d1b8a6c4e10")
      let bridge = #""conversationsV1Bridge":{"serviceId":"IS0123456789abcdef0123456789abcdef"}"#
      func body(_ description: String) -> String {
        """
        {"displayName":"Support","description":"\(description)","conversationGroupingType":"GROUP_BY_PROFILE",
         "memoryStoreId":"\(TestServer.store)",\(bridge)}
        """
      }
      let first = try await server.send(WireRequest("POST", target, body("one"), headers: [key]), as: server.caller)
      #expect(first.status == 202)
      let faulty = try await server.send(WireRequest("POST", target, "{}", headers: [key]), as: server.caller)
      #expect(faulty.status == 400)
      let reused = try await server.send(WireRequest("POST", target, body("two"), headers: [key]), as: server.caller)
      #expect(reused.status == 409)
      #expect(reused["X-Conflicting-Resource-Id"] == nil)
      let bridged = try await server.send(WireRequest("POST", target, body("two")), as: server.caller)
      #expect(bridged.status == 409)
      #expect(try bridged["X-Conflicting-Resource-Id"] == first.string("related.configurationId"))
    }
  }

  /// Two customers and two agents, each kind with `count` addresses: the square of that many pairs.
  private static func crowd(two count: Int) -> String {
    let kinds = [("CUSTOMER", "customer"), ("AGENT", "agent")]
    let participants = kinds.flatMap { type, name in
      [(name, count / 2), ("\(name)-b", count - count / 2)].map { #"{"type":"\#(type)","addresses":[\#(addresses($0.0, $0.1))]}"# }
    }
    return "[\(participants.joined(separator: ","))]"
  }

  private static func addresses(_ name: String, _ count: Int) -> String {
    (1...count).map { #"{"channel":"CHAT","address":"\#(name)-\#($0)"}"# }.joined(separator: ",")
  }
}
