import Crypto
import Foundation
import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

@testable import ParleyAPI

@Suite("B-PAGE-5: page tokens")
struct PageTokenTests {
  private let account = Account.ID(random: Array(repeating: 1, count: 16))
  private let list = ListName("conversations", parent: "a", filters: ["status=ACTIVE", "status=CLOSED"])
  private let cursor = Cursor(.previous, from: "conv_conversation_00000000000000000000000001")

  private func tokens(_ byte: UInt8 = 0) throws -> PageTokens {
    PageTokens(key: try #require(SecretKey(Array(repeating: byte, count: SecretKey.byteCount))))
  }

  @Test("a token opens in its own list, and stands in a URL as it is")
  func opens() throws {
    let tokens = try tokens()
    for key in ["", "7", cursor.key, String(repeating: "é", count: 50)] {
      for direction in [Cursor.Direction.next, .previous] {
        let token = try tokens.seal(Cursor(direction, from: key), of: list, for: account)
        #expect(token.wholeMatch(of: /[A-Za-z0-9_\-]+/) != nil)
        #expect(tokens.open(token, of: list, for: account) == Cursor(direction, from: key))
      }
    }
  }

  @Test("a token carries its filters, whatever those of the request are, and another server with the same key opens it")
  func carries() throws {
    let token = try tokens().seal(cursor, of: list, for: account)
    for filters in [list.filters, list.filters.reversed(), ["status=ACTIVE"], list.filters + ["channelId=1"], []] {
      let asked = ListName("conversations", parent: "a", filters: filters)
      #expect(try tokens().open(token, of: asked, for: account) == cursor)
      #expect(try tokens().filters(in: token, of: asked, for: account) == list.filters)
    }
  }

  @Test(
    "B-HTTP-8: filters are taken apart at bytes, whatever marks combine with = and line ends",
    arguments: ["\u{301}abc", "=\u{301}", "a=b", "\u{200d}=\u{20dd}", "\u{338}", "e\u{301}=\u{fe0f}"])
  func combining(value: String) throws {
    let filters = ["channelId=\(value)", "\u{301}=x", "status=ACTIVE"]
    let token = try tokens().seal(cursor, of: ListName("conversations", parent: "a", filters: filters), for: account)
    let carried = try #require(try tokens().filters(in: token, of: list, for: account))
    #expect(carried.map { Array($0.utf8) } == filters.map { Array($0.utf8) })
    let written = Query("channelId=\(value)&\u{301}=x&status=ACTIVE"[...])
    for query in [Query(carried: carried), written] {
      #expect(query.values("channelId").first??.isSame(as: value) == true)
      #expect(query.values("\u{301}") == ["x"] && query.values("status") == ["ACTIVE"])
    }
  }

  @Test("only the spelling that was issued is accepted: no padding, no other alphabet, no unused bits, no white space")
  func spelling() throws {
    let tokens = try tokens()
    var seen: Set<Character> = []
    for _ in 0..<100 where seen.count < 2 {
      let token = try tokens.seal(cursor, of: list, for: account)
      seen.formUnion(token.filter { $0 == "-" || $0 == "_" })
      for other in [
        token + "=", token + "==", token.replacing("-", with: "+"), token.replacing("_", with: "/"), token + "\n", " " + token,
        "\(token.prefix(10))\r\n\(token.dropFirst(10))",
      ] where other != token {
        #expect(tokens.open(other, of: list, for: account) == nil, "\(other)")
        #expect(tokens.filters(in: other, of: list, for: account) == nil, "\(other)")
      }
    }
    #expect(seen == ["-", "_"])
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    for key in ["7", "77", "777"] {
      let token = try tokens.seal(Cursor(.next, from: key), of: list, for: account)
      for last in alphabet where last != token.last {
        #expect(tokens.open(String(token.dropLast()) + String(last), of: list, for: account) == nil, "\(token) with \(last)")
      }
    }
  }

  @Test("a token is worth nothing for another account, list or parent, or under another key")
  func bound() throws {
    let tokens = try tokens()
    let token = try tokens.seal(cursor, of: list, for: account)
    for other in [
      ListName("participants", parent: "a", filters: list.filters), ListName("conversations", parent: "b", filters: list.filters),
      ListName("conversations", filters: list.filters), ListName("conversations", parent: "a\nb", filters: list.filters),
    ] {
      #expect(tokens.open(token, of: other, for: account) == nil)
      #expect(tokens.filters(in: token, of: other, for: account) == nil)
    }
    #expect(tokens.open(token, of: list, for: Account.ID(random: Array(repeating: 2, count: 16))) == nil)
    #expect(try self.tokens(1).open(token, of: list, for: account) == nil)
  }

  @Test("a token with any character changed, cut or added is none")
  func altered() throws {
    let tokens = try tokens()
    let token = try tokens.seal(cursor, of: list, for: account)
    let characters = Array(token)
    for index in characters.indices {
      var other = characters
      other[index] = other[index] == "A" ? "B" : "A"
      #expect(tokens.open(String(other), of: list, for: account) == nil, "character \(index)")
      #expect(tokens.open(String(characters[..<index]), of: list, for: account) == nil, "\(index) characters")
    }
    #expect(tokens.open(token + "AAAA", of: list, for: account) == nil)
  }

  @Test("a token of the form before, which carried no filters, opens with the filters that it was issued with")
  func earlierForm() throws {
    let tokens = try tokens()
    let key = try #require(SecretKey(Array(repeating: 0, count: SecretKey.byteCount))).derived(for: .pageTokens)
    func seal(_ filters: [String], form: UInt8 = 1) throws -> String {
      let binding = ([account.text, "conversations", "a"] + filters.sorted()).joined(separator: "\n")
      let box = try AES.GCM.seal([form] + Array("n7".utf8), using: key, authenticating: Data(binding.utf8))
      return try #require(box.combined).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
    let (plain, filtered) = (try seal([]), try seal(list.filters))
    #expect(tokens.open(plain, of: ListName("conversations", parent: "a"), for: account) == Cursor(.next, from: "7"))
    #expect(tokens.filters(in: plain, of: list, for: account) == [])
    #expect(tokens.open(filtered, of: list, for: account) == Cursor(.next, from: "7"))
    #expect(tokens.filters(in: filtered, of: list, for: account) == nil)
    #expect(tokens.open(filtered, of: ListName("conversations", parent: "a"), for: account) == nil)
    #expect(tokens.open(filtered, of: ListName("conversations", parent: "a", filters: ["status=ACTIVE"]), for: account) == nil)
    for form: UInt8 in [0, 3] { #expect(try tokens.open(seal([], form: form), of: list, for: account) == nil) }
    #expect(try tokens.open(seal(list.filters, form: 2), of: list, for: account) == nil)
  }

  @Test("the longest filters fit into a token")
  func longest() throws {
    let url = "url=" + String(repeating: "💬", count: 2048)
    let kinds = Event.Kind.allCases.map { "eventType=\($0.rawValue)" } + Delivery.State.allCases.map { "state=\($0.rawValue)" }
    let times = ["createdAfter=\(Int64.min)", "createdBefore=\(Int64.max)"]
    let list = ListName("deliveries", filters: kinds + ["conversationId=\(cursor.key)", url] + times)
    let token = try tokens().seal(cursor, of: list, for: account)
    #expect(try tokens().open(token, of: list, for: account) == cursor)
    #expect(try tokens().filters(in: token, of: list, for: account) == list.filters)
    // What no filters make is not looked at.
    let longer = ListName("deliveries", filters: [url + url])
    #expect(try tokens().open(tokens().seal(cursor, of: longer, for: account), of: longer, for: account) == nil)
  }

  @Test("texts that never were tokens", arguments: ["", "x", "%", "====", "💬", "AAAA", "null", "\u{0}"])
  func foreign(_ text: String) throws {
    #expect(try tokens().open(text, of: list, for: account) == nil)
    #expect(try tokens().open(String(repeating: text + "A", count: 100_000), of: list, for: account) == nil)
  }

  @Test("two tokens of one place differ, so that nothing can be read off them")
  func differ() throws {
    let tokens = try tokens()
    #expect(try tokens.seal(cursor, of: list, for: account) != tokens.seal(cursor, of: list, for: account))
  }

  @Test("B-PAGE-5, 6: the size may change from page to page, and what comes in between is neither repeated nor skipped")
  func paging() async throws {
    try await TestServer.with { server in
      let configuration = try await server.configuration()
      var ids: [String] = []
      for _ in 0..<7 { ids.insert(try await server.conversation(of: configuration), at: 0) }
      var seen: [String] = []
      var query = "?pageSize=1"
      for size in [2, 3, 1000] {
        let page = try await server.send("GET", "/v2/Conversations\(query)")
        guard case .array(let items) = try page.value("conversations") else { throw WireFailure("no list") }
        seen += items.compactMap { $0.object?["id"]?.string }
        query = "?pageSize=\(size)&pageToken=\(try page.string("meta.nextToken"))"
        // Newer ones are no part of what is still to come.
        _ = try await server.conversation(of: configuration)
      }
      let last = try await server.send("GET", "/v2/Conversations\(query)")
      guard case .array(let items) = try last.value("conversations") else { throw WireFailure("no list") }
      seen += items.compactMap { $0.object?["id"]?.string }
      #expect(seen == ids)
      #expect(try last.value("meta.nextToken") == nil)
    }
  }
  /// What official clients send for the second page of a list with these filters: all of them, none, the last one; and what nobody should.
  private static func queries(_ filters: String) -> [String] {
    [
      "&\(filters)", "", "&\(filters.split(separator: "&").last ?? "")",
      "&status=&state=LOST&memoryStoreId=x&createdAfter=today&channelId=",
    ]
  }

  @Test("B-PAGE-5: with a token its own filters hold, and those of the query are not looked at, in every list that has filters")
  func filtersOfToken() async throws {
    try await TestServer.with { server in
      let call = #"[{"addresses":[{"channel":"VOICE","address":"+14155550100","channelId":"CA=1&é"}]}]"#
      let configuration = try await server.configuration(calling: TestServer.hook, TestServer.otherHook)
      for number in 0..<6 {
        let id = try await server.conversation(
          of: configuration, participants: call.replacing("0100", with: "010\(number)"))
        if number % 3 == 0 { try await server.close(id) }
        _ = try await server.configuration()
        server.clock.advance(seconds: 1)
      }
      for (target, key, filters) in [
        ("/v2/Conversations", "conversations", "status=ACTIVE&status=INACTIVE"),
        ("/v2/Conversations", "conversations", "channelId=CA%3D1%26%C3%A9&status=CLOSED,ACTIVE"),
        ("/v2/ControlPlane/Configurations", "configurations", "memoryStoreId=\(TestServer.store)"),
        ("/parley/v1/Deliveries", "deliveries", "eventType=PARTICIPANT_ADDED&eventType=CONVERSATION_CREATED&state=PENDING"),
        ("/parley/v1/Deliveries", "deliveries", "url=\(TestServer.hook)&eventType=CONVERSATION_UPDATED"),
        (
          "/parley/v1/Deliveries", "deliveries",
          "createdAfter=2026-01-02T03:04:06.5Z&createdBefore=2026-01-02T04:04:09%2B01:00&eventType=PARTICIPANT_ADDED"
        ),
      ] {
        func ids(_ query: String) async throws -> (ids: [String], next: String?, previous: String?) {
          let page = try await server.send("GET", "\(target)?\(query)")
          #expect(page.status == 200, "\(target)?\(query)")
          guard case .array(let items)? = try page.value(key) else { throw WireFailure("no list") }
          return (
            items.compactMap { $0.object?["id"]?.string }, try page.value("meta.nextToken")?.string,
            try page.value("meta.previousToken")?.string
          )
        }
        let all = try await ids(filters).ids
        #expect(all.count >= 2, "\(filters)")
        for query in Self.queries(filters) {
          var page = try await ids("\(filters)&pageSize=1")
          var (seen, back) = (page.ids, page.previous)
          while let next = page.next {
            page = try await ids("pageToken=\(next)&pageSize=1\(query)")
            seen += page.ids
            back = page.previous
          }
          #expect(seen == all, "\(filters) with \(query)")
          let before = try await ids("pageToken=\(try #require(back))&pageSize=1000\(query)")
          #expect(before.ids == all.dropLast(), "\(filters) with \(query)")
        }
      }
    }
  }
}
