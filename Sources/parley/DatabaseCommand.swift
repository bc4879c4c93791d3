import ArgumentParser
import ParleyDomain
import ParleyStorage

/// `parley db`: the schema, and moving an installation.
struct DatabaseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "db", abstract: "Look after the database: its schema, and copies from one kind to another.",
    discussion: "Example: parley db status", subcommands: [Status.self, Migrate.self, Copy.self])

  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print which schema the database has, and which steps it lacks. Changes nothing.",
      discussion: "Example: parley db status --json")
    @OptionGroup var database: DatabaseOptions
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      let settings = try readSettings(flags: database.flags)
      let state = try failing { try settings.database.schemaState() }
      guard json else {
        return printResult(
          """
          database: \(settings.database.place)
          schema: \(state.number) of \(Schema.number) that this parley knows
          oldest compatible: \(state.oldestCompatible)
          steps to take: \(state.pending.isEmpty ? "none" : state.pending.map(String.init).joined(separator: ", "))
          sealed: \(state.isSealed ? "yes" : "no")
          """)
      }
      var writer = JSONWriter()
      writer.object { writer in
        writer.member("database", settings.database.place)
        writer.member("schema", state.number)
        writer.member("known", Schema.number)
        writer.member("oldestCompatible", state.oldestCompatible)
        writer.name("pending")
        writer.array { writer in for step in state.pending { writer.integer(step) } }
        writer.name("sealed")
        writer.bool(state.isSealed)
      }
      printResult(String(decoding: writer.bytes, as: UTF8.self))
    }
  }

  struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take the steps of the schema that the database lacks.",
      discussion: """
        Servers do it when they start, unless PARLEY_DATABASE_MIGRATE is false. Nodes that migrate at the same time wait for each other.

        Example: parley db migrate --dry-run
        """)
    @OptionGroup var database: DatabaseOptions
    @Flag(help: "Print the SQL of the steps, and change nothing.") var dryRun = false

    func run() async throws {
      let settings = try readSettings(flags: database.flags)
      let location = settings.database
      if dryRun {
        let pending = try failing { try location.schemaState().pending }
        return printResult(pending.isEmpty ? "-- nothing to do" : location.text(of: pending))
      }
      let taken = try failing { try location.migrate() }
      printResult(taken.isEmpty ? "schema \(Schema.number), nothing to do" : "schema \(Schema.number), steps taken: \(taken.count)")
    }
  }

  struct Copy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copy a whole installation into an empty database, and check the copy.",
      discussion: """
        All or nothing: the target is written in one transaction. Stop the servers first, or what they write meanwhile stays behind. The
        secret key stays the same. A password belongs into the environment (PGPASSWORD) or a password file.

        Example: parley db copy --from sqlite:data/parley.db --to postgres://parley@db.internal/parley
        """)
    @Option(help: ArgumentHelp("The database to copy.", valueName: "url")) var from: String
    @Option(help: ArgumentHelp("The database to fill, which must be empty.", valueName: "url")) var to: String
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
      for (name, text) in [("--from", from), ("--to", to)] {
        guard let location = DatabaseLocation(text) else {
          throw ValidationError("\(name) must be sqlite:PATH or postgres://USER@HOST:PORT/NAME")
        }
        if location.hasPassword { throw ValidationError("\(name) has a password, which ps shows: use PGPASSWORD or a password file") }
      }
    }

    func run() async throws {
      guard let source = DatabaseLocation(from), let target = DatabaseLocation(to) else { return }
      var told = ("", 0)
      let tables = try failing {
        try DatabaseCopy.run(from: source, to: target) { table, rows in
          // Not each of thousands of batches.
          guard rows == 0 || rows - told.1 >= Self.rowsBetweenReports else { return }
          told = (table, rows)
          say(rows == 0 ? "\(table)…" : "\(table): \(rows) rows")
        }
      }
      guard json else {
        for table in tables { printResult("\(table.name)\t\(table.rows)\t\(table.checksum)") }
        return say("\(source.place) was copied to \(target.place), and the copy was checked. It needs the same secret key.")
      }
      var writer = JSONWriter()
      writer.array { writer in
        for table in tables {
          writer.object { writer in
            writer.member("table", table.name)
            writer.member("rows", Int64(table.rows))
            writer.member("checksum", table.checksum)
          }
        }
      }
      printResult(String(decoding: writer.bytes, as: UTF8.self))
    }

    private static let rowsBetweenReports = 50_000
  }
}

private func failing<Answer>(_ work: () throws -> Answer) throws -> Answer {
  do { return try work() } catch { throw CommandFailure(error) }
}
