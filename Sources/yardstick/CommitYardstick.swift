import NIOCore

/// How long SQLite takes to make the smallest change durable: one row, one transaction, `FULL`.
struct CommitYardstick {
  private let file: SQLiteFile
  private let count: Int

  init(_ options: Options) throws {
    file = try SQLiteFile(try options.text("file"), creating: true)
    count = try options.number("count", default: 500)
  }

  /// Commits and prints the median in microseconds.
  func run() throws {
    try file.run(
      """
      PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY, number INTEGER NOT NULL);
      INSERT OR IGNORE INTO counter VALUES (1, 0)
      """)
    let change = try file.prepare("UPDATE counter SET number = number + 1 WHERE id = 1")
    var times: [Int64] = []
    for _ in 0..<count {
      let began = NIODeadline.now()
      try change.run()
      times.append((NIODeadline.now() - began).nanoseconds)
    }
    report(#"{"commits": \#(count), "median": \#(median(times))}"#)
  }
}
