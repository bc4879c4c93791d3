import Foundation
import NIOCore
import NIOPosix
import ParleyStorage

/// A port of 127.0.0.1 on which nothing listens: each connection is refused. Nobody else can take it while the test runs.
package enum ClosedPort {
  /// Runs a test with such a port. It is bound and not listened on, which refuses as surely as a free one.
  @discardableResult
  package static func with<Value>(_ test: (Int) async throws -> Value) async throws -> Value {
    #if canImport(Glibc)
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      let descriptor = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    guard descriptor >= 0 else { throw StartFailure("no socket: \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    return try await test(try bind(descriptor))
  }

  private static func bind(_ descriptor: Int32) throws -> Int {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
        Foundation.bind(descriptor, general, length) == 0 && getsockname(descriptor, general, &length) == 0
      }
    }
    guard isBound else { throw StartFailure("no port: \(String(cString: strerror(errno)))") }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}

/// A port of 127.0.0.1 that answers no SYN, as a host that is switched off: connecting takes as long as the client waits. For a host
/// that connects and then says nothing there is `TestReceiver.Answer.hang`.
package enum DeadHost {
  /// Runs a test with such a port. On Linux a listener with a backlog of 0 holds one connection; once that is there, and never accepted,
  /// it takes no other, however many come.
  @discardableResult
  package static func with<Value>(_ test: (Int) async throws -> Value) async throws -> Value {
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 0)
      .serverChannelOption(.autoRead, value: false)
      .bind(host: "127.0.0.1", port: 0).get()
    var stopper: (any NIOCore.Channel)?
    do {
      let port = listener.localAddress?.port ?? 0
      stopper = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(host: "127.0.0.1", port: port).get()
      let value = try await test(port)
      try? await stopper?.close()
      try? await listener.close()
      return value
    } catch {
      try? await stopper?.close()
      try? await listener.close()
      throw error
    }
  }
}
