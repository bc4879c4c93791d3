/// The id of one request: `RQ` and 32 hexadecimal digits (B-HDR-1).
struct RequestID: Sendable {
  let text: String

  init() {
    var random = SystemRandomNumberGenerator()
    let (high, low) = (random.next(), random.next())
    text = String(unsafeUninitializedCapacity: 34) { buffer in
      (buffer[0], buffer[1]) = (UInt8(ascii: "R"), UInt8(ascii: "Q"))
      for index in 0..<16 {
        buffer[2 + index] = Self.digit(high >> UInt64(index * 4))
        buffer[18 + index] = Self.digit(low >> UInt64(index * 4))
      }
      return 34
    }
  }

  private static func digit(_ bits: UInt64) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: bits & 15)
    return value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}

/// Durations as text.
enum Milliseconds {
  /// A number of milliseconds with three decimals.
  struct Number {
    let text: String
  }

  static func withMicroseconds(_ microseconds: Int) -> Number { Number(text: asSeconds(microseconds)) }

  /// `0.012`: seconds with three decimals.
  static func asSeconds(_ milliseconds: Int) -> String {
    let fraction = String(milliseconds % 1000)
    return "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - fraction.utf8.count))\(fraction)"
  }
}

extension Duration {
  var wholeMicroseconds: Int { Int(components.seconds) * 1_000_000 + Int(components.attoseconds / 1_000_000_000_000) }
}
