import Foundation
import ParleyDomain
import ParleyTesting
import Synchronization
import Testing

/// Writers who ask until they are told: whoever gets 503 or no answer asks the next node the same again. In the end each of their wishes is
/// there exactly once, whatever happened to the nodes, the database and the network.
final class NodeLoad: Sendable {
  /// Conversations whose number of participants is not what there is.
  static let wrongCounts = """
    conversation c WHERE participant_count <> (
      SELECT count(*) FROM participant p WHERE p.account_id = c.account_id AND p.conversation_id = c.id)
    """
  private static let writers = 9
  private static let inlineParticipants = 5
  private static let participantsMax = 80
  /// The shortest time after which a node gives up: for a connection, or a lock.
  private static let waitMin = Duration.seconds(5)

  /// What was asked for and what was told.
  struct Done {
    /// Requests that were answered 201 or 200.
    var acknowledged = 0
    /// Requests that got 503, or no answer because the node or the connection went.
    var unavailable = 0
    /// Those 503 that came before any of the times was over that a request may wait on a busy machine.
    var refusedSoon = 0
    var unanswered = 0
    /// Of those, the ones that turned out to have been done.
    var doneUntold = 0
    var longest = Duration.zero
    /// Answers that should never be.
    var faults: [String] = []
    fileprivate var next = 0
    fileprivate var isOver = false
    fileprivate var talks: [Int: Task<String, any Error>] = [:]
    /// By number of the conversation, the participants' names.
    fileprivate var addresses: [Int: [String]] = [:]
    fileprivate var documents: [Int: [JSON]] = [:]
    fileprivate var names: [String] = []
    fileprivate var waiting: [(acknowledged: Int, action: @Sendable () -> Void)] = []
  }

  private let cluster: NodeCluster
  private let configuration: String
  private let state = Mutex(Done())

  init(_ cluster: NodeCluster) async throws {
    self.cluster = cluster
    configuration = try await cluster.node(0).makeConfiguration()
  }

  var done: Done { state.withLock { $0 } }

  /// Writes until the disturbance is over and everybody was told. What is there then is checked.
  func during(_ disturbance: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<Self.writers { group.addTask { try await self.write(writer) } }
      for number in cluster.nodes.indices { group.addTask { try await self.rename(number) } }
      defer { state.withLock { $0.isOver = true } }
      try await disturbance()
      state.withLock { $0.isOver = true }
      try await group.waitForAll()
    }
    try await check()
  }

  /// Does something in the very moment when so many more were acknowledged.
  func after(_ more: Int, _ action: @escaping @Sendable () -> Void) {
    state.withLock { $0.waiting.append(($0.acknowledged + more, action)) }
  }

  /// Waits until so many more were acknowledged.
  func acknowledged(_ more: Int) async {
    await withCheckedContinuation { continuation in after(more) { continuation.resume() } }
  }

  // MARK: - Writers

  private func write(_ writer: Int) async throws {
    while let number = take() {
      if number % 8 == 7 { try await create("made-\(number)", writer) } else { try await add(number, writer) }
    }
  }

  /// The next number; nil when there is to be no more.
  private func take() -> Int? {
    state.withLock { state in
      if state.isOver { return nil }
      defer { state.next += 1 }
      return state.next
    }
  }

  private func add(_ number: Int, _ writer: Int) async throws {
    let talk = number / Self.participantsMax
    let conversation = try await conversation(talk)
    let address = "agent-\(number)"
    let document = try await ask("POST", "/v2/Conversations/\(conversation)/Participants", Bodies.participant(address), writer)
    state.withLock { state in
      state.addresses[talk, default: []].append(address)
      if let document { state.documents[talk, default: []].append(document) }
    }
  }

  private func create(_ name: String, _ writer: Int) async throws {
    let agents = (1..<Self.inlineParticipants).map { Bodies.participant("\(name)-\($0)") }
    let participants = ([Bodies.participant(name, type: "CUSTOMER")] + agents).joined(separator: ",")
    let body = #"{"configurationId":"\#(configuration)","name":"\#(name)","participants":[\#(participants)]}"#
    _ = try await ask("POST", "/v2/Conversations", body, writer)
    state.withLock { $0.names.append(name) }
  }

  /// Gives one participant the names 1, 2, 3 and so on, each once the one before is acknowledged.
  private func rename(_ number: Int) async throws {
    let conversation = try await conversation(-1 - number)
    let target = "/v2/Conversations/\(conversation)/Participants"
    _ = try await ask("POST", target, Bodies.participant("renamed", name: "0"), number)
    var page: WireAnswer?
    try await eventually {
      page = try? await cluster.node(number).expect(200, "GET", target)
      return page != nil
    }
    guard let id = try page?.string("participants[0].id") else { return }
    var name = 0
    while !done.isOver {
      name += 1
      _ = try await ask("PUT", "\(target)/\(id)", #"{"name":"\#(name)"}"#, number)
    }
    let last = try await cluster.node(number).expect(200, "GET", "\(target)/\(id)").string("name")
    if last != "\(name)" { fault("the last acknowledged name is \(name), and \(last) is there") }
  }

  /// The conversation of that number, made by who needs it first.
  private func conversation(_ number: Int) async throws -> String {
    let task = state.withLock { state in
      let task = state.talks[number] ?? Task { try await self.makeConversation(number) }
      state.talks[number] = task
      return task
    }
    return try await task.value
  }

  private func makeConversation(_ number: Int) async throws -> String {
    let made = try await ask("POST", "/v2/Conversations", #"{"configurationId":"\#(configuration)"}"#, abs(number))
    guard let id = made?.object?["id"]?.string else { throw WireFailure("no conversation was made") }
    return id
  }

  /// Asks until there is an answer. Nil if it is that the thing was done before: by an attempt whose answer never came.
  private func ask(_ method: String, _ target: String, _ body: String, _ writer: Int) async throws -> JSON? {
    var document: JSON?
    var attempts = 0
    try await eventually {
      let node = cluster.node(writer + attempts)
      attempts += 1
      let start = ContinuousClock.now
      let answer = try? await node.send(method, target, body)
      let duration = ContinuousClock.now - start
      state.withLock { $0.longest = max($0.longest, duration) }
      switch answer?.status {
      case 200, 201: document = try answer?.json()
      case 409 where attempts > 1: state.withLock { $0.doneUntold += 1 }
      case 503:
        state.withLock { state in
          state.unavailable += 1
          if duration < Self.waitMin { state.refusedSoon += 1 }
        }
        return false
      case nil:
        state.withLock { $0.unanswered += 1 }
        return false
      default: fault("\(method) \(target) gave \(answer?.status ?? 0) at attempt \(attempts): \(answer?.text ?? "")")
      }
      return true
    }
    if document != nil { acknowledge() }
    return document
  }

  private func acknowledge() {
    let due = state.withLock { state in
      state.acknowledged += 1
      let acknowledged = state.acknowledged
      defer { state.waiting.removeAll { $0.acknowledged <= acknowledged } }
      return state.waiting.filter { $0.acknowledged <= acknowledged }
    }
    for waiting in due { waiting.action() }
  }

  private func fault(_ text: String) { state.withLock { $0.faults.append(text) } }

  // MARK: - What is there

  /// Nothing acknowledged is missing, nothing is there twice or in part, and all nodes say the same.
  private func check() async throws {
    let done = done
    #expect(done.faults.isEmpty, "\(done.faults.prefix(5))")
    for (talk, addresses) in done.addresses {
      guard let id = try await done.talks[talk]?.value else { continue }
      let listed = try await cluster.node(0).participants(of: id)
      for node in cluster.nodes.dropFirst() { #expect(try await node.participants(of: id) == listed) }
      #expect(listed.compactMap { $0.object?["name"]?.string }.sorted() == addresses.sorted())
      for document in done.documents[talk] ?? [] { #expect(listed.contains(document)) }
    }
    let whole = try cluster.rows(
      """
      SELECT document::json ->> 'name', (SELECT count(*) FROM participant p WHERE p.conversation_id = c.id)
      FROM conversation c WHERE document::json ->> 'name' LIKE 'made-%'
      """, columns: 2)
    #expect(whole.map { $0[0] }.sorted() == done.names.sorted())
    #expect(whole.allSatisfy { $0[1] == "\(Self.inlineParticipants)" })
    #expect(try cluster.count(Self.wrongCounts) == 0)
  }
}
