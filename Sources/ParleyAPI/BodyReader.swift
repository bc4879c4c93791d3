import HTTPTypes
import HummingbirdCore
import NIOCore
import ParleyDomain

/// Reads the bodies of requests, within the limits of rules B-HTTP-1, 5, 10 and 11.
struct BodyReader: Sendable {
  static let bytesMax = 16 << 20
  /// How much of a refused body is still read, so that the client gets to see the refusal.
  static let refusedBytesMax = 1 << 20
  /// How long a body may take once its first part is there.
  static let time = TimeAmount.seconds(60)
  /// How long a client that goes on sending has to read its refusal.
  static let lingering = TimeAmount.seconds(1)

  /// Bodies above this size are parsed one at a time, beside the threads that answer requests.
  private static let quickBytesMax = 256 << 10

  let budget: BodyBudget
  private let turns = BodyTurns()

  init(budget: BodyBudget) { self.budget = budget }

  /// The whole body; its memory counts against `claim` until that is given back. A client that waits for a word gets it from `proceed`.
  func read(
    _ incoming: inout IncomingBody, of account: Account.ID, claim: inout BodyBudget.Claim, on channel: any NIOCore.Channel,
    proceed: () async throws -> Void
  ) async throws -> [UInt8] {
    guard incoming.isAnnounced else { return [] }
    // Who waits for a word has something to send, though nobody knows yet how much.
    if incoming.length != nil || incoming.awaitsContinue { try incoming.checkForm() }
    if let length = incoming.length {
      guard length <= Self.bytesMax else { throw Refusal.bodyTooLarge }
      try budget.checkRoom(for: length, of: account)
    }
    if incoming.awaitsContinue {
      try await proceed()
      incoming.didContinue()
    }
    // What `incoming.next` throws then.
    claim.open(for: account) { channel.pipeline.fireErrorCaught(BodyBudget.full) }
    var bytes: [UInt8] = []
    var deadline: Scheduled<Void>?
    defer { deadline?.cancel() }
    while let part = try await incoming.next() {
      if bytes.isEmpty { try incoming.checkForm() }
      guard bytes.count + part.readableBytes <= Self.bytesMax else { throw Refusal.bodyTooLarge }
      // As it comes; see `checkRoom`.
      try claim.take(part.readableBytes)
      Self.append(part, to: &bytes, expecting: incoming.length)
      // Most bodies come in one part; only those that don't need a clock.
      if deadline == nil, bytes.count < incoming.length ?? .max { deadline = channel.closes(in: Self.time) }
    }
    // A connection that ended early is no shorter body.
    if let length = incoming.length, bytes.count != length { throw ConnectionFailure(underlying: ChannelError.inputClosed) }
    return bytes
  }

  /// Memory at most doubles as parts come, and never exceeds what was announced, so that an announcement alone takes none.
  private static func append(_ part: ByteBuffer, to bytes: inout [UInt8], expecting length: Int?) {
    let needed = bytes.count + part.readableBytes
    if needed > bytes.capacity { bytes.reserveCapacity(max(needed, min(needed * 2, length ?? .max))) }
    bytes.append(contentsOf: part.readableBytesView)
  }

  /// What the bytes say. Throws if they were given up for another account's while they waited for their turn.
  func parse(_ bytes: [UInt8], of account: Account.ID, claim: BodyBudget.Claim) async throws -> Body {
    if bytes.count <= Self.quickBytesMax {
      try claim.settle()
      return Body(bytes)
    }
    return try await turns.run(for: account) {
      try claim.settle()
      return Body(bytes)
    }
  }

  /// Reads on after an answer, until the next request can be read; false if the connection should end instead.
  func skip(_ incoming: inout IncomingBody, upTo bytesMax: Int, on channel: any NIOCore.Channel) async throws -> Bool {
    guard incoming.isAnnounced else { return true }
    // A client that asked before sending, and was refused, may send its body or not: what comes next can't be told apart.
    if !incoming.awaitsContinue, !incoming.isGivenUp {
      let deadline = channel.closes(in: Self.time)
      defer { deadline.cancel() }
      var skipped = 0
      while skipped <= bytesMax {
        guard let part = try await incoming.next() else { return true }
        skipped += part.readableBytes
      }
    }
    // Closing at once would make the system drop the answer along with what was not read.
    _ = channel.closes(in: Self.lingering)
    try await channel.closeFuture.get()
    return false
  }
}

extension NIOCore.Channel {
  /// Closes the connection later, unless that is cancelled.
  func closes(in time: TimeAmount) -> Scheduled<Void> { eventLoop.scheduleTask(in: time) { self.close(promise: nil) } }
}

/// The connection failed or ended, so that nobody is left to answer.
struct ConnectionFailure: Error {
  let underlying: any Error
}

/// A request's body as it comes.
struct IncomingBody {
  /// Bytes that the request announces; nil when it does not say how many.
  let length: Int?
  /// What is wrong with the headers that say what the body is made of; nothing matters where there is no body.
  private let objection: Refusal?
  /// Whether there is a body to read at all; one of no bytes is none (B-HTTP-1).
  let isAnnounced: Bool
  /// Whether the client waits for a word before it sends (B-HTTP-10).
  private(set) var awaitsContinue: Bool
  private(set) var hasEnded = false
  /// Whether its memory was given to another account: the connection can't be read any further.
  private(set) var isGivenUp = false
  private var iterator: RequestBody.AsyncIterator

  init(_ request: Request) {
    let headers = request.headers
    // A number that fits nowhere is too large as well.
    length = headers[.contentLength].map { Int($0) ?? .max }
    isAnnounced = length.map { $0 > 0 } ?? (headers[.transferEncoding] != nil)
    objection =
      if !Self.has(headers[.contentEncoding], only: ["identity"]) {
        .encoded(header: "Content-Encoding", accepted: "identity")
      } else if !Self.has(headers[.transferEncoding], only: ["identity", "chunked"]) {
        .encoded(header: "Transfer-Encoding", accepted: "chunked")
      } else {
        Self.isJSON(headers[.contentType]) ? nil : .noJSON
      }
    awaitsContinue = isAnnounced && headers[.expect]?.lowercased() == "100-continue"
    iterator = request.body.makeAsyncIterator()
  }

  /// Throws for a body that is encoded or no JSON (B-HTTP-11, B-HTTP-1).
  func checkForm() throws(Refusal) {
    if let objection { throw objection }
  }

  /// The client was told to send.
  mutating func didContinue() { awaitsContinue = false }

  /// Its memory was given to another account.
  mutating func giveUp() { (hasEnded, isGivenUp) = (true, true) }

  mutating func next() async throws -> ByteBuffer? {
    if hasEnded { return nil }
    do {
      let part = try await iterator.next()
      if part == nil { hasEnded = true }
      return part
    } catch let refusal as ParleyError {
      giveUp()
      throw refusal
    } catch {
      throw ConnectionFailure(underlying: error)
    }
  }

  /// Whether a list of codings, in any case, has no other than these.
  private static func has(_ list: String?, only codings: [String]) -> Bool {
    guard let list else { return true }
    // Of the letters outside ASCII one is k in lower case, the Kelvin sign.
    guard list.utf8.allSatisfy({ $0 < 0x80 }) else { return false }
    return list.lowercased().split { $0 == "," || $0 == " " || $0 == "\t" }.allSatisfy { coding in codings.contains { $0 == coding } }
  }

  private static func isJSON(_ contentType: String?) -> Bool {
    guard let type = contentType?.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false).first else { return false }
    return type.lowercased().split(separator: " ").elementsEqual(["application/json"])
  }
}
