/// Which page of a list is wanted.
package struct PageRequest: Sendable {
  package static let sizeDefault = 50
  package static let sizeMax = 1000

  package let size: Int
  /// Where the page starts; nil for the first one.
  package let cursor: Cursor?

  package init(size: Int = PageRequest.sizeDefault, cursor: Cursor? = nil) {
    self.size = size
    self.cursor = cursor
  }
}

/// A place between two items of a list, and which way to go from there (B-PAGE-6).
package struct Cursor: Sendable, Equatable {
  package enum Direction: String, Sendable {
    case next = "n"
    case previous = "p"
  }

  package let direction: Direction
  /// The key of the item that the place is beside; that item is not part of the page.
  package let key: String

  package init(_ direction: Direction, from key: String) {
    self.direction = direction
    self.key = key
  }
}

/// One page: its items' documents joined by commas, and where the neighbours are.
package struct Page: Sendable {
  /// JSON text of the items, without the brackets around them.
  package let items: [UInt8]
  package let count: Int
  package let next: Cursor?
  package let previous: Cursor?

  package init(items: [UInt8], count: Int, next: Cursor?, previous: Cursor?) {
    self.items = items
    self.count = count
    self.next = next
    self.previous = previous
  }
}

/// Which conversations a list shows; both conditions must hold (B-CONV-20).
package struct ConversationFilter: Sendable {
  /// Each once, in the order of the enum; empty for all.
  package let statuses: [Conversation.Status]
  /// The id of a channel's own resource that one of the conversation's addresses has.
  package let channelId: String?

  package init(statuses: [Conversation.Status] = [], channelId: String? = nil) {
    self.statuses = Conversation.Status.allCases.filter(statuses.contains)
    self.channelId = channelId
  }
}
