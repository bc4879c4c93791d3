import Foundation

/// The server as this machine reaches it.
enum LocalHost {
  /// The host of a URL that reaches a server which listens on `host`.
  static func reachable(_ host: String) -> String {
    switch host {
    case "0.0.0.0": "127.0.0.1"
    case "::": "[::1]"
    case _ where host.contains(":"): "[\(host)]"
    default: host
    }
  }

  /// The status of an answer to GET; nil when there is none within `time`. Plain HTTP, for the one question that `parley health` asks.
  static func status(of path: String, host: String, port: Int, within time: Duration) -> Int? {
    let end = ContinuousClock.now + time
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, String(port), &hints, &found) == 0, let address = found else { return nil }
    defer { freeaddrinfo(found) }
    let descriptor = socket(address.pointee.ai_family, address.pointee.ai_socktype, address.pointee.ai_protocol)
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
    guard connect(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 else { return nil }
    let request = Array("GET \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\nConnection: close\r\n\r\n".utf8)
    guard send(descriptor, request, request.count, 0) == request.count else { return nil }
    // The status line is in the first bytes: HTTP/1.1 200
    bound(SO_RCVTIMEO)
    var line = [UInt8](repeating: 0, count: 12)
    guard recv(descriptor, &line, line.count, Int32(MSG_WAITALL)) == line.count else { return nil }
    return Int(String(decoding: line[9...], as: UTF8.self))
  }
}
