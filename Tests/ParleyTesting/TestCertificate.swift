import Foundation
import NIOSSL
import ParleyStorage

/// A server's certificate and key, made for this test process alone by the `openssl` command, which script/setup --tests installs.
package struct TestCertificate: Sendable {
  /// The certificate and its key, as PEM.
  package let pem: String
  package let keyPEM: String
  /// The authority that signed it, as PEM.
  package let authorityPEM: String

  /// The names and addresses that `good` is for.
  package static let names = ["hooks.test", "127.0.0.1", "::1"]

  private static let shared = Result { try Folder().make() }

  /// For `names`, from the authority that clients are to trust.
  package static func good() throws -> TestCertificate { try shared.get().good }

  /// From the same authority, for `other.test` alone.
  package static func ofAnotherName() throws -> TestCertificate { try shared.get().ofAnotherName }

  /// For `names`, from an authority that nobody trusts.
  package static func ofAnotherAuthority() throws -> TestCertificate { try shared.get().ofAnotherAuthority }

  /// For `names`, from the authority that clients are to trust, until yesterday.
  package static func expired() throws -> TestCertificate { try shared.get().expired }

  /// The authority of `good` and `ofAnotherName`, for a client's trust roots.
  package static func authority() throws -> NIOSSLCertificate {
    try NIOSSLCertificate(bytes: Array(authorityPEM().utf8), format: .pem)
  }

  /// The same as PEM, for a client that reads a file.
  package static func authorityPEM() throws -> String { try good().authorityPEM }

  /// What a server needs to show this certificate and speak HTTP/1.1.
  package func serverConfiguration() throws -> TLSConfiguration {
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: [.certificate(try NIOSSLCertificate(bytes: Array(pem.utf8), format: .pem))],
      privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem)))
    configuration.applicationProtocols = ["http/1.1"]
    return configuration
  }
}

/// All certificates of a process, made at one time.
private struct Certificates {
  let good: TestCertificate
  let ofAnotherName: TestCertificate
  let ofAnotherAuthority: TestCertificate
  let expired: TestCertificate
}

/// Where they are made. It is gone when they are.
private struct Folder {
  /// The machine's own openssl.cnf must not matter, so each command gets a configuration of ours. `-nodes` is for a key without password.
  private static let script = """
    set -e
    newKey="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    for authority in trusted foreign; do
      printf '%s\\n' '[req]' 'distinguished_name = name' 'x509_extensions = extensions' 'prompt = no' '[name]' \\
        "CN = Parley test authority, $authority" '[extensions]' 'basicConstraints = critical, CA:TRUE' \\
        'keyUsage = critical, keyCertSign' 'subjectKeyIdentifier = hash' > "$authority.cnf"
      openssl req -x509 $newKey -days 30 -config "$authority.cnf" -keyout "$authority.key" -out "$authority.pem"
    done
    serial=1
    sign() {
      serial=$((serial + 1))
      printf '%s\\n' '[req]' 'distinguished_name = name' 'prompt = no' '[name]' 'CN = Parley test server' \\
        '[extensions]' 'basicConstraints = CA:FALSE' 'extendedKeyUsage = serverAuth' "subjectAltName = $3" > "$1.cnf"
      openssl req -new $newKey -config "$1.cnf" -keyout "$1.key" -out "$1.csr"
      openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -set_serial "$serial" -days "$4" \\
        -extfile "$1.cnf" -extensions extensions -out "$1.pem"
    }
    sign good trusted "$1" 30
    sign name trusted DNS:other.test 30
    sign authority foreign "$1" 30
    sign expired trusted "$1" -1
    """

  private let url = FileManager.default.temporaryDirectory.appendingPathComponent("parley-tls-\(getpid())")

  func make() throws -> Certificates {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: url) }
    let names = TestCertificate.names.map { name in
      name.contains(":") || name.allSatisfy({ $0.isNumber || $0 == "." }) ? "IP:\(name)" : "DNS:\(name)"
    }
    guard try run(Self.script, names.joined(separator: ",")) == 0 else {
      throw StartFailure("no certificates, which openssl makes and script/setup --tests installs: \((try? text("errors")) ?? "")")
    }
    return Certificates(
      good: try certificate("good", of: "trusted"), ofAnotherName: try certificate("name", of: "trusted"),
      ofAnotherAuthority: try certificate("authority", of: "foreign"), expired: try certificate("expired", of: "trusted"))
  }

  private func certificate(_ name: String, of authority: String) throws -> TestCertificate {
    TestCertificate(pem: try text("\(name).pem"), keyPEM: try text("\(name).key"), authorityPEM: try text("\(authority).pem"))
  }

  private func text(_ file: String) throws -> String {
    String(decoding: try Data(contentsOf: url.appendingPathComponent(file)), as: UTF8.self)
  }

  /// Spawned by hand, as the commands of the server's tests are: Foundation's `Process` loses ends when many files are open.
  private func run(_ script: String, _ argument: String) throws -> Int32 {
    let line = "cd \"$0\" && { \(script)\n} >output 2>errors"
    let words: [String] = ["/bin/sh", "-c", line, url.path, argument]
    var arguments = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var variables = [strdup("PATH=\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")"), nil]
    defer { for variable in variables { free(variable) } }
    var process = pid_t()
    let failure = posix_spawn(&process, "/bin/sh", nil, nil, &arguments, &variables)
    guard failure == 0 else { throw StartFailure("sh did not start: \(String(cString: strerror(failure)))") }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { throw StartFailure("sh was lost: \(String(cString: strerror(errno)))") }
    }
    return status
  }
}
