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

  @Test("the order of filters counts for nothing, padding may be there, another server with the same key opens it")
  func sameList() throws {
    let token = try tokens().seal(cursor, of: list, for: account)
    let reordered = ListName("conversations", parent: "a", filters: ["status=CLOSED", "status=ACTIVE"])
    #expect(try tokens().open(token, of: reordered, for: account) == cursor)
    #expect(try tokens().open(token + String(repeating: "=", count: (4 - token.utf8.count % 4) % 4), of: list, for: account) == cursor)
  }

  @Test("a token is worth nothing for another account, list, parent or filter, or under another key")
  func bound() throws {
    let tokens = try tokens()
    let token = try tokens.seal(cursor, of: list, for: account)
    for other in [
      ListName("participants", parent: "a", filters: list.filters), ListName("conversations", parent: "b", filters: list.filters),
      ListName("conversations", parent: "a"), ListName("conversations", parent: "a", filters: ["status=ACTIVE"]),
      ListName("conversations", parent: "a", filters: list.filters + ["channelId=1"]),
    ] {
      #expect(tokens.open(token, of: other, for: account) == nil)
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
      // The last character has bits that stand for nothing; changed alone they may leave the same bytes.
      if index < characters.count - 1 { #expect(tokens.open(String(other), of: list, for: account) == nil, "character \(index)") }
      #expect(tokens.open(String(characters[..<index]), of: list, for: account) == nil, "\(index) characters")
    }
    #expect(tokens.open(token + "AAAA", of: list, for: account) == nil)
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
}
