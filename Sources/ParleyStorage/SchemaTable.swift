extension SystemTransaction {
  /// The number of the schema that the database has; an error if it can't be asked.
  package func schemaNumber() throws -> Int64 {
    try connection.one("SELECT number FROM parley_schema WHERE id = 1") { $0.integer(0) } ?? 0
  }
}
