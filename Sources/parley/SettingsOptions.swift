import ArgumentParser
import Foundation
import ParleyAPI
import ParleyDomain
import ParleyEngine
import ParleyStorage

/// The flags that every command on a database takes.
struct DatabaseOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The database, as sqlite:PATH or postgres://USER@HOST:PORT/NAME, without a password.", valueName: "url"))
  var databaseURL: String?

  @Option(help: ArgumentHelp("File with the key that seals auth tokens.", valueName: "file"))
  var secretKeyFile: String?

  @Option(help: ArgumentHelp("File of settings, NAME=value a line.", valueName: "file"))
  var config: String?

  var flags: [String: String] {
    ["PARLEY_DATABASE_URL": databaseURL, "PARLEY_SECRET_KEY_FILE": secretKeyFile, "PARLEY_CONFIG": config].compactMapValues { $0 }
  }

  /// Runs work on the database beside whatever else uses it, and closes it. A database is made only if `create` is true; it is false for a
  /// command that would make one if it were asked to, and nil for one that never does.
  func withEngine<Answer>(
    create: Bool? = nil, _ settings: Settings? = nil, _ work: (Engine, Settings) async throws -> Answer
  ) async throws -> Answer {
    let settings = try settings ?? readSettings(flags: flags)
    do {
      let (database, key) = try openDatabase(settings, as: .command, create: create)
      let engine = Engine(database: database, key: key, callbacks: CallbackPolicy(settings.privateHosts))
      let answer = try await work(engine, settings)
      await database.close()
      return answer
    } catch {
      throw CommandFailure(error)
    }
  }
}

/// Opens the database with the key that it was sealed with. An empty one that is embedded gets a new key, if none is at hand; a server's does
/// not, because all its nodes need the same. Unless `create` is true, a database without Parley's tables is refused and left as it is; if it
/// is false, the error says that `--create` makes them.
func openDatabase(_ settings: Settings, as role: DatabaseRole, create: Bool?) throws -> (any Database, SecretKey) {
  var key: SecretKey?
  let place = settings.database.place
  let isEmbedded = settings.database.folder != nil
  let makes = create == true
  let hint = create == false ? ". Name another with --database-url or PARLEY_DATABASE_URL, or give --create to make this one" : ""
  if !makes, settings.database.isMissing { throw StartFailure("there is no database at \(settings.database.placeInFull)\(hint)") }
  func atHand() throws -> SecretKey? { try settings.secretKey ?? SecretKeyFile.read(settings.secretKeyFile) }
  if !isEmbedded, try atHand() == nil {
    throw StartFailure(
      "\(place) needs the key that all its nodes share, and there is no \(settings.secretKeyFile). For a new database: "
        + "(umask 077; openssl rand -base64 32 > \(settings.secretKeyFile))")
  }
  if create == false, try settings.database.schemaState().number == 0 {
    throw StartFailure("\(settings.database.placeInFull) has no tables of Parley\(hint)")
  }
  let database = try settings.database.open(
    as: role, connections: role == .server ? settings.databaseConnections : 1, migrates: settings.migrates && makes
  ) { check in
    guard let used = try atHand() ?? (check == nil ? SecretKeyFile.make(settings.secretKeyFile) : nil) else {
      throw StartFailure("\(place) was sealed with a key that is not at hand: there is no \(settings.secretKeyFile)")
    }
    if let check, check != used.check { throw StartFailure("\(place) was sealed with another key than the one given") }
    key = used
    return used.check
  }
  guard let key else { throw StartFailure("\(place) was opened without a key") }
  return (database, key)
}

/// Reads the settings; wrong ones end the command with all of them named.
func readSettings(flags: [String: String], needsWholeAccount: Bool = true) throws -> Settings {
  do {
    let settings = try Settings.read(flags: flags, needsWholeAccount: needsWholeAccount)
    for name in settings.unknown { say("\(Terminal.text(name)) is no setting of this version and has no effect") }
    return settings
  } catch let wrong as WrongSettings {
    say(wrong.description)
    throw ExitCode(64)
  }
}

/// What a command ends with: a sentence on standard error and status 1.
struct CommandFailure: Error, CustomStringConvertible {
  let description: String

  init(_ error: any Error) {
    // Much of it comes from elsewhere: from files, servers, the file system.
    switch error {
    case let failure as CommandFailure: description = failure.description
    case ParleyError.unavailable(let cause): description = Terminal.lines("the database can't be used now: \(cause)")
    default: description = Terminal.lines("\(error)")
    }
  }
}

/// Tells the person at the terminal something that is no result.
func say(_ text: String) { _ = writeLine(text, to: STDERR_FILENO) }

/// Writes a result; one that can't be written ends the command with status 1.
func printResult(_ text: String) {
  guard writeLine(text, to: STDOUT_FILENO) else {
    say("the result can't be written: \(String(cString: strerror(errno)))")
    Foundation.exit(1)
  }
}

/// Whatever the text has in it, a terminal only shows it.
private func writeLine(_ text: String, to descriptor: Int32) -> Bool {
  var rest = Array("\(Terminal.lines(text))\n".utf8)[...]
  while !rest.isEmpty {
    let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if written < 0, errno == EINTR { continue }
    if written <= 0 { return false }
    rest = rest.dropFirst(written)
  }
  return true
}
