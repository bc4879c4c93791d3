import NIOCore

/// A request or an answer of HTTP/1.1, cut out of what a connection gave. No parser, only what the two sides here send each other: a
/// `Content-Length` or no body.
struct Message {
  /// The first line and the headers, up to the empty line.
  let head: ByteBufferView
  let body: ByteBufferView

  /// Takes the first message out of the buffer once it is whole.
  init?(from buffer: inout ByteBuffer) {
    let bytes = buffer.readableBytesView
    var length = 0, line = bytes.startIndex
    while let end = bytes[line...].firstIndex(of: Self.newline) {
      // The empty line: a carriage return alone.
      if end - line <= 1 {
        let bodyStart = end + 1
        guard bytes.endIndex - bodyStart >= length else { return nil }
        head = bytes[..<line]
        body = bytes[bodyStart..<bodyStart + length]
        buffer.moveReaderIndex(to: bodyStart + length)
        return
      }
      if let value = Self.contentLength(bytes[line..<end]) { length = value }
      line = end + 1
    }
    return nil
  }

  /// The code of an answer, 0 if it is none.
  var status: Int {
    let digits = head.dropFirst(9).prefix(3)
    return digits.reduce(0) { $0 * 10 + Int($1) - 48 }
  }

  private static let newline = UInt8(ascii: "\n")
  private static let name = Array("content-length:".utf8)

  private static func contentLength(_ line: ByteBufferView) -> Int? {
    // Looked at first, as most lines are another header.
    guard let first = line.first, first | 0x20 == name[0], line.count > name.count,
      zip(line, name).allSatisfy({ $0 | 0x20 == $1 | 0x20 })
    else { return nil }
    return line.dropFirst(name.count).reduce(0) { (48...57).contains($1) ? $0 * 10 + Int($1) - 48 : $0 }
  }
}
