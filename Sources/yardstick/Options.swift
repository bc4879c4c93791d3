/// What the program answers when it cannot read its arguments.
let usage = """
  usage: yardstick http --port PORT --body FILE
         yardstick sqlite --file DATABASE --like PARTICIPANT --conversations FILE [--start N] [--seconds S] [--group N]
         yardstick seed --file DATABASE --conversations N --like CONVERSATION:EVERY:OFFSET ... [--start N]
         yardstick commit --file NEW-DATABASE [--count N]
         yardstick receive [--port PORT] [--delay-milliseconds MS]
         yardstick deliver --url URL --body FILE --count N [--in-flight N]
         yardstick load --port PORT --requests FILE [--connections N] [--seconds S] [--rate N] [--ids FILE] [--stamps FILE]

    http     a bare Hummingbird server that answers every GET and POST below /v2 with the bytes of FILE
    sqlite   writes rows like those of PARTICIPANT by SQLite's C library, N to a transaction, and prints how many a second
    seed     copies whole conversations inside a server's database while the server is down
    commit   changes one row in a transaction of its own, durably, N times, and prints the median time
    receive  answers every webhook with 200, at once or later; GET /stats, /stamps and /last say what came, DELETE /stats forgets it
    deliver  sends N signed webhooks with AsyncHTTPClient and prints how long it took
    load     sends the requests of FILE and prints how long an answer took: each once, or for S seconds, N a second or as they are answered.
             The first line of FILE is the Authorization header, the others are METHOD, PATH and BODY with tabs between. It writes
             the ids in the answers, and the times of the answers by the monotonic clock, one to a line

  """

/// What went wrong, in words for the person at the terminal.
struct YardstickError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// The `--name value` pairs of a command line, in their order.
struct Options {
  private let pairs: [(name: String, value: String)]

  /// Reads the pairs; anything else on the line is an error.
  init(_ arguments: [String]) throws {
    var pairs: [(name: String, value: String)] = []
    var rest = arguments[...]
    while let name = rest.popFirst() {
      guard name.hasPrefix("--"), let value = rest.popFirst() else { throw YardstickError("cannot read \(name)\n\n\(usage)") }
      pairs.append((String(name.dropFirst(2)), value))
    }
    self.pairs = pairs
  }

  /// Every value given under the name.
  func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

  /// The value under the name, which must be there.
  func text(_ name: String) throws -> String {
    guard let value = all(name).last else { throw YardstickError("--\(name) is missing\n\n\(usage)") }
    return value
  }

  /// The whole number under the name; without a default it must be there.
  func number(_ name: String, default fallback: Int? = nil) throws -> Int {
    if let fallback, all(name).isEmpty { return fallback }
    let value = try text(name)
    guard let number = Int(value), number >= 0 else { throw YardstickError("--\(name) \(value) is not a number") }
    return number
  }
}
