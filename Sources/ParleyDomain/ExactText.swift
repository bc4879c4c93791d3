/// Foreign text as a key: two are equal when their UTF-8 bytes are (B-HTTP-8). A `String` as a key would also equate texts that only look
/// alike, such as "é" in one code point and in two.
package struct ExactText: Sendable, Hashable {
  package let text: String

  package init(_ text: String) { self.text = text }

  package static func == (left: Self, right: Self) -> Bool { left.text.isSame(as: right.text) }

  package func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

extension StringProtocol {
  /// The parts between the places of an ASCII byte, empty ones included. `split(separator:)` looks for whole graphemes: it would miss a
  /// separator that has a combining mark behind it.
  package func parts(between byte: Unicode.Scalar, max: Int = .max) -> [String] {
    utf8.split(separator: UInt8(ascii: byte), maxSplits: max - 1, omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
  }
}
