import ParleyDomain

/// What the commands show of texts that others wrote: names, events, answers of servers, errors.
enum Terminal {
  /// One field of a line, in which no character can end the line, move the cursor or turn what follows.
  static func text(_ text: String) -> String { text.escapedForTerminals() }

  /// Whole lines, whose line feeds and tabs stay.
  static func lines(_ text: String) -> String { text.escapedForTerminals(keepsLines: true) }
}
