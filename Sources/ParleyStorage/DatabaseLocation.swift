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

  /// The place, a relative path with its folder: for messages to somebody who may be in the wrong one.
  package var placeInFull: String {
    guard case .sqlite(let path) = self, !path.hasPrefix("/") else { return place }
    return "\(path) in \(FileManager.default.currentDirectoryPath)"
  }

  /// Whether the text that says it has a password in it.
  package var hasPassword: Bool { if case .postgres(let url) = self { url.hasPassword } else { false } }

  /// The folder of an embedded database, where what belongs to it lies as well; nil for a server's. If the path is a link, it is the folder
  /// of the file that the link leads to: one database has one, whatever links there are.
  package var folder: String? {
    guard case .sqlite(var path) = self else { return nil }
    var found = stat()
    if lstat(path, &found) == 0, found.st_mode & S_IFMT == S_IFLNK, let real = try? SQLiteFile.real(path) { path = real }
    return Folders.folder(of: path)
  }

  /// Whether there is nothing at the place of an embedded database.
  package var isMissing: Bool { if case .sqlite(let path) = self { !SQLiteFile.isThere(path) } else { false } }

  /// A sentence for the operator if others on the machine may read or change the file of the database or its log; nil if they may not.
  package var exposure: String? {
    guard case .sqlite(let place) = self, let path = try? SQLiteFile.real(place) else { return nil }
    for (name, file) in [(place, path), (place + "-wal", path + "-wal")] {
      var found = stat()
      guard lstat(file, &found) == 0, found.st_mode & S_IFMT == S_IFREG else { continue }
      if geteuid() != 0, found.st_uid != geteuid() {
        return "\(name) belongs to another user (\(found.st_uid)), who can read and change what is in it"
      }
      if found.st_mode & 0o077 != 0 {
        let mode = String(found.st_mode & 0o777, radix: 8)
        return "\(name) has mode 0\(mode), so that others on this machine may read or change what is in it: chmod 600 \(name)"
      }
    }
    return nil
  }

  /// What the database says of its schema.
  package func schemaState() throws -> SchemaState {
    try withStartFailures {
      switch self {
      case .sqlite(let path):
        return try SQLiteSchema(connection: SQLiteConnection(path: SQLiteFile.existing(path)), path: path).state()
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
