import ArgumentParser
import ParleyDomain
import ParleyEngine
import ParleyStorage

/// `parley delivery`: looks at deliveries, and gives up those that do harm.
struct DeliveryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delivery", abstract: "List deliveries, and drop those that wait.",
    discussion: "Works on the database, with a server beside it or without one.\n\nExample: parley delivery list --state PENDING",
    subcommands: [List.self, Drop.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List deliveries, the newest first.",
      discussion: "A line has the id, the account, the state, the attempts, the time, the event, the method and the URL.\n\n"
        + "Example: parley delivery list --state PENDING --account AC…")
    static let limits = 1...100_000
    @OptionGroup var database: DatabaseOptions
    @Option(help: "Only deliveries of the account with this SID.") var account: String?
    @Option(help: "Only deliveries in this state: PENDING, DELIVERED or FAILED.") var state: String?
    @Option(help: "Only deliveries to this URL, as the callback has it.") var url: String?
    @Option(help: ArgumentHelp("How many at most.", valueName: "n")) var limit = 50
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
      guard Self.limits.contains(limit) else {
        throw ValidationError("--limit must be \(Self.limits.lowerBound) to \(Self.limits.upperBound)")
      }
      if let state, Delivery.State(rawValue: state) == nil { throw ValidationError("--state must be PENDING, DELIVERED or FAILED") }
    }

    func run() async throws {
      let id = try account.map(sid)
      let filter = DeliveryFilter(url: url, states: state.flatMap(Delivery.State.init).map { [$0] } ?? [])
      let deliveries = try await database.withEngine { engine, _ in
        try await engine.operatorActions.deliveries(filter, of: id, limit: limit)
      }
      guard json else {
        for (account, delivery) in deliveries {
          let names = ["createdAt", "eventType", "method", "url"]
          let start = [delivery["id"]?.string ?? "", account.text, delivery["state"]?.string ?? "", delivery.number("attemptCount")]
          printResult((start + names.map { delivery[$0]?.string ?? "-" }).map(Terminal.text).joined(separator: "\t"))
        }
        return
      }
      var writer = JSONWriter()
      writer.array { writer in
        for (account, delivery) in deliveries {
          writer.object { writer in
            writer.member("accountSid", account.text)
            for (name, value) in delivery.members {
              writer.name(name)
              writer.value(value)
            }
          }
        }
      }
      printResult(String(decoding: writer.bytes, as: UTF8.self))
    }
  }

  struct Drop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give up deliveries that wait: they become FAILED, and can be sent again through the API.",
      discussion: """
        Takes ids, or --url or --conversation for all that wait there. What a server is sending at this moment may still arrive.

        Example: parley delivery drop parley_delivery_01kdq7q8f1k6j4dbt0xs9wzm3v
        """)
    @OptionGroup var database: DatabaseOptions
    static let idsMax = 1000
    @Argument(help: "Ids of deliveries, 1,000 at most.") var ids: [String] = []
    @Option(help: "All that wait for this URL, as the callback has it.") var url: String?
    @Option(help: "All of the conversation with this id.") var conversation: String?
    @Option(help: "Only deliveries of the account with this SID.") var account: String?
    @Flag(help: "Print JSON.") var json = false

    private static let tooMany = "give at most 1,000 ids at a time, or --url or --conversation for all that wait there"

    func validate() throws {
      guard ids.isEmpty != (url == nil && conversation == nil) else { throw ValidationError("give ids, or --url or --conversation") }
      guard ids.count <= Self.idsMax else { throw ValidationError(Self.tooMany) }
      if let wrong = ids.first(where: { Delivery.ID($0) == nil }) {
        throw ValidationError("\(Terminal.text(wrong)) is not an id of a delivery")
      }
      if let conversation, Conversation.ID(conversation) == nil {
        throw ValidationError("\(Terminal.text(conversation)) is not an id of a conversation")
      }
    }

    func run() async throws {
      let account = try account.map(sid)
      let wanted = ids.compactMap(Delivery.ID.init)
      let (count, missed) = try await database.withEngine { engine, _ in
        let actions = engine.operatorActions
        guard wanted.isEmpty else {
          let dropped = try await actions.drop(wanted, of: account)
          return (dropped.count, wanted.filter { !dropped.contains($0) })
        }
        return (try await actions.dropAll(url: url, conversation: conversation.flatMap(Conversation.ID.init), of: account), [])
      }
      printResult(json ? #"{"dropped":\#(count)}"# : "dropped: \(count)")
      guard missed.isEmpty else {
        throw CommandFailure(StartFailure("not waiting, so not dropped: \(missed.map(\.text).joined(separator: ", "))"))
      }
    }
  }
}

extension JSON.Object {
  fileprivate func number(_ name: String) -> String { if case .number(let number) = self[name] { number.text } else { "-" } }
}
