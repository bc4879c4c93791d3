import CPostgres
import Foundation

/// Where a PostgreSQL database is and how to sign in: any URL that libpq takes. Its text holds the password, so it goes nowhere but to libpq.
package struct PostgresURL: Sendable, Equatable {
  let text: String
  /// Whether the password is in the URL, where a command line would show it.
  package let hasPassword: Bool
  /// The database for people: user, hosts and name, without the password and the parameters.
  package let place: String

  package static func isOne(_ text: String) -> Bool { text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") }

  /// Nil if libpq can't read the text, or if a part of it looks like a piece of a password that should have been percent-encoded: libpq would
  /// name such a part in its messages.
  package init?(_ text: String) {
    guard Self.isOne(text), let options = PQconninfoParse(text, nil) else { return nil }
    defer { PQconninfoFree(options) }
    var values: [String: String] = [:]
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
      option = option.advanced(by: 1)
    }
    let hosts = values["host"] ?? values["hostaddr"] ?? ""
    let ports = (values["port"] ?? "").split(separator: ",").map(String.init)
    let name = values["dbname"] ?? ""
    guard !hosts.contains("@"), !name.contains("@"), !name.contains("/"), ports.allSatisfy({ (1...65535).contains(Int($0) ?? 0) }) else {
      return nil
    }
    self.text = text
    // The second is that of a certificate's key.
    hasPassword = values["password"] != nil || values["sslpassword"] != nil
    let user = values["user"].map { "\($0)@" } ?? ""
    // One port may be for all of the hosts.
    let servers = hosts.split(separator: ",", omittingEmptySubsequences: false).enumerated().map { index, host in
      let port = (index < ports.count ? ports[index] : ports.first).map { ":\($0)" } ?? ""
      return (host.contains(":") ? "[\(host)]" : host) + port
    }
    place = "postgres://\(user)\(servers.joined(separator: ","))/\(name)"
  }
}
