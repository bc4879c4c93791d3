/// What a request can be refused for, as values. The API gives each its status, code, text and headers.
package enum ParleyError: Error, Sendable, Equatable {
  /// What the caller sent breaks a rule: at least one problem, the first being the one that is named.
  case invalid([Problem])
  /// No such resource in this account (B-AUTH-4).
  case notFound(Kind)
  /// The resource is in no state for this (B-CONV-28, limits of number): a 400 without details.
  case refusedByState(StateRefusal)
  case conflict(Conflict)
  /// The database, the disk or the writer's queue can't take it now; the same request may succeed later.
  /// `cause` is for the operator's log, never for the caller.
  case unavailable(cause: String)

  /// The resources of the wire that can be missing.
  package enum Kind: String, Sendable {
    case account = "Account"
    case configuration = "Configuration"
    case operation = "Operation"
    case conversation = "Conversation"
    case participant = "Participant"
    case delivery = "Delivery"
    case listener = "Listener"
    case pause = "Pause"
  }

  /// Limits that depend on what is already there.
  package enum StateRefusal: Sendable, Equatable {
    case conversationClosed
    case participantsFull
    case groupingKeysFull
    /// Only what was given up is sent again.
    case deliveryNotFailed
    case listenersFull
    case pausesFull
  }

  /// What is in the way, and its id where it has one (B-HDR-4).
  package enum Conflict: Sendable, Equatable {
    /// Another participant of the conversation owns one of the addresses (B-PART-5).
    case addressOwned(by: Participant.ID)
    /// Another open conversation holds one of the grouping keys (B-GROUP-1, B-GROUP-7).
    case grouping(with: Conversation.ID)
    /// Another configuration uses the bridged service (B-CFG-6).
    case bridge(of: Configuration.ID)
    /// The idempotency key was used for another request (B-IDEM-3).
    case idempotencyKeyReused
  }
}

/// One thing wrong with a request: where and what.
package struct Problem: Sendable, Equatable {
  /// JSON path such as `participants[0].addresses[1].channel`; empty for the whole body; the name of a query or header value.
  package let path: String
  /// Reads on from the path: "is required".
  package let message: String

  package init(path: String, message: String) {
    self.path = path
    self.message = message
  }

  /// The problem as a sentence that names its place.
  package var text: String { path.isEmpty ? "The body \(message)" : "\(path) \(message)" }
}

/// Where in a body something stands.
package indirect enum Path: Sendable, Equatable {
  case root
  case member(Path, String)
  case element(Path, Int)

  package var text: String {
    switch self {
    case .root: ""
    case .member(.root, let name): name
    case .member(let parent, let name): "\(parent.text).\(name)"
    case .element(let parent, let index): "\(parent.text)[\(index)]"
    }
  }

  /// The same place seen from further out: `step` is one step below the root there.
  func below(_ step: Path) -> Path {
    switch self {
    case .root: step
    case .member(let parent, let name): .member(parent.below(step), name)
    case .element(let parent, let index): .element(parent.below(step), index)
    }
  }
}
