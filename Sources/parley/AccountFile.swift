import Foundation
import ParleyDomain
import ParleyStorage

/// `account.env` beside the database: how to reach the first account, as shell text.
struct AccountFile {
  var sid: String?
  var token: String?
  var url: String?
  let path: String

  /// The token as the file has it, which a command without the database goes by; nil if there is none.
  private(set) var writtenToken: String?

  /// Reads whose file it is and the URL in it; nil if there is none. The token is the database's to tell.
  init(in folder: String) throws {
    path = Folders.path(of: "account.env", in: folder)
    for line in try TextFile.read(path) ?? [] {
      let parts = line.text.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { continue }
      switch parts[0] {
      case "TWILIO_ACCOUNT_SID": sid = parts[1]
      case "TWILIO_AUTH_TOKEN": writtenToken = Self.unquoted(parts[1])
      case "PARLEY_URL": url = parts[1]
      default: break
      }
      if parts[1].hasControlCharacters { throw StartFailure("line \(line.number) of \(path) has a control character") }
    }
  }

  var exists: Bool { sid != nil }

  private static func unquoted(_ value: String) -> String {
    value.hasPrefix("'") ? String(value.dropFirst().dropLast()).replacing("'\\''", with: "'") : value
  }

  func write() throws {
    // Quoted, because a given token may have any visible character.
    let quoted = (token ?? "").contains { !$0.isLetter && !$0.isNumber } ? "'\((token ?? "").replacing("'", with: "'\\''"))'" : token ?? ""
    try PrivateFile.write("TWILIO_ACCOUNT_SID=\(sid ?? "")\nTWILIO_AUTH_TOKEN=\(quoted)\nPARLEY_URL=\(url ?? "")\n", to: path)
  }

  /// A line that works in a shell as it stands.
  var example: String {
    let plain = path.utf8.allSatisfy {
      Character(Unicode.Scalar($0)).isLetter || Character(Unicode.Scalar($0)).isNumber || "/._-".utf8.contains($0)
    }
    // A shell looks for a bare name elsewhere, and takes one that begins with - for an option.
    let reachable = path.contains("/") && !path.hasPrefix("-") ? path : "./\(path)"
    let shellPath = plain ? reachable : "'\(reachable.replacing("'", with: "'\\''"))'"
    return ". \(shellPath) && curl -u \"$TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN\" \"$PARLEY_URL/v2/Conversations\""
  }
}
