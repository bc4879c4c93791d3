import HTTPTypes
import NIOCore
import ParleyDomain

/// Scheme and host of absolute URLs in answers: the configured ones, or those by which the client came (B-OP-2).
struct BaseURLs: Sendable {
  let publicURL: String?
  private let trustedProxies: Set<IPAddress>

  init(publicURL: String?, trustedProxies: Set<IPAddress>) {
    self.publicURL = publicURL
    self.trustedProxies = Set(trustedProxies.map(\.unmapped))
  }

  func base(of request: HTTPRequest, on channel: any NIOCore.Channel) -> String {
    if let publicURL { return publicURL }
    let isTrusted = !trustedProxies.isEmpty && channel.remoteAddress?.client.map(trustedProxies.contains) ?? false
    let scheme = isTrusted && first(request.headerFields[.forwardedProto])?.lowercased() == "https" ? "https" : "http"
    let forwarded = isTrusted ? first(request.headerFields[.forwardedHost]) : nil
    let host = [forwarded, request.authority].compactMap { $0 }.first(where: Self.isHost)
    return "\(scheme)://\(host ?? Self.text(of: channel.localAddress))"
  }

  /// What the outermost of several proxies said.
  private func first(_ values: String?) -> String? { values?.split(separator: ",").first.map { String($0).trimmingSpaces } }

  /// A host with or without a port; what else a header may carry stays out of answers.
  private static func isHost(_ text: String) -> Bool {
    (1...255).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"): true
        default: false
        }
      }
  }

  private static func text(of address: SocketAddress?) -> String {
    guard let address, let ip = address.ipAddress, let port = address.port else { return "localhost" }
    return ip.utf8.contains(UInt8(ascii: ":")) ? "[\(ip)]:\(port)" : "\(ip):\(port)"
  }
}
