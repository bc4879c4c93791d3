import Foundation

/// What SQLite alone can write: the rows that adding a participant makes, by prepared statements and durable, with no
/// question asked first and nobody waiting for an answer.
struct SQLiteYardstick {
  private let file: SQLiteFile
  private let pattern: RowCopies
  private let conversations: [[UInt8]]
  private let start: Int
  private let seconds: Int
  private let group: Int

  init(_ options: Options) throws {
    file = try SQLiteFile(try options.text("file"))
    pattern = try RowCopies(ofParticipant: try options.text("like"), in: file)
    let list = try String(contentsOfFile: try options.text("conversations"), encoding: .utf8)
    conversations = list.split(separator: "\n").map { Array($0.utf8) }
    start = try options.number("start", default: 0)
    seconds = try options.number("seconds", default: 5)
    group = try options.number("group", default: 1)
    guard group > 0 else { throw YardstickError("--group 0: at least one") }
  }

  /// Writes until the time is over and prints the result as JSON; `next` is where another run starts.
  func run() throws {
    // What the server's own writer sets, but for the checkpoints, which SQLite makes by itself here.
    try file.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384")
    let begin = try file.prepare("BEGIN IMMEDIATE"), commit = try file.prepare("COMMIT")
    let count = try file.prepare(
      """
      UPDATE conversation SET participant_count = participant_count + 1, next_position = next_position + 1
      WHERE account_id = $1 AND id = $2
      """)
    count.bind(.text(pattern.account), at: 1)
    let clock = ContinuousClock(), began = clock.now, end = began + .seconds(seconds)
    var number = start
    while clock.now < end {
      try begin.run()
      for _ in 0..<group {
        let place = Placement(number)
        guard place.conversation < conversations.count else { throw YardstickError("too few conversations: \(conversations.count)") }
        let conversation = conversations[place.conversation]
        pattern.name(conversation: conversation.suffix(26), firstParticipant: Self.base + number)
        try pattern.insert(position: place.depth)
        count.bind(.text(conversation), at: 2)
        try count.run()
        number += 1
      }
      try commit.run()
    }
    let time = (clock.now - began) / .seconds(1)
    report(#"{"participants": \#(number - start), "seconds": \#(time), "rows": \#(pattern.count), "next": \#(number)}"#)
  }

  /// Above every number that seeding gives.
  private static let base = 500_000_000_000
}

/// Which conversation takes which participant: ten to each of 64, then the next 64. The load generator does the same.
struct Placement {
  let conversation: Int
  let depth: Int

  init(_ number: Int) {
    conversation = number / 640 * 64 + number % 64
    depth = number % 640 / 64 + 1
  }
}
