extension String {
  /// The text as a terminal may show it: characters that would move the cursor, change colours, end a line or turn the direction of what
  /// follows are written as JSON escapes (`\u001b`), so that JSON stays the same JSON. With `keepsLines`, line feeds and tabs stay.
  package func escapedForTerminals(keepsLines: Bool = false) -> String {
    func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
      scalar.isUnsafeOnTerminals && !(keepsLines && (scalar == "\n" || scalar == "\t"))
    }
    guard unicodeScalars.contains(where: isUnsafe) else { return self }
    var escaped = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      guard isUnsafe(scalar) else {
        escaped.append(scalar)
        continue
      }
      let digits = String(scalar.value, radix: 16)
      escaped.append(contentsOf: "\\u\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits)".unicodeScalars)
    }
    return String(escaped)
  }

  /// Whether a terminal might do something other than show the text.
  package var isUnsafeOnTerminals: Bool {
    // Most texts are plain ASCII, which is seen faster by bytes.
    utf8.contains { $0 < 0x20 || $0 >= 0x7F } && unicodeScalars.contains { $0.isUnsafeOnTerminals }
  }
}

extension Unicode.Scalar {
  /// C0, DEL and C1; separators of lines and paragraphs; marks, embeddings, overrides and isolates of direction. All are below U+10000.
  fileprivate var isUnsafeOnTerminals: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0: true
    case 0x61C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
