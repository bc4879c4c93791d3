import NIOCore
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyAPI

@Suite("Memory of answers in flight")
struct AnswerBudgetTests {
  private static let one = Account.ID(random: Array(repeating: 1, count: 16))
  private static let two = Account.ID(random: Array(repeating: 2, count: 16))
  private static let three = Account.ID(random: Array(repeating: 3, count: 16))

  @Test("one account has half of it, all have the whole, and each has one answer whatever its size")
  func shares() throws {
    let budget = AnswerBudget(bytes: 100_000)
    let first = try #require(try budget.take(30_000, for: Self.one, mustBeSaid: false))
    let second = try #require(try budget.take(20_000, for: Self.one, mustBeSaid: false))
    #expect(throws: ParleyError.self) { try budget.take(5000, for: Self.one, mustBeSaid: false) }
    let other = try #require(try budget.take(60_000, for: Self.two, mustBeSaid: false))
    #expect(throws: ParleyError.self) { try budget.take(5000, for: Self.two, mustBeSaid: false) }
    let nobodys = try #require(try budget.take(5000, for: nil, mustBeSaid: false))
    #expect(throws: ParleyError.self) { try budget.take(5000, for: nil, mustBeSaid: false) }
    #expect(budget.bytesInFlight == 115_000)
    // What was done must be said.
    let forced = try #require(try budget.take(5000, for: Self.one, mustBeSaid: true))
    #expect(throws: ParleyError.self) { try budget.checkRoom(for: Self.one, givesPage: false) }
    try budget.checkRoom(for: Self.three, givesPage: true)
    for claim in [first, second, other, nobodys, forced] { claim.giveBack() }
    #expect(budget.bytesInFlight == 0)
    try budget.checkRoom(for: Self.one, givesPage: true)
  }

  @Test("small answers are not counted", arguments: [(0, false), (4096, false), (4097, true)])
  func small(_ bytes: Int, _ isCounted: Bool) throws {
    let claim = try AnswerBudget(bytes: 1).take(bytes, for: Self.one, mustBeSaid: false)
    #expect((claim != nil) == isCounted)
  }

  @Test("before a page is read there must be room for one, before anything else only no overdraft")
  func room() throws {
    let budget = AnswerBudget(bytes: 100_000)
    try budget.checkRoom(for: Self.one, givesPage: true)
    let claim = try #require(try budget.take(25_000, for: Self.one, mustBeSaid: false))
    try budget.checkRoom(for: Self.one, givesPage: true)
    let more = try #require(try budget.take(5000, for: Self.one, mustBeSaid: false))
    #expect(throws: ParleyError.self) { try budget.checkRoom(for: Self.one, givesPage: true) }
    try budget.checkRoom(for: Self.one, givesPage: false)
    try budget.checkRoom(for: Self.two, givesPage: true)
    claim.giveBack()
    more.giveBack()
  }

  @Test("slow readers of pages: beyond an account's half its pages are 503, other requests and accounts go on, and it ends with them")
  func slowReaders() async throws {
    var settings = APISettings()
    settings.bodyMemoryMiB = 1
    try await TestServer.with(settings, accounts: 2) { server in
      let whole = try await server.largePage(conversations: 26)
      let conversation = try whole.string("conversations[0].id")
      let list = WireRequest("GET", "/v2/Conversations?pageSize=1000")
      try await Wire.with(port: server.port, reads: false) { slow in
        try await slow.send(server.signed(list, as: server.caller).bytes)
        try await eventually { server.api.answers.bytesInFlight == whole.body.count }
        for target in ["/v2/Conversations?pageSize=1000", "/v2/Conversations?pageSize=1", "/v2/ControlPlane/Configurations"] {
          let refused = try await server.send(WireRequest("GET", target), as: server.caller)
          #expect(refused.status == 503)
          #expect(refused["Retry-After"] == "1")
          #expect(try refused.value("code") == .number(.init(text: "20503")))
        }
        #expect(try await server.send("GET", "/v2/Conversations/\(conversation)").status == 200)
        #expect(try await server.send("PATCH", "/v2/Conversations/\(conversation)", #"{"name":"x"}"#).status == 200)
        #expect(try await server.send(list, as: server.callers[1]).status == 200)
        let metrics = try await server.send(WireRequest("GET", "/metrics"), as: nil).text
        let line = try #require(metrics.split(separator: "\n").first { $0.hasPrefix("parley_answer_memory_bytes ") })
        #expect(Int(line.split(separator: " ")[1]) ?? 0 >= whole.body.count)
        try await slow.readOn()
        #expect(try await slow.receive().body == whole.body)
      }
      try await eventually { server.api.answers.bytesInFlight == 0 }
      #expect(try await server.send(list, as: server.caller).status == 200)
    }
  }

  @Test("an answer's memory is given back however its connection ends", arguments: [0, 1, 2])
  func givenBack(_ way: Int) async throws {
    var limits = ServerLimits()
    if way == 0 { limits.writing = .milliseconds(300) }
    try await TestServer.with(limits: limits) { server in
      let whole = try await server.largePage(conversations: 40)
      try await Wire.with(port: server.port, reads: false) { slow in
        try await slow.send(server.signed(WireRequest("GET", "/v2/Conversations?pageSize=1000"), as: server.caller).bytes)
        if way > 0 { try await eventually { server.api.answers.bytesInFlight == whole.body.count } }
        switch way {
        case 0: try await eventually { server.api.connections.open == 0 }
        case 1: return
        default:
          try await slow.readOn()
          _ = try await slow.receive()
        }
      }
      try await eventually { server.api.answers.bytesInFlight == 0 }
    }
  }

  @Test("a HEAD holds no memory, and a list is told apart from one thing")
  func heads() async throws {
    try await TestServer.with { server in
      _ = try await server.largePage(conversations: 2)
      #expect(try await server.send("HEAD", "/v2/Conversations").status == 200)
      #expect(server.api.answers.bytesInFlight == 0)
      let lists = server.api.routes().filter(\.givesPage).map(\.template).filter { $0.hasPrefix("/v2") || $0.hasPrefix("/parley") }
      #expect(
        lists == [
          "/v2/ControlPlane/Configurations", "/v2/Conversations", "/v2/Conversations/{ConversationSid}/Participants",
          "/parley/v1/Deliveries", "/parley/v1/Pauses", "/parley/v1/Listeners",
        ])
    }
  }
}

extension TestServer {
  /// Makes conversations of about 17 KB each, and answers the page of them.
  func largePage(conversations count: Int) async throws -> WireAnswer {
    let configuration = try await configuration()
    let text = String(repeating: "\u{1F33C}", count: 512)
    let metadata = (0..<8).map { #""\#($0)":"\#(text)""# }.joined(separator: ",")
    let body = #"{"configurationId":"\#(configuration)","metadata":{\#(metadata)}}"#
    try await Wire.with(port: port) { wire in
      for _ in 0..<count {
        try await wire.send(signed(WireRequest("POST", "/v2/Conversations", body), as: caller).bytes)
        let answer = try await wire.receive()
        #expect(answer.status == 201)
      }
    }
    return try await send("GET", "/v2/Conversations?pageSize=1000")
  }
}
