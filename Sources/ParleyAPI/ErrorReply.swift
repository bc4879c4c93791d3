import HTTPTypes
import NIOCore
import ParleyDomain

/// What a request is refused for before a handler sees it.
enum Refusal: Error, Sendable {
  case notSignedIn
  case noSuchPath
  case methodNotAllowed(allow: String)
  case tooManyRequests(retryAfterSeconds: Int)
  case noJSON
  /// A header says that the body is compressed or the like.
  case encoded(header: String, accepted: String)
  case bodyTooLarge
}

/// The answer to an error: the one table of statuses, codes, texts and headers (B-ERR-1, B-ERR-5).
struct ErrorReply {
  /// Seconds after which a request that the server could not take may come again.
  private static let retryAfterSeconds = "1"

  let reply: Reply
  /// What the operator should know and the caller should not.
  let cause: String?

  init(_ error: any Error) {
    switch error {
    case let refusal as Refusal: self.init(refusal)
    case let error as ParleyError: self.init(error)
    // Nobody foresaw it: nothing of it goes out.
    default: self.init(.internalServerError, 20500, "Internal server error", cause: String(reflecting: error))
    }
  }

  private init(_ refusal: Refusal) {
    switch refusal {
    case .notSignedIn: self.init(.unauthorized, 20003, "Authenticate", headers: [(.wwwAuthenticate, "Basic realm=\"Twilio API\"")])
    case .noSuchPath: self.init(.notFound, 20404, "The requested resource was not found")
    case .methodNotAllowed(let allow): self.init(.methodNotAllowed, 20004, "Method not allowed", headers: [(.allow, allow)])
    case .tooManyRequests(let seconds):
      self.init(.tooManyRequests, 20429, "Too many requests", headers: [(.retryAfter, String(seconds))])
    case .noJSON: self.init(.unsupportedMediaType, 20422, "The body must have the content type application/json")
    case .encoded(let header, let accepted):
      self.init(.unsupportedMediaType, 20422, "The body must have no \(header) other than \(accepted)")
    case .bodyTooLarge: self.init(.contentTooLarge, 20001, "The body must have at most \(BodyReader.bytesMax) bytes")
    }
  }

  private init(_ error: ParleyError) {
    switch error {
    case .invalid(let problems):
      self.init(.badRequest, 20001, problems.first?.text ?? "Bad request", problems: problems)
    case .notFound(let kind): self.init(.notFound, 20404, "\(kind.rawValue) not found")
    case .refusedByState(.conversationClosed): self.init(.badRequest, 20001, "The conversation is CLOSED and can't change any more")
    case .refusedByState(.participantsFull):
      self.init(.badRequest, 20001, "The conversation has \(Conversation.participantsMax) participants, and no room for more")
    case .refusedByState(.groupingKeysFull):
      self.init(.badRequest, 20001, "The participants would give the conversation more than \(Grouping.keysMax) pairs of addresses")
    case .refusedByState(.deliveryNotFailed): self.init(.badRequest, 20001, "The delivery is not FAILED, so it can't be sent again")
    case .refusedByState(.listenersFull):
      self.init(.badRequest, 20001, "The account has \(Listener.liveMax) listeners, and no room for more")
    case .refusedByState(.pausesFull): self.init(.badRequest, 20001, "The account has \(Pause.pausesMax) pauses, and no room for more")
    case .conflict(.addressOwned(let owner)):
      self.init(.conflict, 20409, "Another participant has this address", headers: [(.conflictingResourceId, owner.text)])
    case .conflict(.grouping(let holder)):
      // B-GROUP-2: callers parse the id out of this sentence.
      let message = "Address mapping already exists on conversation \(holder.text)."
      self.init(.conflict, 20409, message, headers: [(.conflictingResourceId, holder.text)])
    case .conflict(.bridge(let holder)):
      self.init(.conflict, 20409, "Another configuration uses this service", headers: [(.conflictingResourceId, holder.text)])
    case .conflict(.idempotencyKeyReused): self.init(.conflict, 20409, "The Idempotency-Key was used for another request")
    case .unavailable(let cause):
      self.init(.serviceUnavailable, 20503, "Service unavailable", headers: [(.retryAfter, Self.retryAfterSeconds)], cause: cause)
    }
  }

  private init(
    _ status: HTTPResponse.Status, _ code: Int64, _ message: String, headers: [(name: HTTPField.Name, value: String)] = [],
    problems: [Problem] = [], cause: String? = nil
  ) {
    var writer = JSONWriter(capacity: 256)
    writer.object { writer in
      writer.member("code", code)
      writer.member("message", message)
      writer.member("more_info", "https://www.twilio.com/docs/errors/\(code)")
      writer.member("status", Int64(status.code))
      guard !problems.isEmpty else { return }
      writer.name("details")
      writer.object { writer in
        writer.name("problems")
        writer.array { writer in
          for problem in problems {
            writer.object { writer in
              writer.member("path", problem.path)
              writer.member("message", problem.message)
            }
          }
        }
      }
    }
    reply = Reply(status: status, headers: headers, body: ByteBuffer(bytes: writer.bytes))
    self.cause = cause
  }
}
