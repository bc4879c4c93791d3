import Foundation
import ParleyDomain

/// One request and its answer as text: whole, readable, and the same in every run.
package struct Exchange {
  /// Said of headers and members whose values are made up anew each time.
  private static let random = "…"
  private static let randomHeaders = ["twilio-request-id", "twilio-request-duration"]
  private static let randomMembers = ["nextToken", "previousToken", "idempotencyToken", "requestId"]
  /// What every request has, and says nothing of what is tested.
  private static let tacitHeaders = ["host", "authorization", "content-length"]

  package let title: String
  package let request: WireRequest
  package let answer: WireAnswer

  package init(_ title: String, _ request: WireRequest, _ answer: WireAnswer) {
    (self.title, self.request, self.answer) = (title, request, answer)
  }

  package var text: String {
    var lines = ["## \(title)", "", "\(request.method) \(Self.shortened(request.target)) HTTP/1.1"]
    for header in request.headers where !Self.tacitHeaders.contains(header.name.lowercased()) {
      lines.append("\(header.name): \(header.value)")
    }
    if let body = request.body, !body.isEmpty { lines += ["", Self.readable(body)] }
    lines += ["", "HTTP/1.1 \(answer.status) \(answer.reason)"]
    for header in answer.headers {
      lines.append("\(header.name): \(Self.randomHeaders.contains(header.name.lowercased()) ? Self.random : header.value)")
    }
    if !answer.body.isEmpty { lines += ["", Self.readable(answer.body)] }
    return lines.joined(separator: "\n") + "\n"
  }

  /// A page token in a query is another one each time.
  private static func shortened(_ target: String) -> String {
    target.replacing(/(?i)(pageToken=)[a-z0-9_\-]{40,}/) { "\($0.1)\(random)" }
  }

  /// JSON one member a line; what is no JSON as it is, long texts by their length.
  private static func readable(_ body: [UInt8]) -> String {
    guard let json = try? JSON.parse(body) else {
      return body.count <= 2000 ? String(decoding: body, as: UTF8.self) : "(\(body.count) bytes)"
    }
    return pretty(json, indent: "")
  }

  private static func pretty(_ json: JSON, indent: String) -> String {
    let inner = indent + "  "
    switch json {
    case .array(let elements) where !elements.isEmpty:
      let lines = elements.map { inner + pretty($0, indent: inner) }
      return "[\n\(lines.joined(separator: ",\n"))\n\(indent)]"
    case .object(let object) where !object.members.isEmpty:
      let lines = object.members.map { member in
        let value = randomMembers.contains(member.name) ? "\"\(random)\"" : pretty(member.value, indent: inner)
        return "\(inner)\(compact(.string(member.name))): \(value)"
      }
      return "{\n\(lines.joined(separator: ",\n"))\n\(indent)}"
    default: return compact(json)
    }
  }

  private static func compact(_ json: JSON) -> String { String(decoding: json.bytes, as: UTF8.self) }
}

/// A file that a text must equal. With PARLEY_RECORD=1 in the environment the file is written instead, to be read before it is committed.
package struct RecordedText {
  private let file: URL

  package init(_ file: URL) { self.file = file }

  /// Nil if the file has that text, or has it now; otherwise where the two part.
  package func difference(from text: String) throws -> String? {
    if ProcessInfo.processInfo.environment["PARLEY_RECORD"] == "1" {
      try Data(text.utf8).write(to: file)
      return nil
    }
    guard let data = try? Data(contentsOf: file) else { return "there is no \(file.lastPathComponent): record it with PARLEY_RECORD=1" }
    let recorded = String(decoding: data, as: UTF8.self)
    if recorded.isSame(as: text) { return nil }
    let (old, new) = (
      recorded.split(separator: "\n", omittingEmptySubsequences: false), text.split(separator: "\n", omittingEmptySubsequences: false)
    )
    let line = zip(old, new).enumerated().first { $1.0 != $1.1 }?.offset ?? min(old.count, new.count)
    let context = new[max(0, line - 3)..<min(new.count, line + 4)].joined(separator: "\n")
    return """
      \(file.lastPathComponent), line \(line + 1)
      recorded: \(line < old.count ? String(old[line]) : "(the end)")
      now:      \(line < new.count ? String(new[line]) : "(the end)")
      around it now:
      \(context)
      """
  }
}

extension WireAnswer {
  /// The body as JSON.
  package func json() throws -> JSON { try JSON.parse(body) }

  /// The value at a path such as `participants[0].id`; nil if there is none.
  package func value(_ path: String) throws -> JSON? {
    let steps = path.replacing("[", with: ".").replacing("]", with: "").split(separator: ".")
    return steps.reduce(try json() as JSON?) { json, step in
      if case .array(let elements) = json, let index = Int(step) { return elements.indices.contains(index) ? elements[index] : nil }
      return json?.object?[String(step)]
    }
  }

  /// The text at a path; throws if there is none.
  package func string(_ path: String) throws -> String {
    guard let text = try value(path)?.string else { throw WireFailure("no text at \(path) in \(status) \(text)") }
    return text
  }
}
