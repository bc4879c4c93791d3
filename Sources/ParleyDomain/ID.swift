import Synchronization

/// A resource whose ids have a prefix of their own (B-ID-4).
package protocol Identified: SendableMetatype {
  static var idPrefix: String { get }
}

/// A TypeID: the resource's prefix, an underscore and a UUIDv7 in 26 characters of Crockford base32 (B-ID-1).
///
/// Ids of different resources are different types. Made by one generator they sort by creation.
package struct TypeID<Resource: Identified>: Hashable, Sendable, Comparable {
  package let text: String

  /// Takes any id of the resource's form, `[0-7][0-9a-z]{25}` after the prefix (B-ID-3); nil for another text.
  package init?(_ text: String) {
    guard TypeIDForm.accepts(text, prefix: Resource.idPrefix) else { return nil }
    self.text = text
  }

  /// Takes an id that is one: freshly made, or kept by one of our own writes.
  package init(kept text: String) { self.text = text }

  /// The least id that can be made at an instant: those of earlier ones are less.
  package init(firstAt time: Timestamp) {
    text = "\(Resource.idPrefix)_\(TypeIDForm.suffix(high: UInt64(clamping: time.milliseconds) << 16, low: 0))"
  }

  package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// The written form of TypeIDs.
package enum TypeIDForm {
  private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

  /// Whether the text is the prefix, an underscore and 26 characters of which the first is 0 to 7.
  package static func accepts(_ text: String, prefix: String) -> Bool {
    let head = prefix.utf8.count + 1
    guard text.utf8.count == head + 26 else { return false }
    var index = 0
    for (byte, expected) in zip(text.utf8, prefix.utf8) where byte != expected { return false }
    for byte in text.utf8 {
      defer { index += 1 }
      if index < head - 1 { continue }
      if index == head - 1 {
        guard byte == UInt8(ascii: "_") else { return false }
        continue
      }
      let digit = (UInt8(ascii: "0")...UInt8(ascii: index == head ? "7" : "9")).contains(byte)
      guard digit || (index > head && (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)) else { return false }
    }
    return true
  }

  /// The 26 characters of 128 bits, five bits each, two zero bits in front.
  package static func suffix(high: UInt64, low: UInt64) -> String {
    String(unsafeUninitializedCapacity: 26) { buffer in
      var (high, low) = (high, low)
      for index in stride(from: 25, through: 0, by: -1) {
        buffer[index] = alphabet[Int(low & 31)]
        low = low >> 5 | high << 59
        high >>= 5
      }
      return 26
    }
  }
}

/// Makes ids that increase strictly (B-ID-2): a clock of milliseconds, then a counter that starts at random bits.
package final class IDGenerator: Sendable {
  private struct State {
    var milliseconds: Int64 = 0
    var counter: UInt64 = 0
    var random: any RandomNumberGenerator & Sendable
  }

  private let state: Mutex<State>

  /// `random` gives all that is not the time; tests pass a counted one.
  package init(random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()) {
    state = Mutex(State(random: random))
  }

  /// The next id, of the given instant or, if ids of a later one were made already, of that.
  package func next<Resource: Identified>(_: Resource.Type = Resource.self, at now: Timestamp) -> TypeID<Resource> {
    let (milliseconds, counter) = state.withLock { state in
      if now.milliseconds > state.milliseconds {
        state.milliseconds = now.milliseconds
        // The top bit of the 74 random ones stays clear, so that counting on never overflows.
        state.counter = state.random.next() >> 3
      } else {
        // A step of random width keeps the next id unguessable from the last.
        state.counter += 1 + (state.random.next() & 0xFFFF)
      }
      return (state.milliseconds, state.counter)
    }
    return TypeID(kept: "\(Resource.idPrefix)_\(Self.suffix(milliseconds: milliseconds, counter: counter))")
  }

  /// UUIDv7: 48 bits of time, version 7, 12 bits, variant 2, 62 bits; the 74 bits hold the counter, ten low ones zero.
  private static func suffix(milliseconds: Int64, counter: UInt64) -> String {
    let high = UInt64(truncatingIfNeeded: milliseconds) << 16 | 0x7000 | counter >> 52
    let low = 0x8000_0000_0000_0000 | (counter & 0x000F_FFFF_FFFF_FFFF) << 10
    return TypeIDForm.suffix(high: high, low: low)
  }
}

/// A classic SID: two letters and 32 lower-case hexadecimal digits (B-ID-6).
package struct SID<Resource: Identified>: Hashable, Sendable {
  package let text: String

  /// Nil for a text of another form.
  package init?(_ text: String) {
    guard text.utf8.count == 34, text.hasPrefix(Resource.idPrefix), text.utf8.dropFirst(2).allSatisfy(\.isLowerHexDigit) else { return nil }
    self.text = text
  }

  /// A SID of 16 random bytes.
  package init(random bytes: [UInt8]) {
    text = Resource.idPrefix + bytes.prefix(16).hex
  }
}

extension UInt8 {
  fileprivate var isLowerHexDigit: Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
  }
}

extension Sequence<UInt8> {
  /// Two lower-case hexadecimal digits a byte.
  package var hex: String {
    func digit(_ value: UInt8) -> UInt8 { value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10 }
    let bytes = Array(self)
    return String(unsafeUninitializedCapacity: bytes.count * 2) { text in
      for (index, byte) in bytes.enumerated() {
        text[index * 2] = digit(byte >> 4)
        text[index * 2 + 1] = digit(byte & 15)
      }
      return bytes.count * 2
    }
  }
}
