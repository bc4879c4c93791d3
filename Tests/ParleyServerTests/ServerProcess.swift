import Foundation
import ParleyDomain
import ParleyTesting

/// `parley serve` as a process of its own, on a free port.
final class ServerProcess: Sendable {
  let child: Child
  let port: Int
  /// What it said when it began to listen.
  let announcement: String
  let credentials: Credentials

  /// Starts a server on `parley.db` in the folder; throws with what it wrote if it does not come to listen. `launcher` is what runs the
  /// command, its path and arguments behind it. `known` are the credentials where `account.env` can't be read.
  static func start(
    in folder: URL, _ environment: [String: String] = [:], arguments: [String] = [], launcher: [String] = [], known: Credentials? = nil
  ) async throws -> ServerProcess {
    let environment = settings.merging(environment) { $1 }
    let child = try Child(launcher + [Command.path, "serve"] + arguments, in: folder, environment)
    var said = ""
    for await part in child.output {
      said += part
      // Everything is said at once; the line ends it.
      if said.contains("Parley listens on "), said.hasSuffix("\n") { return try ServerProcess(child, said, in: folder, environment, known) }
    }
    throw StartRefused(status: await child.end(), errors: child.errors)
  }

  /// Runs a test with a server in a fresh folder.
  static func with(_ environment: [String: String] = [:], _ test: (ServerProcess, URL) async throws -> Void) async throws {
    try await TestDatabase.withFolder { folder in
      let server = try await start(in: folder, environment)
      try await test(server, folder)
      await server.kill()
    }
  }

  /// What the tests' servers and commands have in common.
  static let settings = [
    "PARLEY_PORT": "0", "PARLEY_DATABASE_URL": "sqlite:parley.db", "PARLEY_SECRET_KEY_FILE": "secret.key", "PARLEY_LOG_FORMAT": "json",
  ]

  private init(_ child: Child, _ said: String, in folder: URL, _ environment: [String: String], _ known: Credentials?) throws {
    (self.child, announcement) = (child, said)
    if let known {
      credentials = known
    } else if let sid = environment["PARLEY_ACCOUNT_SID"], let token = environment["PARLEY_AUTH_TOKEN"] {
      credentials = Credentials(user: sid, password: token)
    } else {
      let file = try AccountEnvironment(folder.appendingPathComponent("account.env"))
      credentials = Credentials(user: file.sid, password: file.token)
    }
    // An operator may give any URL; that the port is in it holds for all others.
    let url = said.split(separator: "\n").first { $0.hasPrefix("Parley listens on ") } ?? ""
    guard let port = url.split(separator: ":").last.flatMap({ Int($0) }) else { throw WireFailure("no port in \(said)") }
    self.port = port
  }

  /// Ends it as a power cut ends a process.
  func kill() async {
    child.signal(SIGKILL)
    _ = await child.end()
  }

  /// Asks it to stop, and answers the exit status.
  func stop() async -> Int32 {
    child.signal(SIGTERM)
    return await child.end()
  }

  /// Sends one request by a connection of its own.
  func send(_ method: String, _ target: String, _ json: String? = nil, as credentials: Credentials? = nil) async throws -> WireAnswer {
    try await Wire.with(port: port) { wire in try await send(method, target, json, as: credentials, on: wire) }
  }

  func send(
    _ method: String, _ target: String, _ json: String? = nil, as credentials: Credentials? = nil, on wire: Wire
  ) async throws -> WireAnswer {
    try await wire.send(request(method, target, json, as: credentials).bytes)
    return try await wire.receive()
  }

  func request(_ method: String, _ target: String, _ json: String? = nil, as credentials: Credentials? = nil) -> WireRequest {
    let authorization = (credentials ?? self.credentials).authorization
    return WireRequest(method, target, json, headers: [("Host", "127.0.0.1:\(port)"), ("Authorization", authorization)])
  }

  /// Sends a request that must give this status, and answers its body.
  @discardableResult
  func expect(_ status: Int, _ method: String, _ target: String, _ json: String? = nil) async throws -> WireAnswer {
    let answer = try await send(method, target, json)
    guard answer.status == status else {
      throw WireFailure("\(method) \(target) gave \(answer.status) instead of \(status): \(answer.text)")
    }
    return answer
  }

  /// Makes a configuration and answers its id.
  func makeConfiguration() async throws -> String {
    try await expect(202, "POST", "/v2/ControlPlane/Configurations", Bodies.configuration).string("related.configurationId")
  }

  /// Makes an empty conversation and answers its id.
  func makeConversation(_ configuration: String) async throws -> String {
    try await expect(201, "POST", "/v2/Conversations", #"{"configurationId":"\#(configuration)"}"#).string("id")
  }

  /// Texts of all participants' documents, in their order.
  func participants(of conversation: String) async throws -> [JSON] {
    let page = try await expect(200, "GET", "/v2/Conversations/\(conversation)/Participants?pageSize=1000")
    guard case .array(let participants) = try page.value("participants") else { throw WireFailure("no list in \(page.text)") }
    return participants
  }
}

/// Who signs in.
struct Credentials: Sendable {
  let user: String
  let password: String

  var authorization: String { Caller.authorization(user, password) }
}

/// A server that ended before it listened.
struct StartRefused: Error, CustomStringConvertible {
  let status: Int32
  let errors: String

  var description: String { "the server ended with status \(status): \(errors)" }
}

/// `account.env`, read as its readers do.
struct AccountEnvironment {
  let sid: String
  let token: String
  let url: String

  init(_ file: URL) throws {
    var values: [String: String] = [:]
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      let parts = line.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
    }
    guard let sid = values["TWILIO_ACCOUNT_SID"], let token = values["TWILIO_AUTH_TOKEN"], let url = values["PARLEY_URL"] else {
      throw WireFailure("account.env lacks a line: \(values.keys.sorted())")
    }
    (self.sid, self.token, self.url) = (sid, token, url)
  }
}

/// JSON texts that requests send.
enum Bodies {
  static let configuration = """
    {"displayName":"Harbor","description":"","conversationGroupingType":"GROUP_BY_PARTICIPANT_ADDRESSES_AND_CHANNEL_TYPE",\
    "memoryStoreId":"mem_store_00000000000000000000000001"}
    """

  /// A participant with one address, which is its name too unless it has one.
  static func participant(_ address: String, type: String = "AGENT", name: String? = nil) -> String {
    #"{"type":"\#(type)","name":"\#(name ?? address)","addresses":[{"channel":"CHAT","address":"\#(address)"}]}"#
  }
}
