import NIOCore
import NIOPosix
import NIOSSL
import ParleyDomain
import ParleyStorage

/// Finds out why a receiver's certificate has no trusted chain, which the error of the handshake does not say: it looks at the certificate in
/// a handshake of its own, which it never finishes.
struct CertificateExaminer: Sendable {
  private let connectTime: Duration

  init(connectTime: Duration) { self.connectTime = connectTime }

  /// Nil if the certificate could not be seen in time.
  func reason(host: String, address: String, port: Int, until deadline: ContinuousClock.Instant) async -> String? {
    let left = min(deadline - .now, connectTime)
    guard left > .zero, let place = try? SocketAddress(ipAddress: address, port: port) else { return nil }
    let time = TimeAmount.microseconds(Int64(left.microseconds))
    let loop = WebhookThreads.group.next()
    let found = loop.makePromise(of: String?.self)
    let timer = loop.scheduleTask(in: time) { found.succeed(nil) }
    let connected = ClientBootstrap(group: loop).connectTimeout(time).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(Self.handler(host: host, telling: found))
      }
    }.connect(to: place)
    connected.whenComplete { result in
      switch result {
      case .success(let channel): channel.closeFuture.whenComplete { _ in found.succeed(nil) }
      case .failure: found.succeed(nil)
      }
    }
    let reason = try? await found.futureResult.get()
    timer.cancel()
    connected.whenSuccess { $0.close(promise: nil) }
    return reason ?? nil
  }

  private static func handler(host: String, telling found: EventLoopPromise<String?>) throws -> NIOSSLClientHandler {
    var configuration = TLSConfiguration.makeClientConfiguration()
    // No certificate is accepted, so none has to be known.
    configuration.trustRoots = .certificates([])
    configuration.applicationProtocols = ["http/1.1"]
    return try NIOSSLClientHandler(
      context: NIOSSLContext(configuration: configuration), serverHostname: IPAddress(host) == nil ? host : nil,
      customVerificationCallback: { certificates, verdict in
        found.succeed(reason(certificates))
        verdict.succeed(.failed)
      })
  }

  private static func reason(_ certificates: [NIOSSLCertificate]) -> String {
    let now = SystemClock.now().milliseconds / 1000
    if certificates.contains(where: { $0.notValidAfter < now }) { return "the certificate has expired" }
    if certificates.contains(where: { $0.notValidBefore > now }) { return "the certificate is not valid yet" }
    return "the certificate is from an unknown authority"
  }
}
