import ArgumentParser
import CBuild
import Foundation
import ParleyDomain
import ParleyStorage

/// `parley backup`: a copy of the database beside a running server.
struct Backup: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a consistent, checked copy of the database, beside a running server.",
    discussion: "Keep the secret key as well: without it the copy can't be used.\n\nExample: parley backup --to backups/monday.db")
  @OptionGroup var database: DatabaseOptions
  @Option(help: "The file to write; it must not exist.") var to: String

  func run() async throws {
    let settings = try readSettings(flags: database.flags)
    do {
      guard case .sqlite(let path) = settings.database else {
        throw StartFailure("parley backup copies embedded databases: for \(settings.database.place) use PostgreSQL's own tools")
      }
      try SQLiteDatabase.backUp(path, to: to)
    } catch {
      throw CommandFailure(error)
    }
    printResult("\(settings.database.place) was copied to \(to). It needs the key in \(settings.secretKeyFile).")
  }
}

/// `parley health`: whether a running server is ready.
struct Health: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ask a running server whether it is ready; the exit status is 0 if it is.",
    discussion: "Example: parley health --wait 30")
  @OptionGroup var database: DatabaseOptions
  @Option(help: "Address that the server listens on.") var host: String?
  @Option(help: "Port that the server listens on.") var port: String?
  @Option(help: ArgumentHelp("How long to ask again while it is not ready.", valueName: "seconds")) var wait = 0

  /// For one answer.
  private static let answerTime = Duration.seconds(5)

  func validate() throws {
    guard (0...86_400).contains(wait) else { throw ValidationError("--wait must be 0 to 86400 seconds") }
  }

  func run() async throws {
    let own = ["PARLEY_HOST": host, "PARLEY_PORT": port].compactMapValues { $0 }
    let settings = try readSettings(flags: own.merging(database.flags) { own, _ in own })
    let end = ContinuousClock.now + .seconds(wait)
    // A server that takes the connection and says nothing must not cost more than the wait.
    while !isReady(settings, within: wait > 0 ? min(Self.answerTime, end - .now) : Self.answerTime) {
      guard ContinuousClock.now < end else { throw CommandFailure(StartFailure("the server is not ready")) }
      usleep(100_000)
    }
    printResult("ready")
  }

  /// A server that picked its port says it in account.env.
  private func isReady(_ settings: Settings, within time: Duration) -> Bool {
    var port = settings.port
    if port == 0 {
      guard let folder = settings.database.folder, let url = (try? AccountFile(in: folder))?.url,
        let written = Int(url.split(separator: ":").last ?? "")
      else { return false }
      port = written
    }
    return LocalHost.status(of: "/ready", host: settings.host, port: port, within: time) == 200
  }
}

/// `parley version`: what this binary is.
struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Print version, commit, date of the API that it follows, and schema number.",
    discussion: "Example: parley version --json")
  static let version = "0.1.0"
  /// Date of the official Python client, 9.13.0, against which the API is held.
  static let apiDate = "2026-11-06"

  @Flag(help: "Print JSON.") var json = false

  func run() throws {
    let commit = String(cString: parley_build_commit())
    guard json else {
      return printResult(
        "parley \(Self.version) (commit \(commit.isEmpty ? "unknown" : commit)), API of \(Self.apiDate), schema \(Schema.number)")
    }
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("version", Self.version)
      writer.member("commit", commit)
      writer.member("apiDate", Self.apiDate)
      writer.member("schema", Schema.number)
    }
    printResult(String(decoding: writer.bytes, as: UTF8.self))
  }
}
