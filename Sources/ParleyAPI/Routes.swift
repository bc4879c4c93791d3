import HTTPTypes
import ParleyDomain
import ParleyEngine

/// One method of one path.
struct Route: Sendable {
  enum Answer: Sendable {
    /// For callers who have signed in.
    case api(@Sendable (Call) async throws -> Reply)
    /// For anyone; about the server itself.
    case open(@Sendable () async throws -> Reply)
  }

  let method: HTTPRequest.Method
  /// Path with `{Parameters}`, as the OpenAPI document writes it; the label of logs and metrics.
  let template: String
  let answer: Answer

  /// Whether a body is read and given to the handler.
  var takesBody: Bool { method != .get && method != .delete }

  /// Whether it answers with a page of a list, which may be large.
  var givesPage: Bool { method == .get && template.utf8.last != UInt8(ascii: "}") }

  static func get(_ template: String, _ handler: @escaping @Sendable (Call) async throws -> Reply) -> Route {
    Route(method: .get, template: template, answer: .api(handler))
  }

  static func post(_ template: String, _ handler: @escaping @Sendable (Call) async throws -> Reply) -> Route {
    Route(method: .post, template: template, answer: .api(handler))
  }

  static func put(_ template: String, _ handler: @escaping @Sendable (Call) async throws -> Reply) -> Route {
    Route(method: .put, template: template, answer: .api(handler))
  }

  static func patch(_ template: String, _ handler: @escaping @Sendable (Call) async throws -> Reply) -> Route {
    Route(method: .patch, template: template, answer: .api(handler))
  }

  static func delete(_ template: String, _ handler: @escaping @Sendable (Call) async throws -> Reply) -> Route {
    Route(method: .delete, template: template, answer: .api(handler))
  }

  static func open(_ template: String, _ handler: @escaping @Sendable () async throws -> Reply) -> Route {
    Route(method: .get, template: template, answer: .open(handler))
  }
}

extension API {
  /// Every method and path that is served, one a line.
  func routes() -> [Route] {
    let configurations = ConfigurationHandlers(configurations: engine.configurations)
    let operations = OperationHandlers(operations: engine.operations)
    let conversations = ConversationHandlers(conversations: engine.conversations)
    let participants = ParticipantHandlers(participants: engine.participants)
    let deliveries = DeliveryHandlers(deliveries: engine.deliveries)
    let pauses = PauseHandlers(pauses: engine.pauses)
    let listeners = ListenerHandlers(listeners: engine.listeners)
    let checks = SignatureCheckHandlers(checks: engine.signatureChecks)
    return [
      .post("/v2/ControlPlane/Configurations", configurations.create),
      .get("/v2/ControlPlane/Configurations", configurations.list),
      .get("/v2/ControlPlane/Configurations/{Sid}", configurations.fetch),
      .get("/v2/ControlPlane/Operations/{Sid}", operations.fetch),
      .post("/v2/Conversations", conversations.create),
      .get("/v2/Conversations", conversations.list),
      .get("/v2/Conversations/{Sid}", conversations.fetch),
      .put("/v2/Conversations/{Sid}", conversations.update),
      .patch("/v2/Conversations/{Sid}", conversations.patch),
      .post("/v2/Conversations/{ConversationSid}/Participants", participants.create),
      .get("/v2/Conversations/{ConversationSid}/Participants", participants.list),
      .get("/v2/Conversations/{ConversationSid}/Participants/{Sid}", participants.fetch),
      .put("/v2/Conversations/{ConversationSid}/Participants/{Sid}", participants.replace),
      .get("/parley/v1/Deliveries", deliveries.list),
      // Before the path of one delivery, which none can have by this name.
      .post("/parley/v1/Deliveries/Resend", deliveries.resendFailed),
      .get("/parley/v1/Deliveries/{Sid}", deliveries.fetch),
      .post("/parley/v1/Deliveries/{Sid}/Resend", deliveries.resend),
      .post("/parley/v1/Pauses", pauses.create),
      .get("/parley/v1/Pauses", pauses.list),
      .get("/parley/v1/Pauses/{Sid}", pauses.fetch),
      .delete("/parley/v1/Pauses/{Sid}", pauses.delete),
      .post("/parley/v1/Listeners", listeners.create),
      .get("/parley/v1/Listeners", listeners.list),
      .get("/parley/v1/Listeners/{Sid}", listeners.fetch),
      .put("/parley/v1/Listeners/{Sid}", listeners.renew),
      .delete("/parley/v1/Listeners/{Sid}", listeners.delete),
      .post("/parley/v1/SignatureChecks", checks.create),
      .open("/health", health),
      .open("/ready", ready),
      .open("/metrics", metrics),
      .open("/openapi.json", openAPIDocument),
    ]
  }
}

/// The routes by path: finds the one for a request, and what else the path can do.
struct RouteTable: Sendable {
  struct Path: Sendable {
    let template: String
    /// Where the path's counts are kept.
    let index: Int
    fileprivate let segments: [Segment]
    fileprivate var routes: [Route]

    /// The route for a method; HEAD is GET without a body (B-HTTP-7).
    func route(_ method: HTTPRequest.Method) -> Route? {
      routes.first { $0.method == (method == .head ? .get : method) }
    }

    /// The methods that the path has, for `Allow`.
    var allow: String {
      routes.flatMap { $0.method == .get ? ["GET", "HEAD"] : [$0.method.rawValue] }.sorted().joined(separator: ", ")
    }
  }

  fileprivate enum Segment: Sendable {
    case literal(String)
    case parameter(String)
  }

  private(set) var paths: [Path] = []

  init(_ routes: [Route]) {
    for route in routes {
      if let index = paths.firstIndex(where: { $0.template == route.template }) {
        paths[index].routes.append(route)
      } else {
        paths.append(Path(template: route.template, index: paths.count, segments: Self.segments(route.template), routes: [route]))
      }
    }
  }

  /// The path that a request's path names, with the values of its parameters. A trailing slash counts for nothing (B-HTTP-7).
  func find(_ path: Substring) -> (path: Path, parameters: Parameters)? {
    let slash = UInt8(ascii: "/")
    var parts = path.utf8.split(separator: slash, omittingEmptySubsequences: false).dropFirst()
    if parts.count > 1, parts.last?.isEmpty == true { parts.removeLast() }
    for candidate in paths where candidate.segments.count == parts.count {
      if let parameters = Self.parameters(of: parts, in: candidate.segments) { return (candidate, parameters) }
    }
    return nil
  }

  private static func segments(_ template: String) -> [Segment] {
    template.split(separator: "/").map { $0.hasPrefix("{") ? .parameter(String($0.dropFirst().dropLast())) : .literal(String($0)) }
  }

  private static func parameters(of parts: ArraySlice<Substring.UTF8View>, in segments: [Segment]) -> Parameters? {
    for (part, segment) in zip(parts, segments) {
      if case .literal(let text) = segment, !part.elementsEqual(text.utf8) { return nil }
    }
    return zip(parts, segments).compactMap { part, segment in
      guard case .parameter(let name) = segment else { return nil }
      // What can't be decoded is no id, and names nothing.
      return (name, Percent.decoded(Substring(part), plusIsSpace: false) ?? "")
    }
  }
}

/// The values of a path's parameters, by their names in the template; a path has two at most.
typealias Parameters = [(name: String, value: String)]
