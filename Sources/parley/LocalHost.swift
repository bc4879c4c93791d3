import Foundation

/// The server as this machine reaches it.
enum LocalHost {
  /// The host of a URL that reaches a server which listens on `host`.
  static func reachable(_ host: String) -> String { inURL(address(host)) }

  /// A host as it stands in a URL or a Host header: an IPv6 address in brackets. A zone means something on this machine only.
  static func inURL(_ host: String) -> String {
    let host = bare(host)
    return host.contains(":") ? "[\(host.prefix(while: { $0 != "%" }))]" : host
  }

  /// A host as it is resolved: an IPv6 address without the brackets of a URL.
  static func bare(_ host: String) -> String {
    let inner = host.dropFirst().dropLast()
    return host.hasPrefix("[") && host.hasSuffix("]") && inner.contains(":") ? String(inner) : host
  }

  /// What to connect to for a server that listens on `host`, which may be all addresses.
  private static func address(_ host: String) -> String {
    let host = bare(host)
    var (four, six) = (in_addr(), in6_addr())
    if inet_pton(AF_INET, host, &four) == 1, four.s_addr == 0 { return "127.0.0.1" }
    if inet_pton(AF_INET6, host, &six) == 1, withUnsafeBytes(of: six, { $0.allSatisfy { $0 == 0 } }) { return "::1" }
    return host
  }

  /// The status that a server which listens on `host` answers to GET; nil when there is none within `time` from any of the host's
  /// addresses. Plain HTTP, for the one question that `parley health` asks.
  static func status(of path: String, host: String, port: Int, within time: Duration) -> Int? {
    let end = ContinuousClock.now + time
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(address(host), String(port), &hints, &found) == 0 else { return nil }
    defer { freeaddrinfo(found) }
    var next = found
    while let address = next {
      if let status = status(of: path, host: "\(reachable(host)):\(port)", at: address.pointee, until: end) { return status }
      next = address.pointee.ai_next
    }
    return nil
  }

  private static func status(of path: String, host: String, at address: addrinfo, until end: ContinuousClock.Instant) -> Int? {
    let descriptor = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    /// Gives the next step what is left of the time.
    func bound(_ option: Int32) {
      // No time at all would be no limit.
      let left = max(.milliseconds(1), end - .now).components
      var limit = timeval(tv_sec: Int(left.seconds), tv_usec: Int(left.attoseconds / 1_000_000_000_000))
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
    bound(SO_SNDTIMEO)
    guard connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 else { return nil }
    let request = Array("GET \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n".utf8)
    guard send(descriptor, request, request.count, 0) == request.count else { return nil }
    // The status line is in the first bytes: HTTP/1.1 200
    bound(SO_RCVTIMEO)
    var line = [UInt8](repeating: 0, count: 12)
    guard recv(descriptor, &line, line.count, Int32(MSG_WAITALL)) == line.count else { return nil }
    return Int(String(decoding: line[9...], as: UTF8.self))
  }
}
