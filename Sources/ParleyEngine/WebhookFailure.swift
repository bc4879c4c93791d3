import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ParleyDomain

/// Why an attempt has no status: its kind, and the cause in a few words of our own. Nothing that the receiver said is in them.
struct WebhookFailure: Error, Equatable {
  let kind: Attempt.Failure
  var reason: String?

  static let invalid = WebhookFailure(kind: .invalid, reason: "the URL can't be called")
  static let interrupted = WebhookFailure(kind: .interrupted)
  static let timeout = WebhookFailure(kind: .timeout, reason: "no reply in time")

  static func urlTooLong(max: Int) -> WebhookFailure {
    WebhookFailure(kind: .urlTooLong, reason: "with the event in its query the URL is longer than \(max) bytes")
  }

  /// This process could not send: no fault of the receiver's, and no attempt.
  static func shortage(_ reason: String) -> WebhookFailure { WebhookFailure(kind: .interrupted, reason: reason) }

  private static func ofShortage(_ error: IOError) -> WebhookFailure? {
    OwnShortage.codes.contains(error.errnoCode) ? .shortage(String(cString: strerror(error.errnoCode))) : nil
  }

  init(kind: Attempt.Failure, reason: String? = nil) { (self.kind, self.reason) = (kind, reason) }

  /// What an error of the client says.
  init(_ error: any Error) {
    switch error {
    case let error as AddressGuard.Refusal:
      self.init(kind: error.failure, reason: Self.reasons[error.failure])
    case let error as ReplyGuard.Malformed:
      self.init(kind: .invalidReply, reason: Self.reason(error))
    case is HTTPParserError, is NIOHTTPDecoderError:
      self.init(kind: .invalidReply, reason: Self.reason(.unreadable))
    case let error as NIOConnectionError:
      if let own = error.connectionErrors.lazy.compactMap({ ($0.error as? IOError).flatMap(Self.ofShortage) }).first {
        self = own
        return
      }
      self.init(kind: .connect, reason: error.connectionErrors.first.flatMap { ($0.error as? IOError).flatMap(Self.reason) })
    case let error as IOError where OwnShortage.codes.contains(error.errnoCode):
      self = .shortage(String(cString: strerror(error.errnoCode)))
    case let error as IOError where [ECONNRESET, EPIPE].contains(error.errnoCode):
      self.init(kind: .reset, reason: Self.resetReason)
    case let error as IOError:
      self.init(kind: .connect, reason: Self.reason(error))
    case is NIOSSLExtraError, is NIOSSLError, is BoringSSLError:
      self.init(kind: .tls, reason: Self.tlsReason(error))
    case let error as HTTPClientError:
      self.init(ofClient: error)
    default:
      self.init(kind: .reset, reason: Self.resetReason)
    }
  }

  private init(ofClient error: HTTPClientError) {
    switch error {
    case .connectTimeout: self.init(kind: .connect, reason: "no connection in time")
    case .tlsHandshakeTimeout: self.init(kind: .tls, reason: "no TLS handshake in time")
    case .readTimeout, .writeTimeout, .deadlineExceeded: self = .timeout
    case .invalidURL, .emptyHost, .emptyScheme: self = .invalid
    default: self.init(kind: .reset, reason: Self.resetReason)
    }
  }

  /// Whether a handshake ended because the receiver's certificate has no trusted chain.
  static func isOfCertificate(_ error: any Error) -> Bool {
    guard case NIOSSLError.handshakeFailed(let cause) = error else { return false }
    return "\(cause)".contains("CERTIFICATE_VERIFY_FAILED")
  }

  private static let resetReason = "the connection ended before there was a reply"

  private static let reasons: [Attempt.Failure: String] = [
    .dns: "no address was found for the host",
    .addressRefused: "the host, or an address that it leads to, is not public and not allowed by the operator",
  ]

  private static func reason(_ error: ReplyGuard.Malformed) -> String {
    switch error {
    case .cut: "the connection ended inside the head of the reply"
    case .unreadable: "the reply is not HTTP/1.1"
    case .status: "the reply's status does not have three digits from 100"
    case .interim: "the reply has too many interim heads"
    case .order: "the parts of the reply are in the wrong order"
    }
  }

  private static func reason(_ error: IOError) -> String? {
    switch error.errnoCode {
    case ECONNREFUSED: "connection refused"
    case EHOSTUNREACH, EHOSTDOWN: "no route to the host"
    case ENETUNREACH, ENETDOWN, EADDRNOTAVAIL: "no route to the host's network"
    case ETIMEDOUT: "no connection in time"
    default: String(cString: strerror(error.errnoCode))
    }
  }

  private static func tlsReason(_ error: any Error) -> String {
    switch error {
    case let error as NIOSSLExtraError where [.failedToValidateHostname, .serverHostnameImpossibleToMatch].contains(error):
      "the certificate is for another name"
    case NIOSSLError.uncleanShutdown:
      "the connection ended inside the TLS handshake"
    default:
      // The library's name of what went wrong, such as WRONG_VERSION_NUMBER, without the rest of its text.
      "\(error)".firstMatch(of: /OPENSSL_internal:([A-Z0-9_]{1,100})/).map { match in
        "the TLS handshake failed: \(match.1.lowercased().replacing("_", with: " "))"
      } ?? "the TLS handshake failed"
    }
  }
}
