import Foundation

/// Where a database is: `sqlite:PATH` or a URL of PostgreSQL's.
package enum DatabaseLocation: Sendable, Equatable {
  case sqlite(path: String)
  case postgres(PostgresURL)

  /// Nil for any other text.
  package init?(_ text: String) {
    if PostgresURL.isOne(text) {
      guard let url = PostgresURL(text) else { return nil }
      self = .postgres(url)
      return
    }
    guard text.hasPrefix("sqlite:") else { return nil }
    let path = text.dropFirst("sqlite:".count)
    // sqlite:///absolute/path, as some write it
    let plain = path.hasPrefix("///") ? path.dropFirst(2) : path
    if plain.isEmpty || plain.hasPrefix("//") { return nil }
    self = .sqlite(path: String(plain))
  }

  /// The place for people, without a password.
  package var place: String {
    switch self {
    case .sqlite(let path): path
    case .postgres(let url): url.place
    }
  }

  /// Whether the text that says it has a password in it.
  package var hasPassword: Bool { if case .postgres(let url) = self { url.hasPassword } else { false } }

  /// The folder of an embedded database, where what belongs to it lies as well; nil for a server's.
  package var folder: String? {
    guard case .sqlite(let path) = self else { return nil }
    return URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
  }

  /// What the database says of its schema.
  package func schemaState() throws -> SchemaState {
    try withStartFailures {
      switch self {
      case .sqlite(let path):
        guard FileManager.default.fileExists(atPath: path) else { throw StartFailure("there is no database at \(path)") }
        return try SQLiteSchema(connection: SQLiteConnection(path: path), path: path).state()
      case .postgres(let url): return try PostgresSchema(connection: PostgresConnection(forCommands: url)).state()
      }
    }
  }

  /// Brings the schema up to date and answers the numbers of the steps that were taken. The database is not sealed by it. An SQLite file must
  /// not be in use by a server; nodes of a PostgreSQL database may run, if the steps say so.
  package func migrate() throws -> [Int64] {
    try withStartFailures {
      switch self {
      case .sqlite(let path): try SQLiteDatabase.migrate(path)
      case .postgres(let url): try PostgresSchema(connection: PostgresConnection(forCommands: url)).migrate()
      }
    }
  }

  /// The text of the steps, as this kind of database takes them.
  package func text(of steps: [Int64]) -> String {
    let migrations = Migration.all.filter { steps.contains($0.number) }
    return migrations.map { migration in
      switch self {
      case .sqlite: migration.text
      case .postgres: PostgresSchema.text(of: migration)
      }
    }.joined(separator: "\n\n")
  }

  /// Runs work, and gives what a database says a sentence for the person at the terminal.
  func withStartFailures<Answer>(_ work: () throws -> Answer) throws -> Answer {
    do {
      return try work()
    } catch let error as PostgresError {
      throw StartFailure("\(place) can't be used: \(error.message)")
    } catch let error as SQLiteError {
      throw StartFailure("\(place) can't be used: \(error.message)")
    }
  }

  /// Opens the database. The schema is brought up to date if the role may and `migrates` is true; `seal` gets the key check that the
  /// database has, nil in a new one, and returns the one to keep, or throws to refuse the database.
  package func open(
    as role: DatabaseRole, connections: Int, migrates: Bool, seal: (_ keyCheck: String?) throws -> String
  ) throws -> any Database {
    switch self {
    case .sqlite(let path): try SQLiteDatabase(path: path, role: role, migrates: migrates, seal: seal)
    case .postgres(let url): try PostgresDatabase(url, role: role, connections: connections, migrates: migrates, seal: seal)
    }
  }
}
