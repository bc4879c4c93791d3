import HTTPTypes
import ParleyDomain

/// What a request says of the host that it is for (B-HTTP-13).
enum RequestHost {
  private static let objection = "must be there once, as host or host:port"

  /// Throws for a request without a `Host`, with two, or with one that is no host. An empty one is fine.
  static func check(_ request: HTTPRequest) throws(ParleyError) {
    // The first is the authority; others stay among the fields.
    guard let host = request.authority, request.headerFields[.host] == nil, host.isEmpty || isHost(host) else {
      throw .invalid([Problem(path: "Host", message: objection)])
    }
  }

  /// `host` or `host:port` of RFC 3986, without a comma: that comes from two values that something joined.
  static func isHost(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count <= 300 else { return false }
    let host: ArraySlice<UInt8>
    if bytes.first == UInt8(ascii: "[") {
      guard let end = bytes.firstIndex(of: UInt8(ascii: "]")), IPAddress(String(decoding: bytes[1..<end], as: UTF8.self)) != nil,
        bytes[..<end].contains(colon)
      else { return false }
      host = bytes[...end]
    } else {
      host = bytes.prefix { $0 != colon }
      guard !host.isEmpty, host.allSatisfy(isNameByte) else { return false }
    }
    let behind = bytes[host.endIndex...]
    return behind.isEmpty || (behind.first == colon && isPort(behind.dropFirst()))
  }

  private static let colon = UInt8(ascii: ":")

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "-._~%!$&'()*+;=".utf8.contains(byte)
    }
  }

  /// The grammar lets the digits be left out.
  private static func isPort(_ digits: ArraySlice<UInt8>) -> Bool {
    guard digits.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else { return false }
    return digits.isEmpty || UInt16(String(decoding: digits, as: UTF8.self)) != nil
  }
}
