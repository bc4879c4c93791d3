/// The id of one request: `RQ` and 32 hexadecimal digits (B-HDR-1). What a timer does has one of its own.
package struct RequestID: Sendable {
  package let text: String

  package init() {
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
