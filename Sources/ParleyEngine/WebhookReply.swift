import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import ParleyDomain
import Synchronization

/// What a callback answered, or why it did not.
struct WebhookReply: Sendable {
  var status: Int?
  var failure: WebhookFailure?
  /// What its Retry-After asks for.
  var retryAfter: Duration?
  /// The beginning of its body; of a private host's body, its length.
  var text = ""
}

/// Reads a reply as it comes, and no more of it than is wanted. What a private host says is counted and not kept: accounts read the log, and
/// must not see into the operator's network there.
final class ReplyReader: HTTPClientResponseDelegate, Sendable {
  private struct State {
    var reply = WebhookReply()
    var isTimedOut = false
    var bytes: [UInt8] = []
    var count = 0
  }

  private let bytesMax: Int
  private let keepsText: Bool
  private let state = Mutex(State())

  init(bytesMax: Int, keepsText: Bool) { (self.bytesMax, self.keepsText) = (bytesMax, keepsText) }

  var reply: WebhookReply {
    state.withLock { state in
      var reply = state.reply
      // PostgreSQL takes no NUL.
      if !keepsText, state.count > 0 {
        reply.text = "(\(state.count < bytesMax ? "" : "at least ")\(min(state.count, bytesMax)) bytes, not kept: the host is private)"
      }
      if !state.bytes.isEmpty { reply.text = String(decoding: state.bytes, as: UTF8.self).replacing("\0", with: "\u{FFFD}") }
      return reply
    }
  }

  var isTimedOut: Bool { state.withLock { $0.isTimedOut } }

  func timeOut() { state.withLock { $0.isTimedOut = true } }

  func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
    let retryAfter = head.headers.first(name: "Retry-After").flatMap { RetryAfter.duration($0) }
    state.withLock { ($0.reply.status, $0.reply.retryAfter) = (Int(head.status.code), retryAfter) }
    return task.eventLoop.makeSucceededVoidFuture()
  }

  func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
    let isEnough = state.withLock { state in
      state.count += buffer.readableBytes
      if keepsText { state.bytes.append(contentsOf: buffer.readableBytesView.prefix(Attempt.replyBytesMax - state.bytes.count)) }
      return state.count >= bytesMax
    }
    if isEnough { task.cancel() }
    return task.eventLoop.makeSucceededVoidFuture()
  }

  func didFinishRequest(task: HTTPClient.Task<Void>) {}
}
