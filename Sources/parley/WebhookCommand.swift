import ArgumentParser
import ParleyDomain
import ParleyEngine
import ParleyStorage

/// `parley webhook`: pauses and resumes an account's webhooks.
struct WebhookCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "webhook", abstract: "Pause and resume the webhooks of an account.",
    discussion: "Works on the database, with a server beside it or without one.\n\nExample: parley webhook pause --account AC…",
    subcommands: [Pause.self, Resume.self])

  struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Send nothing more to a URL of an account, or to any of its URLs. Its events wait.",
      discussion: "Without --url all webhooks of the account are paused, also those that are configured later.\n\n"
        + "Example: parley webhook pause --account AC… --url https://hooks.example.com/events")
    @OptionGroup var options: WebhookOptions
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      let made = try await options.withEngine { engine, account, url in try await engine.operatorActions.pause(url: url, of: account) }
      printPause(made.pause, json: json)
    }
  }

  struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "End the pause of a URL, or the one of all webhooks of the account.",
      discussion: "Without --url the pause of all webhooks ends; URLs that are paused by themselves stay so.\n\n"
        + "Example: parley webhook resume --account AC…")
    @OptionGroup var options: WebhookOptions
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      let pause = try await options.withEngine { engine, account, url in try await engine.operatorActions.resume(url: url, of: account) }
      guard let pause else {
        throw CommandFailure(StartFailure("\(options.account) has no pause of \(options.url.map(Terminal.text) ?? "all its webhooks")"))
      }
      printPause(pause, json: json)
    }
  }
}

/// Which webhooks are meant.
struct WebhookOptions: ParsableArguments {
  @OptionGroup var database: DatabaseOptions
  @Option(help: "SID of the account.") var account: String
  @Option(help: "The URL as the callback has it; all webhooks of the account where it is not given.") var url: String?

  func validate() throws {
    if let url, !url.hasCharacters(CallbackPolicy.urlCharacters) || url.hasControlCharacters {
      throw ValidationError("--url must have 1 to \(CallbackPolicy.urlCharactersMax) characters and no control characters")
    }
  }

  func withEngine<Answer>(_ work: (Engine, Account.ID, _ url: String?) async throws -> Answer) async throws -> Answer {
    let id = try sid(account)
    return try await database.withEngine { engine, _ in
      do {
        return try await work(engine, id, url)
      } catch ParleyError.refusedByState(.pausesFull) {
        throw StartFailure("\(id.text) has \(Pause.pausesMax) pauses already; without --url one pause is for all of them")
      }
    }
  }
}

private func printPause(_ pause: Pause, json: Bool) {
  printFields(
    [("id", pause.id.text), ("url", pause.url), ("createdAt", pause.createdAt.precise)], json: json)
}
