/// Fills a database with copies of conversations that the server made, for the rows of the table that need a big file.
struct Seed {
  private let file: SQLiteFile
  private let conversations: Int
  private let start: Int
  private let likes: [(id: String, every: Int, offset: Int)]

  init(_ options: Options) throws {
    file = try SQLiteFile(try options.text("file"))
    conversations = try options.number("conversations")
    start = try options.number("start", default: 0)
    likes = try options.all("like").map { like in
      let parts = like.split(separator: ":")
      guard parts.count == 3, let every = Int(parts[1]), every > 0, let offset = Int(parts[2])
      else { throw YardstickError("--like \(like): expected CONVERSATION:EVERY:OFFSET") }
      return (String(parts[0]), every, offset)
    }
    guard !likes.isEmpty else { throw YardstickError("--like is missing\n\n\(usage)") }
  }

  /// Writes the copies: each place takes the first pattern that falls on it.
  func run() throws {
    let patterns = try likes.map { try RowCopies(ofConversation: $0.id, in: file) }
    // The file is made for the bench and thrown away with it: a crash may cost it.
    try file.run("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA foreign_keys = OFF; PRAGMA wal_autocheckpoint = 100000")
    var participant = start
    var rows = 0
    try file.run("BEGIN IMMEDIATE")
    for number in 0..<conversations {
      guard let choice = likes.firstIndex(where: { number % $0.every == $0.offset }) else { continue }
      let pattern = patterns[choice]
      pattern.name(conversation: Serial.id(start + number), firstParticipant: participant)
      try pattern.insert()
      participant += pattern.participants
      rows += pattern.count
      if number % 10_000 == 9_999 { try file.run("COMMIT; BEGIN IMMEDIATE") }
    }
    try file.run("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")
    report(#"{"conversations": \#(conversations), "participants": \#(participant - start), "rows": \#(rows)}"#)
  }
}
