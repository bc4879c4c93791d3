import Crypto
import Foundation
import ParleyDomain
import Synchronization

/// What follows from a callback URL alone, kept for those that were used lately: every event and every attempt asks for it.
final class CallbackPlaces: Sendable {
  struct Place: Sendable {
    /// Nil for a URL that can't be called.
    let target: CallbackTarget?
    /// Host and port, by which what is done at a time is limited.
    let host: String
    /// Digest by which the URL is found.
    let urlHash: String

    init(_ url: String) {
      target = CallbackTarget(url)
      host = target?.hostKey ?? "invalid"
      urlHash = CallbackPlaces.digest(url)
    }
  }

  /// URLs kept; beyond, all are forgotten.
  private static let placesMax = 10_000

  private let places = Mutex<[ExactText: Place]>([:])

  subscript(url: String) -> Place {
    let key = ExactText(url)
    if let known = places.withLock({ $0[key] }) { return known }
    let place = Place(url)
    places.withLock { places in
      if places.count >= Self.placesMax { places = [:] }
      places[key] = place
    }
    return place
  }

  /// The first half of a SHA-256, in hexadecimal digits.
  static func digest(_ text: String) -> String { SHA256.hash(data: Data(text.utf8)).prefix(16).hex }
}
