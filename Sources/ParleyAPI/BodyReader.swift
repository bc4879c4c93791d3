import Foundation
import HTTPTypes
import HummingbirdCore
import NIOCore
import ParleyDomain
import Synchronization

/// Reads the bodies of requests, within the limits of rules B-HTTP-1, 5 and 10.
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
  private let parsing: OperationQueue

  init(budget: BodyBudget) {
    self.budget = budget
    parsing = OperationQueue()
    parsing.maxConcurrentOperationCount = 1
  }

  /// The whole body; its memory counts against `claim` until that is given back. A client that waits for a word gets it from `proceed`.
  func read(
    _ incoming: inout IncomingBody, claim: inout BodyBudget.Claim, on channel: any NIOCore.Channel, proceed: () async throws -> Void
  ) async throws -> [UInt8] {
    guard incoming.isAnnounced else { return [] }
    if let length = incoming.length {
      if !incoming.isJSON { throw Refusal.noJSON }
      guard length <= Self.bytesMax else { throw Refusal.bodyTooLarge }
      try budget.checkRoom(for: length)
    }
    if incoming.awaitsContinue {
      try await proceed()
      incoming.didContinue()
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(incoming.length ?? 0)
    var deadline: Scheduled<Void>?
    defer { deadline?.cancel() }
    while let part = try await incoming.next() {
      // As it comes; see `checkRoom`.
      try claim.take(part.readableBytes)
      bytes.append(contentsOf: part.readableBytesView)
      guard bytes.count <= Self.bytesMax else { throw Refusal.bodyTooLarge }
      // Most bodies come in one part; only those that don't need a clock.
      if deadline == nil, bytes.count < incoming.length ?? .max { deadline = channel.closes(in: Self.time) }
    }
    if !bytes.isEmpty, !incoming.isJSON { throw Refusal.noJSON }
    // A connection that ended early is no shorter body.
    if let length = incoming.length, bytes.count != length { throw ConnectionFailure(underlying: ChannelError.inputClosed) }
    return bytes
  }

  /// What the bytes say.
  func parse(_ bytes: [UInt8]) async -> Body {
    if bytes.count <= Self.quickBytesMax { return Body(bytes) }
    return await withCheckedContinuation { continuation in
      parsing.addOperation { continuation.resume(returning: Body(bytes)) }
    }
  }

  /// Reads on after an answer, until the next request can be read; false if the connection should end instead.
  func skip(_ incoming: inout IncomingBody, upTo bytesMax: Int, on channel: any NIOCore.Channel) async throws -> Bool {
    // A client that asked before sending, and was refused, may send its body or not: what comes next can't be told apart.
    if incoming.awaitsContinue { return false }
    guard incoming.isAnnounced else { return true }
    let deadline = channel.closes(in: Self.time)
    defer { deadline.cancel() }
    var skipped = 0
    while skipped <= bytesMax {
      guard let part = try await incoming.next() else { return true }
      skipped += part.readableBytes
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
  let isJSON: Bool
  /// Whether there is a body to read at all; one of no bytes is none (B-HTTP-1).
  let isAnnounced: Bool
  /// Whether the client waits for a word before it sends (B-HTTP-10).
  private(set) var awaitsContinue: Bool
  private(set) var hasEnded = false
  private var iterator: RequestBody.AsyncIterator

  init(_ request: Request) {
    let headers = request.headers
    // A number that fits nowhere is too large as well.
    length = headers[.contentLength].map { Int($0) ?? .max }
    isAnnounced = length.map { $0 > 0 } ?? (headers[.transferEncoding] != nil)
    isJSON = Self.isJSON(headers[.contentType])
    awaitsContinue = isAnnounced && headers[.expect]?.lowercased() == "100-continue"
    iterator = request.body.makeAsyncIterator()
  }

  /// The client was told to send.
  mutating func didContinue() { awaitsContinue = false }

  mutating func next() async throws -> ByteBuffer? {
    if hasEnded { return nil }
    do {
      let part = try await iterator.next()
      if part == nil { hasEnded = true }
      return part
    } catch {
      throw ConnectionFailure(underlying: error)
    }
  }

  private static func isJSON(_ contentType: String?) -> Bool {
    guard let type = contentType?.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false).first else { return false }
    return type.lowercased().split(separator: " ").elementsEqual(["application/json"])
  }
}

/// Memory for bodies in flight; beyond it requests are told to come again.
final class BodyBudget: Sendable {
  private let bytes: Int
  private let taken = Atomic<Int>(0)

  init(bytes: Int) { self.bytes = bytes }

  var bytesInFlight: Int { taken.load(ordering: .relaxed) }

  /// Throws if so much could not be taken now. Nothing is taken by that: what is only announced may never come.
  func checkRoom(for more: Int) throws(ParleyError) {
    if bytesInFlight + more > bytes { throw Self.full }
  }

  private static let full = ParleyError.unavailable(cause: "the memory for bodies in flight is used up")

  /// What one request has taken; it must be given back.
  struct Claim {
    private let budget: BodyBudget
    private var bytes = 0

    init(of budget: BodyBudget) { self.budget = budget }

    mutating func take(_ more: Int) throws(ParleyError) {
      if budget.taken.add(more, ordering: .relaxed).newValue > budget.bytes {
        budget.taken.subtract(more, ordering: .relaxed)
        throw BodyBudget.full
      }
      bytes += more
    }

    mutating func giveBack() {
      if bytes > 0 { budget.taken.subtract(bytes, ordering: .relaxed) }
      bytes = 0
    }
  }
}
