import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyStorage

/// Lists: their order, their filters, and the way through them in both directions.
extension DatabaseContractTests {
  private static let sizes = [1, 2, 3, 4, 12, 13, 1000]

  @Test("Participants are listed oldest first, in pages that lead both ways (B-PAGE-4, B-PAGE-6, B-PAGE-7)", arguments: TestDatabase.kinds)
  func participantPages(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let (held, other) = (
        try await samples.heldConversation(of: account, in: database), try await samples.heldConversation(of: account, in: database)
      )
      // The order is that of the positions: the ids here go down.
      let ids = (0..<12).map { _ in samples.id(Participant.self) }.reversed()
      let participants = try ids.map { try samples.participant(id: $0, in: held.id, of: account) }
      let elsewhere = try samples.participant(in: other.id, of: account)
      try await database.write(for: account) { tx in
        try tx.add(elsewhere)
        for participant in participants { try tx.add(participant) }
      }
      for size in Self.sizes {
        try await expectList(of: participants.map(\.id.text), size: size) { request in
          try await database.read(for: account, .page(of: request)) { tx in try tx.participants(of: held.id, request) }
        }
      }
    }
  }

  @Test("Configurations are listed newest first, of all memory stores or of one (B-PAGE-7, B-CFG-14)", arguments: TestDatabase.kinds)
  func configurationPages(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let (account, other) = (try await samples.account(in: database), try await samples.account(in: database))
      let rare = "mem_store_00000000000000000000000002"
      var (all, ofRare): ([String], [String]) = ([], [])
      for index in 0..<12 {
        let (configuration, draft) = try samples.configuration(store: index % 3 == 0 ? rare : Samples.store)
        for account in [account, other] where account != other || index < 5 {
          _ = try await database.write(for: account) { tx in try tx.insert(configuration, of: draft) }
        }
        all.insert(configuration.id.text, at: 0)
        if index % 3 == 0 { ofRare.insert(configuration.id.text, at: 0) }
      }
      for (store, expected) in [(nil, all), (rare, ofRare), ("mem_store_00000000000000000000000003", [])] {
        for size in Self.sizes {
          try await expectList(of: expected, size: size) { request in
            try await database.read(for: account, .page(of: request)) { tx in try tx.configurations(memoryStoreId: store, request) }
          }
        }
      }
    }
  }

  @Test(
    "Conversations are listed newest first, each once, by status and by the id of a channel's resource (B-PAGE-7, B-CONV-20)",
    arguments: TestDatabase.kinds)
  func conversationPages(kind: TestDatabase.Kind) async throws {
    struct Row {
      let id: String
      let status: Conversation.Status
      let isLinked: Bool
    }
    try await TestDatabase.with(kind) { database in
      let (account, other) = (try await samples.account(in: database), try await samples.account(in: database))
      var rows: [Row] = []
      for index in 0..<24 {
        let status = Conversation.Status.allCases[index % 5 % 3]
        let conversation = try samples.conversation(of: account, status: status)
        // None, one, two or three owners of one link, and others with a link of their own.
        let owners = try (0..<index % 4).map { try samples.participant([("a\($0)", "call")], in: conversation.id, of: account) }
        let stranger = try samples.participant([("b", "other call")], in: conversation.id, of: account)
        try await database.write(for: account) { tx in
          _ = try Samples.insert(conversation, tx)
          for participant in owners + [stranger] { try tx.add(participant) }
        }
        rows.insert(Row(id: conversation.id.text, status: status, isLinked: !owners.isEmpty), at: 0)
      }
      let foreign = try samples.conversation(of: other)
      let foreigner = try samples.participant([("a", "call")], in: foreign.id, of: other)
      try await database.write(for: other) { tx in
        _ = try Samples.insert(foreign, tx)
        try tx.add(foreigner)
      }

      let choices: [[Conversation.Status]] = [
        [], [.active], [.inactive], [.closed], [.active, .inactive], [.closed, .active], [.inactive, .closed],
        [.closed, .active, .inactive],
      ]
      for statuses in choices {
        for channelId in [nil, "call", "no call"] {
          let filter = ConversationFilter(statuses: statuses, channelId: channelId)
          let expected = rows.filter { row in
            (statuses.isEmpty || statuses.contains(row.status)) && (channelId == nil || channelId == "call" && row.isLinked)
          }
          #expect(channelId == "no call" || expected.count > 1)
          for size in Self.sizes {
            try await expectList(of: expected.map(\.id), size: size, "\(statuses), \(channelId ?? "any")") { request in
              try await database.read(for: account, .page(of: request)) { tx in try tx.conversations(filter, request) }
            }
          }
        }
      }
    }
  }

  @Test("What is added between two pages makes none of them repeat or skip an item (B-PAGE-6)", arguments: TestDatabase.kinds)
  func pagesBesideWrites(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      func conversations(_ size: Int, _ cursor: Cursor?) async throws -> Page {
        try await database.read(for: account, .snapshot) { tx in
          try tx.conversations(ConversationFilter(), PageRequest(size: size, cursor: cursor))
        }
      }
      func add() async throws -> String { try await samples.heldConversation(of: account, in: database).id.text }
      var oldest: [String] = []
      for _ in 0..<6 { oldest.insert(try await add(), at: 0) }

      // Newest first: what is added stands in front of the pages that were read and behind none.
      let first = try await conversations(2, nil)
      let newer = try await add()
      let second = try await conversations(2, first.next)
      let newest = try await add()
      let third = try await conversations(2, second.next)
      #expect([try first.ids, try second.ids, try third.ids].joined().elementsEqual(oldest))
      #expect(third.next == nil)
      let secondAgain = try await conversations(2, third.previous)
      #expect(try secondAgain.ids == second.ids)
      let firstAgain = try await conversations(2, secondAgain.previous)
      #expect(try firstAgain.ids == first.ids)
      let before = try await conversations(5, firstAgain.previous)
      #expect(try before.ids == [newest, newer])
      #expect(before.previous == nil)
      let onward = try await conversations(1000, before.next)
      #expect(try onward.ids == oldest)

      // Oldest first: what is added comes last.
      let held = try await samples.heldConversation(of: account, in: database)
      func participants(_ size: Int, _ cursor: Cursor?) async throws -> Page {
        try await database.read(for: account, .snapshot) { tx in try tx.participants(of: held.id, PageRequest(size: size, cursor: cursor)) }
      }
      func join() async throws -> String {
        let participant = try samples.participant(in: held.id, of: account)
        try await database.write(for: account) { tx in _ = try tx.add(participant) }
        return participant.id.text
      }
      let (one, two, three) = (try await join(), try await join(), try await join())
      let start = try await participants(2, nil)
      let four = try await join()
      let rest = try await participants(2, start.next)
      let five = try await join()
      #expect(try start.ids == [one, two])
      #expect(try rest.ids == [three, four])
      #expect(rest.next == nil)
      #expect(try await participants(2, rest.previous).ids == [one, two])
      #expect(try await participants(2, Cursor(.next, from: "4")).ids == [five])
    }
  }

  @Test("An item that leaves a filtered list between two pages takes no other with it (B-PAGE-6)", arguments: TestDatabase.kinds)
  func pagesBesideChanges(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      var all: [Conversation] = []
      for _ in 0..<6 {
        let conversation = try samples.conversation(of: account)
        try await database.write(for: account) { tx in _ = try Samples.insert(conversation, tx) }
        all.insert(conversation, at: 0)
      }
      func page(_ cursor: Cursor?) async throws -> Page {
        let filter = ConversationFilter(statuses: [.active])
        return try await database.read(for: account, .snapshot) { tx in try tx.conversations(filter, PageRequest(size: 2, cursor: cursor)) }
      }
      let first = try await page(nil)
      #expect(try first.ids == all[0...1].map(\.id.text))
      // The very item that the token names, and one behind it.
      for index in [1, 2] {
        var closed = all[index]
        closed.status = .closed
        let change = closed
        _ = try await database.write(for: account) { tx in try tx.update(change) }
      }
      let second = try await page(first.next)
      #expect(try second.ids == all[3...4].map(\.id.text))
      let back = try await page(second.previous)
      #expect(try back.ids == [all[0].id.text])
      #expect(back.previous == nil)
    }
  }

  @Test("The first page takes one statement, a later one another to look behind it (B-PAGE-4)", arguments: TestDatabase.kinds)
  func pageStatements(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let held = try await samples.heldConversation(of: account, in: database)
      let participants = try (0..<3).map { _ in try samples.participant(in: held.id, of: account) }
      try await database.write(for: account) { tx in for participant in participants { try tx.add(participant) } }
      for (cursor, expected) in [(nil, 1), (Cursor(.next, from: "1"), 2), (Cursor(.previous, from: "3"), 2), (Cursor(.next, from: "3"), 1)]
      {
        let statements = try await database.read(for: account, .snapshot) { tx in
          var statements = 0
          _ = try tx.page(PageRequest(size: 1, cursor: cursor)) { direction, key, limit in
            statements += 1
            let position = key.flatMap { Int64($0) } ?? 0
            return direction == .next
              ? "SELECT position, document FROM participant WHERE position > \(position) ORDER BY position LIMIT \(limit)"
              : "SELECT position, document FROM participant WHERE position < \(position) ORDER BY position DESC LIMIT \(limit)"
          }
          return statements
        }
        #expect(statements == expected)
      }
    }
  }

  @Test("A page ends behind the item that takes it past 8 MiB, and has one in any case (B-PAGE-11)", arguments: TestDatabase.kinds)
  func longPages(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let account = try await samples.account(in: database)
      let held = try await samples.heldConversation(of: account, in: database)
      // The first passes the limit alone, two of the others stay below it and three do not.
      let participants = try [9_000_000, 3_000_000, 3_000_000, 3_000_000, 3_000_000, 3_000_000].map { length in
        try samples.participant(name: String(repeating: "x", count: length), in: held.id, of: account)
      }
      for participant in participants { _ = try await database.write(for: account) { tx in try tx.add(participant) } }
      let ids = participants.map(\.id.text)
      let pages = [Array(ids[..<1]), Array(ids[1..<4]), Array(ids[4...])]
      var cursor: Cursor?
      for (index, expected) in (pages + [pages[1], pages[0]]).enumerated() {
        let request = PageRequest(size: 1000, cursor: cursor)
        let page = try await database.read(for: account, .page(of: request)) { tx in try tx.participants(of: held.id, request) }
        #expect(try page.ids == expected)
        #expect(page.count == expected.count)
        #expect((page.next == nil) == (expected == pages[2]))
        #expect((page.previous == nil) == (expected == pages[0]))
        cursor = index < 2 ? page.next : page.previous
      }
    }
  }

  /// Goes through a list in pages of one size, to its end and back to its start.
  private func expectList(
    of expected: [String], size: Int, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation,
    read: (PageRequest) async throws -> Page
  ) async throws {
    var pages: [[String]] = stride(from: 0, to: expected.count, by: size).map { Array(expected[$0..<min($0 + size, expected.count)]) }
    if pages.isEmpty { pages = [[]] }
    var cursor: Cursor?
    for (index, items) in pages.enumerated() {
      let page = try await read(PageRequest(size: size, cursor: cursor))
      #expect(try page.ids == items, comment, sourceLocation: sourceLocation)
      #expect(page.count == items.count, comment, sourceLocation: sourceLocation)
      #expect((page.next != nil) == (index < pages.count - 1), comment, sourceLocation: sourceLocation)
      #expect((page.previous != nil) == (index > 0), comment, sourceLocation: sourceLocation)
      cursor = index < pages.count - 1 ? page.next : page.previous
    }
    for (index, items) in pages.enumerated().dropLast().reversed() {
      let page = try await read(PageRequest(size: size, cursor: cursor))
      #expect(try page.ids == items, comment, sourceLocation: sourceLocation)
      #expect(page.next != nil, comment, sourceLocation: sourceLocation)
      #expect((page.previous != nil) == (index > 0), comment, sourceLocation: sourceLocation)
      cursor = page.previous
    }
  }
}

extension Page {
  /// The ids of the page's items, read from their documents.
  fileprivate var ids: [String] {
    get throws {
      let list = try JSON.parse(Array("{\"items\":[".utf8) + items + Array("]}".utf8))
      guard case .array(let items) = list.object?["items"] else { return ["no list"] }
      return items.map { $0.object?["id"]?.string ?? "no id" }
    }
  }
}
