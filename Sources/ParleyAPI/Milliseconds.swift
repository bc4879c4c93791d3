/// Durations as text.
enum Milliseconds {
  /// A number of milliseconds with three decimals.
  struct Number {
    let text: String
  }

  static func withMicroseconds(_ microseconds: Int) -> Number { Number(text: asSeconds(microseconds)) }

  /// `0.012`: seconds with three decimals.
  static func asSeconds(_ milliseconds: Int) -> String {
    let fraction = String((milliseconds % 1000).magnitude)
    return
      "\(milliseconds < 0 ? "-" : "")\((milliseconds / 1000).magnitude).\(String(repeating: "0", count: 3 - fraction.utf8.count))\(fraction)"
  }
}
