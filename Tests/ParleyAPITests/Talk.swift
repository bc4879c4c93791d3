import Foundation
import ParleyDomain
import ParleyTesting
import Synchronization
import Testing

@testable import ParleyAPI

/// A conversation with a server that is kept as text, and compared whole with what was kept before.
final class Talk {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "__Exchanges__")

  let server: TestServer
  private var exchanges: [Exchange] = []

  /// Runs exchanges with a fresh server and compares them with `__Exchanges__/<name>.txt`.
  static func recorded(
    _ name: String, _ settings: APISettings = APISettings(), accounts: Int = 1, at location: SourceLocation = #_sourceLocation,
    _ script: (Talk) async throws -> Void
  ) async throws {
    try await TestServer.with(settings, accounts: accounts) { server in
      let talk = Talk(server)
      try await script(talk)
      let text = talk.exchanges.map(\.text).joined(separator: "\n\n")
      let difference = try RecordedText(folder.appending(path: "\(name).txt")).difference(from: text)
      if let difference { Issue.record("\(difference)", sourceLocation: location) }
    }
  }

  private init(_ server: TestServer) { self.server = server }

  /// Sends a request as the account of most tests and keeps the exchange.
  @discardableResult
  func say(_ title: String, _ method: String, _ target: String, _ json: String? = nil) async throws -> WireAnswer {
    try await say(title, WireRequest(method, target, json), as: server.caller)
  }

  /// Sends a request and keeps the exchange.
  @discardableResult
  func say(_ title: String, _ request: WireRequest, as caller: Caller?) async throws -> WireAnswer {
    let signed = server.signed(request, as: caller)
    await server.settled(signed["Authorization"])
    let answer = try await server.send(request, as: caller)
    exchanges.append(Exchange(title, signed, answer))
    return answer
  }
}

extension Authentication {
  /// The account that the header signs in to.
  func signIn(_ header: String?) async throws -> SignedIn { try await identify(header).signedIn }
}

extension TestServer {
  static let store = "mem_store_00000000000000000000000001"

  /// Returns once whoever signs in with this header has no more requests in progress than are held: an answer may be read a moment before
  /// its request counts no more, and the next one says how many there are.
  func settled(_ authorization: String?, held: Int = 0) async {
    guard let signedIn = try? await api.authentication.signIn(authorization) else { return }
    while signedIn.requests.load(ordering: .relaxed) > held { await Task.yield() }
  }

  /// Makes a configuration and answers its id.
  func configuration(_ grouping: String = "GROUP_BY_PARTICIPANT_ADDRESSES", as caller: Caller? = nil) async throws -> String {
    let body = """
      {"displayName":"Support","description":"Calls and messages","conversationGroupingType":"\(grouping)","memoryStoreId":"\(Self.store)"}
      """
    let answer = try await send(WireRequest("POST", "/v2/ControlPlane/Configurations", body), as: caller ?? self.caller)
    return try answer.string("related.configurationId")
  }

  /// Makes a conversation and answers its id; `participants` is a JSON list.
  func conversation(of configuration: String? = nil, participants: String = "[]", as caller: Caller? = nil) async throws -> String {
    let id = if let configuration { configuration } else { try await self.configuration(as: caller) }
    let body = #"{"configurationId":"\#(id)","participants":\#(participants)}"#
    return try await send(WireRequest("POST", "/v2/Conversations", body), as: caller ?? self.caller).string("id")
  }

  /// Adds a participant and answers its id; without an address it has none.
  func participant(_ address: String? = nil, type: String = "CUSTOMER", in conversation: String, as caller: Caller? = nil) async throws
    -> String
  {
    let addresses = address.map { #"[{"channel":"SMS","address":"\#($0)"}]"# } ?? "[]"
    let body = #"{"type":"\#(type)","addresses":\#(addresses)}"#
    return try await send(WireRequest("POST", "/v2/Conversations/\(conversation)/Participants", body), as: caller ?? self.caller).string(
      "id")
  }

  func close(_ conversation: String) async throws {
    let answer = try await send("PUT", "/v2/Conversations/\(conversation)", #"{"status":"CLOSED"}"#)
    #expect(answer.status == 200)
  }
}
