import ParleyDomain
import Testing

/// What became of a body: the draft that was read from it, or all that is wrong with it.
struct Reading<Value> {
  let value: Value?
  let problems: [Problem]

  init(_ body: String, _ read: (Fields) -> Value?) { self.init(Array(body.utf8), read) }

  init(_ body: [UInt8], _ read: (Fields) -> Value?) {
    switch Body(body).draft(read) {
    case .success(let value): (self.value, problems) = (value, [])
    case .failure(.invalid(let problems)): (value, self.problems) = (nil, problems)
    case .failure(let error):
      (value, problems) = (nil, [])
      Issue.record("a body is refused for what is in it, not for \(error)")
    }
  }

  /// The draft, which the body must give.
  func get() throws -> Value { try #require(value, "\(problems)") }

  /// Where something is wrong.
  var paths: [String] { problems.map(\.path) }
}

/// Ids and instants that tests tell apart by a number.
extension TypeID {
  init(_ number: Int) throws {
    let digits = String(number)
    self = try #require(Self("\(Resource.idPrefix)_0\(String(repeating: "0", count: 25 - digits.count))\(digits)"))
  }
}

extension SID {
  init(_ number: UInt8) { self.init(random: Array(repeating: number, count: 16)) }
}

extension Timestamp {
  /// So many seconds after 2026-01-01T00:00:00Z.
  static func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: (1_767_225_600 + seconds) * 1000) }
}

/// JSON text as a string, to be compared as a whole.
func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// JSON text of a list of so many elements.
func list(of count: Int, _ element: (Int) -> String) -> String { "[" + (0..<count).map(element).joined(separator: ",") + "]" }
