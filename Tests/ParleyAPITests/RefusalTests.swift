import HTTPTypes
import NIOCore
import ParleyDomain
import ParleyTesting
import Synchronization
import Testing

@testable import ParleyAPI

@Suite("What every operation can be refused for, as exchanges")
struct RefusalTests {
  /// The path of a route with ids that name nothing.
  private static func target(_ route: Route) -> String {
    route.template.replacing(/\{[A-Za-z]+\}/, with: "conv_participant_00000000000000000000000009")
  }

  private static func body(_ route: Route) -> String? { route.takesBody ? "{}" : nil }

  private static func isAPI(_ route: Route) -> Bool {
    if case .api = route.answer { true } else { false }
  }

  @Test("B-AUTH-1…3: without credentials every operation is 401, whatever its ids and body")
  func notSignedIn() async throws {
    try await Talk.recorded("refused-401") { talk in
      for route in talk.server.api.routes() where Self.isAPI(route) {
        try await talk.say(
          "\(route.method) \(route.template)", WireRequest(route.method.rawValue, Self.target(route), Self.body(route)), as: nil)
      }
      try await talk.say("A path that is not served", WireRequest("GET", "/v2/Nothing"), as: nil)
    }
  }

  @Test("B-RATE-1: beyond the account's rate every operation is 429, and says when to come again")
  func tooMany() async throws {
    var settings = APISettings()
    settings.rateLimit = 1
    try await Talk.recorded("refused-429", settings) { talk in
      try await talk.server.useUpRate()
      for route in talk.server.api.routes() where Self.isAPI(route) {
        try await talk.say("\(route.method) \(route.template)", route.method.rawValue, Self.target(route), Self.body(route))
      }
      try await talk.say("The server's own paths are not counted", WireRequest("GET", "/health"), as: nil)
    }
  }

  @Test("B-HTTP-1: a body that is no JSON is 415 in every operation that takes one")
  func noJSON() async throws {
    try await Talk.recorded("refused-415") { talk in
      for route in talk.server.api.routes() where route.takesBody {
        let form = WireRequest(
          route.method.rawValue, Self.target(route), headers: [("Content-Type", "application/x-www-form-urlencoded")],
          body: Array("a=b".utf8))
        try await talk.say("\(route.method) \(route.template)", form, as: talk.server.caller)
      }
    }
  }

  @Test("B-HTTP-5: a body of more than 16 MiB is 413 in every operation that takes one")
  func tooLarge() async throws {
    // Each by another account: a request whose body still may come is in progress until its connection is closed.
    try await Talk.recorded("refused-413", accounts: 20) { talk in
      let routes = talk.server.api.routes().filter(\.takesBody)
      #expect(routes.count <= talk.server.callers.count)
      for (route, caller) in zip(routes, talk.server.callers) {
        let announced = WireRequest(
          route.method.rawValue, Self.target(route),
          headers: [("Content-Type", "application/json"), ("Content-Length", "\(BodyReader.bytesMax + 1)")], body: [])
        try await talk.say("\(route.method) \(route.template)", announced, as: caller)
      }
    }
  }

  @Test("B-ERR-5: another method is 405 on every path, and says which there are (B-HTTP-7: HEAD beside GET)")
  func otherMethod() async throws {
    try await Talk.recorded("refused-405") { talk in
      var paths: [String] = []
      for route in talk.server.api.routes() where !paths.contains(route.template) {
        paths.append(route.template)
        let isDeleted = talk.server.api.routes().contains { $0.template == route.template && $0.method == .delete }
        let method = isDeleted ? "PATCH" : "DELETE"
        try await talk.say("\(method) \(route.template)", method, Self.target(route))
      }
      try await talk.say("A path that is not served", "DELETE", "/v2/Nothing")
      try await talk.say("Nor this one, whose callers need not sign in", WireRequest("GET", "/nothing"), as: nil)
    }
  }

  @Test("B-ERR-5: every operation is 503 while the database is away, never 401, and /ready says it too")
  func databaseAway() async throws {
    try await Talk.recorded("refused-503") { talk in
      await talk.server.loseDatabase()
      for route in talk.server.api.routes() where Self.isAPI(route) {
        try await talk.say("\(route.method) \(route.template)", route.method.rawValue, Self.target(route), Self.body(route))
      }
      try await talk.say("Readiness", WireRequest("GET", "/ready"), as: nil)
      try await talk.say("Health is of the process alone", WireRequest("GET", "/health"), as: nil)
    }
  }

  @Test("a server that is about to stop says so at /ready, and still answers")
  func draining() async throws {
    try await Talk.recorded("draining") { talk in
      try await talk.say("Before", WireRequest("GET", "/ready"), as: nil)
      talk.server.api.startDraining()
      try await talk.say("From then on", WireRequest("GET", "/ready"), as: nil)
      try await talk.say("Requests are taken", "GET", "/v2/Conversations")
    }
  }

  @Test("PARLEY_MAX_BODY_MEMORY: a body that has no room in memory is 503 with Retry-After; small ones and reads go on")
  func bodyBudget() async throws {
    var settings = APISettings()
    settings.bodyMemoryMiB = 1
    try await Talk.recorded("refused-body-budget", settings) { talk in
      let large = WireRequest(
        "POST", "/v2/Conversations", headers: [("Content-Type", "application/json"), ("Content-Length", "\(1 << 20 + 1)")], body: [])
      try await talk.say("One byte more than there is room", large, as: talk.server.caller)
      try await talk.say("A small one", "POST", "/v2/Conversations", "{}")
      #expect(talk.server.api.bodies.budget.bytesInFlight == 0)
    }
  }

  @Test("B-ERR-1, B-ERR-5: what nobody foresaw is 500 without a word of it; the operator's log has it")
  func unforeseen() throws {
    struct Surprise: Error { let secret = "hunter2" }
    let reply = ErrorReply(Surprise())
    #expect(reply.reply.status == .internalServerError)
    #expect(reply.reply.headers.isEmpty)
    #expect(
      String(buffer: reply.reply.body)
        == #"{"code":20500,"message":"Internal server error","more_info":"https://www.twilio.com/docs/errors/20500","status":500}"#)
    #expect(reply.cause?.contains("hunter2") == true)
  }
}

extension TestServer {
  /// Leaves the account of most tests without a request for the next hour, whatever the time.
  func useUpRate() async throws {
    let bucket = try await api.authentication.signIn(caller.authorization).bucket
    let later = ContinuousClock.now.advanced(by: .seconds(3600))
    while bucket.take(now: later).isTaken {}
  }
}
