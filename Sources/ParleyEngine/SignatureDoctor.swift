import Foundation
import ParleyDomain

/// Tells why a receiver's check of `X-Twilio-Signature` fails: signs variations of what the receiver saw until one gives its signature.
package enum SignatureDoctor {
  /// What of a request may differ from what was signed.
  package enum Part: String, CaseIterable, Sendable {
    case url
    case signature
    case scheme
    case host
    case port
    case path
    case query
    case bodySHA256
    case body
    case token
  }

  /// One difference, and in a sentence what to do about it.
  package struct Finding: Sendable, Equatable {
    package let part: Part
    package let message: String
  }

  /// Valid is what the official libraries take. They do not mind a default port, so there may be a finding about that all the same.
  package struct Diagnosis: Sendable, Equatable {
    package let isValid: Bool
    package let findings: [Finding]
  }

  /// The longest URL and body that are examined, and the most parameters; a longer one is a finding.
  package static let urlBytesMax = 8 << 10
  package static let bodyBytesMax = 2 << 20
  package static let parametersMax = 200
  /// Callback URLs of the account that are compared.
  package static let knownURLsMax = 100

  /// Examines a request as its receiver saw it. `token` is the account's auth token, `knownURLs` are callbacks that the account has.
  /// Its work is bounded, whatever it is given.
  package static func diagnose(
    url: String, method: String, headers: [(name: String, value: String)], body: [UInt8], token: String, knownURLs: [String]
  ) -> Diagnosis {
    guard url.utf8.count <= urlBytesMax else { return refusal(.url, "Give a URL of at most \(urlBytesMax) bytes.") }
    guard body.count <= bodyBytesMax else { return refusal(.body, "Give a body of at most \(bodyBytesMax) bytes.") }
    guard let seen = SeenURL(url) else {
      return refusal(.url, "Give the whole URL as it was requested, with http:// or https://, host, path and query.")
    }
    guard seen.parameters?.count ?? 0 <= parametersMax else {
      return refusal(.query, "Give a URL of at most \(parametersMax) query parameters.")
    }
    let signatures = values(of: "X-Twilio-Signature", in: headers)
    guard !signatures.isEmpty else {
      return refusal(.signature, "There is no X-Twilio-Signature header: see which proxy or framework drops it, and let it through.")
    }
    let codes = signatures.compactMap { Data(base64Encoded: $0) }.filter { $0.count == 20 }
    guard !codes.isEmpty else {
      return refusal(.signature, "X-Twilio-Signature is not the base64 text of 20 bytes: pass on its value as it arrived.")
    }

    var findings: [Finding] = []
    if signatures.count > 1 {
      findings.append(Finding(part: .signature, message: "X-Twilio-Signature is there \(signatures.count) times: pass it on once."))
    }
    if url.utf8.contains(UInt8(ascii: "#")) || seen.hasUserInfo {
      findings.append(Finding(part: .url, message: "User info and fragment are never signed: leave them out of the URL that you check."))
    }
    let content = SeenBody(body, method: method, contentType: values(of: "Content-Type", in: headers).first ?? "", url: seen)
    let known = knownURLs.prefix(knownURLsMax).compactMap { CallbackTarget($0) }.compactMap { SeenURL($0.url) }.filter {
      $0.parameters?.count ?? 0 <= parametersMax
    }
    let search = SignatureSearch(seen: seen, content: content, known: known, codes: codes, token: token)
    let signed = search.find()
    if let signed {
      findings += differences(of: seen, from: signed) + content.findings(signed: signed, seen: seen)
    } else {
      findings += content.findings(signed: seen, seen: seen) + [other(than: seen, known: known)]
    }
    // Official validators take the default port, written or not, for the same.
    let samePorts = seen.hasOnlyDefaultPorts && signed?.hasOnlyDefaultPorts ?? false
    return Diagnosis(isValid: findings.allSatisfy { $0.part == .port && samePorts }, findings: findings)
  }

  private static func refusal(_ part: Part, _ message: String) -> Diagnosis {
    Diagnosis(isValid: false, findings: [Finding(part: part, message: message)])
  }

  /// Values of a header, those that a proxy joined taken apart.
  private static func values(of name: String, in headers: [(name: String, value: String)]) -> [String] {
    headers.filter { $0.name.lowercased() == name.lowercased() }.flatMap { header in
      header.value.split(separator: ",", omittingEmptySubsequences: false).prefix(8).map { $0.trimmingCharacters(in: .whitespaces) }
    }
  }

  /// Nothing near what was seen was signed with the token.
  private static func other(than seen: SeenURL, known: [SeenURL]) -> Finding {
    guard known.contains(where: { $0.isTarget(of: seen) }) else {
      return Finding(
        part: .token,
        message: """
          Neither a URL like this one nor a callback of the account gives this signature: compare the auth token that you check with \
          and the URL with those of the account.
          """)
    }
    return Finding(
      part: .token,
      message: "The URL is a callback of the account, but the signature is not by its auth token: it was made with another or altered.")
  }
}

// MARK: - Differences

extension SignatureDoctor {
  private static func differences(of seen: SeenURL, from signed: SeenURL) -> [Finding] {
    var findings: [Finding] = []
    if seen.scheme != signed.scheme {
      findings.append(
        Finding(
          part: .scheme,
          message: """
            Signed is \(signed.scheme)://, you saw \(seen.scheme)://: where a proxy ends TLS, take the scheme from X-Forwarded-Proto \
            or from your configuration.
            """))
    }
    if !seen.host.isSame(as: signed.host) {
      findings.append(
        Finding(
          part: .host,
          message: """
            Signed is the host "\(signed.host)", you saw "\(seen.host)": take the public host, as the callback has it, and not the one \
            behind your proxy.
            """))
    }
    if !seen.port.isSame(as: signed.port) {
      let (had, has) = (signed.port.isEmpty ? "no port" : "\"\(signed.port)\"", seen.port.isEmpty ? "none" : "\"\(seen.port)\"")
      findings.append(Finding(part: .port, message: "Signed is \(had), you saw \(has): write the port just as the callback's URL does."))
    }
    if let finding = pathDifference(of: seen.path, from: signed.path) { findings.append(finding) }
    if let finding = queryDifference(of: seen, from: signed) { findings.append(finding) }
    return findings
  }

  private static func pathDifference(of seen: String, from signed: String) -> Finding? {
    guard !seen.isSame(as: signed) else { return nil }
    let hint =
      if seen + "/" == signed || signed + "/" == seen {
        "neither add nor drop the slash at its end"
      } else if CallbackTarget.decoded(seen.utf8) == CallbackTarget.decoded(signed.utf8) {
        "take it as it arrived, before percent-decoding"
      } else {
        "take it as it was before a proxy or router rewrote it"
      }
    return Finding(part: .path, message: "Signed is the path \"\(signed)\", you saw \"\(seen)\": \(hint).")
  }

  private static func queryDifference(of seen: SeenURL, from signed: SeenURL) -> Finding? {
    let (had, has) = (signed.callbackParameters.map(ExactText.init), seen.callbackParameters.map(ExactText.init))
    let isHashMoved =
      had == has && seen.hashes.map(ExactText.init) == signed.hashes.map(ExactText.init)
      && seen.parameters?.map(ExactText.init) != signed.parameters?.map(ExactText.init)
    guard had != has || isHashMoved else { return nil }
    let missing = had.filter { !has.contains($0) }
    let extra = has.filter { !had.contains($0) }
    let message =
      if missing.isEmpty && extra.isEmpty && had.count == has.count {
        "The parameters are those that were signed, in another order: take the query as it arrived instead of putting it together again."
      } else if had.map({ CallbackTarget.decoded($0.text.utf8) }) == has.map({ CallbackTarget.decoded($0.text.utf8) }) {
        "The query was decoded or encoded anew: take it as it arrived."
      } else if extra.isEmpty {
        "The query lacks \(list(missing)), which was signed: take the whole query as it arrived."
      } else if missing.isEmpty {
        "The query has \(list(extra)), which was not signed: leave out what was added on the way."
      } else {
        "The query has \(list(extra)), but signed was \(list(missing)): take the query as it arrived."
      }
    return Finding(part: .query, message: message)
  }

  private static func list(_ parameters: [ExactText]) -> String { parameters.map { "\"\($0.text)\"" }.joined(separator: " and ") }
}
