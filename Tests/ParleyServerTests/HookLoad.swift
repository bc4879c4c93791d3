import Foundation
import ParleyDomain
import ParleyTesting
import Synchronization
import Testing

/// Conversations that are told to a receiver, and what must have arrived there in the end. Each is given the names 1, 2, 3 and so on, each once
/// the one before is acknowledged, so the name that the database has in the end says which events there were.
final class HookLoad: Sendable {
  static let settings = ["PARLEY_WEBHOOK_ALLOW_PRIVATE": "true"]

  private struct State {
    var acknowledged = 0
    var isOver = false
    /// The last name that was acknowledged, by conversation.
    var names: [String: Int] = [:]
    var waiting: [(acknowledged: Int, action: @Sendable () -> Void)] = []
  }

  private let state = Mutex(State())

  /// A configuration whose events go to the URL.
  static func configuration(_ url: String, on server: ServerProcess) async throws -> String {
    let body = Bodies.configuration.dropLast() + #","statusCallbacks":[{"url":"\#(url)"}]}"#
    return try await server.expect(202, "POST", "/v2/ControlPlane/Configurations", String(body)).string("related.configurationId")
  }

  var acknowledged: Int { state.withLock(\.acknowledged) }

  /// Tells writers who go on as long as somebody disturbs them that this is over.
  func end() { state.withLock { $0.isOver = true } }
  var isOver: Bool { state.withLock(\.isOver) }

  /// Does something in the very moment when so many more were acknowledged.
  func after(_ more: Int, _ action: @escaping @Sendable () -> Void) {
    state.withLock { $0.waiting.append(($0.acknowledged + more, action)) }
  }

  func acknowledged(_ more: Int) async {
    await withCheckedContinuation { continuation in after(more) { continuation.resume() } }
  }

  /// Makes a conversation and answers its id.
  func make(_ configuration: String, on server: ServerProcess, _ wire: Wire) async throws -> String {
    let body = #"{"configurationId":"\#(configuration)","name":"0"}"#
    let answer = try await server.send("POST", "/v2/Conversations", body, on: wire)
    guard answer.status == 201 else { throw WireFailure("\(answer.status): \(answer.text)") }
    let id = try answer.string("id")
    acknowledge(id, 0)
    return id
  }

  /// Gives it a name; the one it has already changes nothing, so whoever was not told may ask again.
  func rename(_ conversation: String, _ name: Int, on server: ServerProcess, _ wire: Wire) async throws {
    let answer = try await server.send("PATCH", "/v2/Conversations/\(conversation)", #"{"name":"\#(name)"}"#, on: wire)
    guard answer.status == 200 else { throw WireFailure("\(answer.status): \(answer.text)") }
    acknowledge(conversation, name)
  }

  private func acknowledge(_ conversation: String, _ name: Int) {
    let due = state.withLock { state in
      state.acknowledged += 1
      state.names[conversation] = name
      let due = state.waiting.filter { $0.acknowledged <= state.acknowledged }
      state.waiting.removeAll { $0.acknowledged <= state.acknowledged }
      return due
    }
    for waiting in due { waiting.action() }
  }

  /// An event that arrived although it had been taken.
  struct Again {
    let taken: ContinuousClock.Instant
    let again: ContinuousClock.Instant
  }

  /// Waits until nothing is left to deliver, then holds what was taken, which is what was answered 2xx, to what the database has. Answers
  /// what arrived twice.
  func check(
    _ receiver: TestReceiver, on server: ServerProcess, taken: @escaping @Sendable (TestReceiver.Request) -> Bool = { _ in true }
  ) async throws -> [Again] {
    try await Self.untilNothingWaits(on: server)
    var times: [String: ContinuousClock.Instant] = [:]
    var twice: [Again] = []
    var arrived: [String: [String]] = [:]
    for request in receiver.received where taken(request) {
      guard let token = request["I-Twilio-Idempotency-Token"], let conversation = request.data("id"), let name = request.data("name") else {
        throw WireFailure("not an event: \(request.text)")
      }
      if let time = times[token] {
        twice.append(Again(taken: time, again: request.at))
      } else {
        times[token] = request.at
        arrived[conversation, default: []].append(name)
      }
    }
    var kept: [String: Int] = [:]
    var target = "/v2/Conversations?pageSize=1000"
    while true {
      let page = try await server.expect(200, "GET", target)
      guard case .array(let conversations) = try page.value("conversations") else { throw WireFailure("no list") }
      for object in conversations.compactMap(\.object) {
        guard let id = object["id"]?.string, let name = object["name"]?.string.flatMap({ Int($0) }) else { continue }
        kept[id] = name
      }
      guard let next = try? page.string("meta.nextToken") else { break }
      target = "/v2/Conversations?pageSize=1000&pageToken=\(next)"
    }
    for (id, name) in state.withLock(\.names) { #expect(kept[id] ?? -1 >= name, "\(id) lost an acknowledged name") }
    for (id, name) in kept { #expect(arrived[id] == (0...name).map(String.init), "\(id)") }
    #expect(Set(arrived.keys).isSubset(of: kept.keys), "events of conversations that are not there")
    return twice
  }

  static func untilNothingWaits(on server: ServerProcess) async throws {
    // A lane that a killed process had waits for the end of its lease; a failing receiver for the next attempt.
    for _ in 0..<3 {
      do { return try await eventually { try await waiting(on: server) == 0 } } catch is WireFailure {}
    }
    throw WireFailure("\(try await waiting(on: server)) deliveries still wait: \(server.child.errors.suffix(2000))")
  }

  static func waiting(on server: ServerProcess) async throws -> Int {
    let page = try await server.expect(200, "GET", "/parley/v1/Deliveries?state=PENDING&pageSize=1000")
    guard case .array(let deliveries) = try page.value("deliveries") else { throw WireFailure("no list") }
    return deliveries.count
  }
}

/// How often a receiver has seen a token, and how often it refuses one at first: about every fifth, never more than twice.
final class Unreliable: Sendable {
  private let seen = Mutex<[String: Int]>([:])
  private let refused = Mutex<Set<Int>>([])

  /// Whether the request was answered 200.
  func took(_ request: TestReceiver.Request) -> Bool { refused.withLock { !$0.contains(request.number) } }

  func answer(_ request: TestReceiver.Request) -> TestReceiver.Answer {
    let token = request["I-Twilio-Idempotency-Token"] ?? ""
    let times = seen.withLock { seen in
      seen[token, default: 0] += 1
      return seen[token, default: 0]
    }
    // The token is random; what is done with it is not.
    let refusals = ["0": 2, "1": 1, "2": 1][token.prefix(1), default: 0]
    guard times <= refusals else { return .status(200) }
    refused.withLock { _ = $0.insert(request.number) }
    return .status(500)
  }
}
