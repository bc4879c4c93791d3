import Crypto
import Foundation
import ParleyDomain

/// A URL taken apart so that each part can be varied; put together again it is the same text.
struct SeenURL: Hashable, Sendable {
  var scheme: String
  var host: String
  /// With its colon, or empty.
  var port: String
  var path: String
  /// The query between its ampersands; nil without "?".
  var parameters: [String]?
  private(set) var hasUserInfo: Bool

  /// Nil unless it has scheme and host. User info and fragment are left out.
  init?(_ url: String) {
    let parts = url.parts(between: ":", max: 2)
    guard parts.count == 2, parts[1].utf8.starts(with: "//".utf8) else { return nil }
    scheme = parts[0].lowercased()
    guard ["http", "https"].contains(scheme) else { return nil }
    let rest = parts[1].utf8.dropFirst(2).prefix { $0 != UInt8(ascii: "#") }
    let authority = rest.prefix { !"/?".utf8.contains($0) }
    let at = authority.lastIndex(of: UInt8(ascii: "@"))
    hasUserInfo = at != nil
    let hostAndPort = at.map { authority[authority.index(after: $0)...] } ?? authority
    let colon = hostAndPort.lastIndex(of: UInt8(ascii: ":")).flatMap { hostAndPort[$0...].contains(UInt8(ascii: "]")) ? nil : $0 }
    let portStart = colon ?? hostAndPort.endIndex
    (host, port) = (String(Substring(hostAndPort[..<portStart])), String(Substring(hostAndPort[portStart...])))
    guard !host.isEmpty else { return nil }
    let behind = rest[authority.endIndex...]
    let path = behind.prefix { $0 != UInt8(ascii: "?") }
    self.path = String(Substring(path))
    let query = behind[path.endIndex...]
    parameters = query.isEmpty ? nil : Substring(query.dropFirst()).parts(between: "&")
  }

  static func == (left: Self, right: Self) -> Bool { left.text.isSame(as: right.text) && left.hasUserInfo == right.hasUserInfo }

  func hash(into hasher: inout Hasher) { ExactText(text).hash(into: &hasher) }

  var text: String { "\(scheme)://\(host)\(port)\(path)\(parameters.map { "?" + $0.joined(separator: "&") } ?? "")" }

  /// The parameters that carry the body's hash, and the others.
  var hashes: [String] { (parameters ?? []).filter(Self.isHash) }
  var callbackParameters: [String] { (parameters ?? []).filter { !Self.isHash($0) } }

  var hasOnlyDefaultPorts: Bool { port.isEmpty || port == defaultPort }
  fileprivate var defaultPort: String { scheme == "https" ? ":443" : ":80" }

  /// Whether a delivery to this callback has the other URL.
  func isTarget(of seen: SeenURL) -> Bool {
    scheme == seen.scheme && host.isSame(as: seen.host) && port.isSame(as: seen.port) && path.isSame(as: seen.path)
      && seen.callbackParameters.starts(with: callbackParameters) { $0.isSame(as: $1) }
  }

  private static func isHash(_ parameter: String) -> Bool { parameter.utf8.starts(with: "\(WebhookSignature.hashParameter)=".utf8) }
}

/// The body as it was seen, and how it may have been when it was signed.
struct SeenBody: Sendable {
  /// The longest form that is taken apart.
  private static let formBytesMax = 256 << 10

  /// What is signed behind the URL: names and values of a form, which comes without a hash.
  fileprivate let form: String
  /// Hashes of the body as it is and as it may have been, the first as it is; none where the body is not signed.
  fileprivate let hashes: [(hash: String, change: String)]
  private let isEmpty: Bool

  init(_ body: [UInt8], method: String, contentType: String, url: SeenURL) {
    isEmpty = body.isEmpty
    let isForm = contentType.lowercased().hasPrefix("application/x-www-form-urlencoded") && url.hashes.isEmpty
    let isRead = isForm && body.count <= Self.formBytesMax
    form = isRead ? WebhookSignature.text(ofForm: Self.parameters(of: body), to: "") : ""
    guard !isForm, method.uppercased() != "GET" || !url.hashes.isEmpty else {
      hashes = []
      return
    }
    var variants: [(body: [UInt8], change: String)] = [(body, "")]
    let newlines: [UInt8] = [10, 13]
    if let last = body.last, newlines.contains(last) {
      variants.append((Array(body.reversed().drop { newlines.contains($0) }.reversed()), "a line end was added"))
    } else {
      variants += [(body + [10], "the line end was dropped"), (body + [13, 10], "the line end was dropped")]
    }
    if body.starts(with: [0xef, 0xbb, 0xbf]) { variants.append((Array(body.dropFirst(3)), "a byte order mark was added")) }
    if let json = try? JSON.parse(body) {
      var writer = JSONWriter(capacity: body.count)
      writer.value(json)
      variants.append((writer.bytes, "the JSON was read and written anew"))
    }
    hashes = variants.map { (WebhookSignature.sha256($0.body), $0.change) }
  }

  /// What is wrong with the body and its hash, if `signed` is what was signed.
  func findings(signed: SeenURL, seen: SeenURL) -> [SignatureDoctor.Finding] {
    guard let actual = hashes.first?.hash else { return [] }
    var findings: [SignatureDoctor.Finding] = []
    if seen.hashes.isEmpty {
      findings.append(
        .init(part: .bodySHA256, message: "The URL lacks bodySHA256, with which it was sent and signed: check it with its whole query."))
    }
    let hash = signed.hashes.last.map { String(decoding: $0.utf8.dropFirst(WebhookSignature.hashParameter.count + 1), as: UTF8.self) }
    guard let hash, hash != actual else { return findings }
    let change = hashes.first { $0.hash == hash }?.change ?? (isEmpty ? "it is empty" : "it was changed or written anew")
    findings.append(
      .init(part: .body, message: "The body is not the one whose hash is in the URL (\(change)): hash the bytes as they arrived."))
    return findings
  }

  private static func parameters(of body: [UInt8]) -> [(name: String, value: String)] {
    body.split(separator: UInt8(ascii: "&")).map { pair in
      let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      let texts = parts.map { part in CallbackTarget.decoded(part.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }) }
      return (texts[0], texts.count > 1 ? texts[1] : "")
    }
  }
}

/// Looks for the URL that was signed among variations of the one that was seen, those with fewer changes first.
struct SignatureSearch {
  /// Bounds of one search: URLs that are tried, and bytes of them and of forms that are signed.
  private static let triesMax = 20_000
  private static let bytesMax = 8 << 20
  /// Parameters whose orders and omissions are all tried: 6 have 720 orders.
  private static let parametersMax = 6

  let seen: SeenURL
  let content: SeenBody
  let known: [SeenURL]
  private let codes: Set<Data>
  private let keyed: HMAC<Insecure.SHA1>

  init(seen: SeenURL, content: SeenBody, known: [SeenURL], codes: [Data], token: String) {
    (self.seen, self.content, self.known, self.codes) = (seen, content, known, Set(codes))
    keyed = HMAC<Insecure.SHA1>(key: SymmetricKey(data: Data(token.utf8)))
  }

  /// The URL whose signature is one of the given ones; nil if there is none within the bounds.
  func find() -> SeenURL? {
    var tries = 0
    var bytes = 0
    // nil where the bounds are reached.
    func isSigned(_ url: SeenURL) -> Bool? {
      let text = Data((url.text + content.form).utf8)
      tries += 1
      bytes += text.count
      guard tries <= Self.triesMax, bytes <= Self.bytesMax else { return nil }
      var code = keyed
      code.update(data: text)
      return codes.contains(Data(code.finalize()))
    }

    if isSigned(seen) == true { return seen }
    let (queries, rareQueries) = self.queries()
    for callback in known {
      for query in queries {
        var url = callback
        url.parameters = query
        if let isSigned = isSigned(url) { if isSigned { return url } } else { return nil }
      }
    }
    let hosts = self.hosts()
    let paths = self.paths()
    for queries in [queries, rareQueries] {
      // Bit by bit: scheme, host, path, query.
      for changes in (0..<16).sorted(by: { ($0.nonzeroBitCount, $0) < ($1.nonzeroBitCount, $1) }) {
        for query in changes & 8 == 0 ? [seen.parameters] : queries {
          for path in changes & 4 == 0 ? [seen.path] : paths {
            for (host, port) in changes & 2 == 0 ? [(seen.host, seen.port)] : hosts {
              var url = seen
              if changes & 1 != 0 { url.scheme = seen.scheme == "https" ? "http" : "https" }
              (url.host, url.port, url.path, url.parameters) = (host, port, path, query)
              if let isSigned = isSigned(url) { if isSigned { return url } } else { return nil }
            }
          }
        }
      }
    }
    return nil
  }

  private func hosts() -> [(String, String)] {
    let name = seen.host.lowercased()
    var hosts = [(seen.host, ""), (seen.host, ":443"), (seen.host, ":80"), (name, seen.port), (name, "")]
    hosts += known.map { ($0.host, $0.port) }
    return Self.unique(hosts.map { [$0.0, $0.1] }, but: [seen.host, seen.port]) { $0.map(ExactText.init) }
      .map { ($0[0], $0[1]) }
  }

  private func paths() -> [String] {
    let path = seen.path
    let decoded = CallbackTarget.decoded(path.utf8)
    let encoded = decoded.parts(between: "/").map { CallbackTarget.percentEncoded($0) }
    let paths = [path.hasSuffix("/") ? String(path.dropLast()) : path + "/", decoded, encoded.joined(separator: "/")]
    return Self.unique(paths + known.map(\.path), but: path, as: ExactText.init)
  }

  /// Other queries, with every hash that the body may have had, and those that are worth trying only when nothing else fits.
  private func queries() -> (likely: [[String]?], rare: [[String]?]) {
    let own = seen.callbackParameters
    var likely = [own, [], own.map(Self.recoded), own.map(CallbackTarget.decodedText), own.map { $0.replacing("+", with: "%20") }]
    likely += [own.map { $0.replacing("%20", with: "+") }, own.filter { !$0.isEmpty }]
    likely += known.flatMap { callback in
      let base = callback.callbackParameters
      return [base, base + own.filter { one in !base.contains { $0.isSame(as: one) } }]
    }
    let few = own.count <= Self.parametersMax ? own : []
    let rare = Self.subsets(few) + Self.orders(few)
    return (unseen(withHashes(likely)), unseen(withHashes(rare)))
  }

  private func unseen(_ queries: [[String]?]) -> [[String]?] {
    Self.unique(queries, but: seen.parameters) { $0?.map(ExactText.init) }
  }

  private func withHashes(_ queries: [[String]]) -> [[String]?] {
    var hashes = seen.hashes
    hashes += content.hashes.map { "\(WebhookSignature.hashParameter)=\($0.hash)" }
    if hashes.isEmpty { return queries.map { $0.isEmpty ? nil : $0 } }
    return Self.unique(hashes, but: "", as: ExactText.init).flatMap { hash in queries.map { $0 + [hash] } }
  }

  /// Encoded as the sender would do it.
  private static func recoded(_ parameter: String) -> String {
    parameter.parts(between: "=", max: 2).map { CallbackTarget.percentEncoded(CallbackTarget.decoded($0.utf8)) }.joined(separator: "=")
  }

  private static func subsets(_ all: [String]) -> [[String]] {
    (0..<(1 << all.count)).map { bits in all.enumerated().filter { bits >> $0.offset & 1 == 1 }.map(\.element) }
  }

  private static func orders(_ all: [String]) -> [[String]] {
    guard let first = all.first else { return [[]] }
    return orders(Array(all.dropFirst())).flatMap { rest in (0...rest.count).map { rest[..<$0] + [first] + rest[$0...] } }
  }

  private static func unique<Value, Key: Hashable>(_ values: [Value], but known: Value, as key: (Value) -> Key) -> [Value] {
    var met: Set = [key(known)]
    return values.filter { met.insert(key($0)).inserted }
  }
}

extension CallbackTarget {
  fileprivate static func decodedText(_ text: String) -> String { decoded(text.utf8) }
}
