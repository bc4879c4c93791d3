import ParleyDomain

extension Transaction {
  /// Reads one page. `select` gives the statement for rows beyond a key in a direction (nil: from the list's start), at most `limit` of
  /// them, nearest first; column 0 is the key. `append` adds a row's document.
  ///
  /// A neighbour is named only if it has an item (B-PAGE-4), which on the side that the page was reached from takes a look of its own. Where
  /// an item `mayRepeat`, its rows follow each other, and it is read on until the page is full.
  func page(
    _ request: PageRequest, mayRepeat: Bool = false, select: (_ direction: Cursor.Direction, _ key: String?, _ limit: Int64) -> SQL,
    append: (any Row, inout [UInt8]) throws -> Void = { row, items in row.append(1, to: &items) }
  ) throws -> Page {
    let direction = request.cursor?.direction ?? .next
    var rows = PageRows(limit: request.size, mayRepeat: mayRepeat)
    var key = request.cursor?.key
    var rowsRead: Int
    repeat {
      rowsRead = 0
      try connection.rows(select(direction, key, Int64(request.size) + 1)) { row in
        rowsRead += 1
        try rows.add(row, append)
      }
      key = rows.latestKey
    } while mayRepeat && rowsRead > request.size && !rows.hasMore
    guard let nearest = rows.firstKey else { return Page(items: [], count: 0, next: nil, previous: nil) }
    let back: Cursor.Direction = direction == .next ? .previous : .next
    let ahead = rows.hasMore ? rows.lastKey.map { Cursor(direction, from: $0) } : nil
    let behind =
      try request.cursor == nil || connection.one(select(back, nearest, 1)) { _ in true } == nil ? nil : Cursor(back, from: nearest)
    return Page(
      items: rows.joined(reversed: direction == .previous), count: rows.count,
      next: direction == .next ? ahead : behind, previous: direction == .next ? behind : ahead)
  }
}

/// The rows of a page as they come: their documents in one buffer, and where each ends.
private struct PageRows {
  /// Bytes after which a page ends, however many items it may have: big documents make shorter pages.
  private static let bytesMax = 8 << 20
  /// A document's usual size, for which memory is taken at once; bigger ones take more.
  private static let bytesExpected = 640
  private static let rowsExpectedMax = 64

  private let limit: Int
  private let mayRepeat: Bool
  private(set) var hasMore = false
  private(set) var firstKey: String?
  private(set) var lastKey: String?
  /// Key of the row that was added last, where rows may repeat.
  private(set) var latestKey: String?
  private var items: [UInt8] = []
  private var ends: [Int] = []

  var count: Int { ends.count }

  init(limit: Int, mayRepeat: Bool) {
    self.limit = limit
    self.mayRepeat = mayRepeat
    items.reserveCapacity(min(limit, Self.rowsExpectedMax) * Self.bytesExpected)
    ends.reserveCapacity(limit)
  }

  mutating func add(_ row: any Row, _ append: (any Row, inout [UInt8]) throws -> Void) throws {
    if mayRepeat {
      let key = row.text(0)
      if let latestKey, latestKey.isSame(as: key) { return }
      latestKey = key
    }
    guard lastKey == nil else {
      hasMore = true
      return
    }
    if ends.isEmpty { firstKey = row.text(0) } else { items.append(UInt8(ascii: ",")) }
    try append(row, &items)
    ends.append(items.count)
    // Only a page that is full can have another behind it.
    if ends.count == limit || items.count >= Self.bytesMax { lastKey = row.text(0) }
  }

  func joined(reversed: Bool) -> [UInt8] {
    guard reversed else { return items }
    var joined: [UInt8] = []
    joined.reserveCapacity(items.count)
    for index in ends.indices.reversed() {
      if !joined.isEmpty { joined.append(UInt8(ascii: ",")) }
      joined.append(contentsOf: items[(index == 0 ? 0 : ends[index - 1] + 1)..<ends[index]])
    }
    return joined
  }
}
