import ArgumentParser
import ParleyDomain
import ParleyEngine
import ParleyStorage

/// `parley listener`: looks at the listeners of all accounts, and ends them.
struct ListenerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "listener", abstract: "List and end listeners.",
    discussion: "Works on the database, with a server beside it or without one.\n\nExample: parley listener list",
    subcommands: [List.self, End.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the live listeners, with the API key that each was made with.", discussion: "Example: parley listener list --json")
    @OptionGroup var database: DatabaseOptions
    @Option(help: "Only listeners of the account with this SID.") var account: String?
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      let id = try account.map(sid)
      let listeners = try await database.withEngine { engine, _ in try await engine.operatorActions.listeners(of: id) }
      printTable(
        listeners.map { account, listener in
          [
            ("id", listener.id.text), ("accountSid", account.text), ("keySid", listener.credential?.key?.text),
            ("createdAt", listener.createdAt.precise), ("expiresAt", listener.expiresAt.precise),
            ("url", listener.url),
          ]
        }, json: json)
    }
  }

  struct End: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "End a listener before its time. What already waits for it is still sent, unless it is dropped.",
      discussion: "Example: parley listener end parley_listener_01kdq7q8f1k6j4dbt0xs9wzm3v")
    @OptionGroup var database: DatabaseOptions
    @Argument(help: "The listener's id.") var listener: String
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      guard let id = Listener.ID(listener) else { throw ValidationError("\(Terminal.text(listener)) is not an id of a listener") }
      let hasEnded = try await database.withEngine { engine, _ in try await engine.operatorActions.endListener(id) }
      guard hasEnded else { throw CommandFailure(StartFailure("there is no live listener \(id.text)")) }
      printFields([("ended", id.text)], json: json)
    }
  }
}
