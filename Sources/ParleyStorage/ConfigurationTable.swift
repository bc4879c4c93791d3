import ParleyDomain

extension Transaction {
  /// Adds a configuration with its first version. The id of another one of the account that has the same bridged service is returned
  /// instead of adding anything (B-CFG-6).
  package func insert(_ configuration: Configuration, of draft: ConfigurationDraft) throws -> Configuration.ID? {
    let inserted = try connection.run(
      """
      INSERT INTO configuration (account_id, id, version, memory_store_id, bridged_service_id, created_at, updated_at)
      VALUES (\(account), \(configuration.id), \(configuration.version), \(draft.memoryStoreId), \(draft.bridgedServiceId),
        \(configuration.createdAt), \(configuration.updatedAt))
      ON CONFLICT DO NOTHING
      """)
    guard inserted == 1 else {
      let holder: Configuration.ID? = try connection.one(
        "SELECT id FROM configuration WHERE account_id = \(account) AND bridged_service_id = \(draft.bridgedServiceId)"
      ) { $0.id(0) }
      // Only where several writers run side by side: the holder let go between our two looks.
      guard let holder else { throw ChangedHands(what: "a bridged service") }
      return holder
    }
    try connection.send(
      """
      INSERT INTO configuration_version (account_id, configuration_id, version, grouping_type, memory_store_id, form, settings,
        capture_rules)
      VALUES (\(account), \(configuration.id), \(configuration.version), \(draft.groupingType.rawValue), \(draft.memoryStoreId),
        \(SettingsForm.apart), \(configuration.settings.text), \(configuration.settings.rules))
      """)
    return nil
  }

  package func configuration(_ id: Configuration.ID) throws -> Configuration? {
    try connection.one(
      """
      SELECT c.id, c.version, c.created_at, c.updated_at, v.settings, v.capture_rules, v.form
      FROM configuration AS c JOIN configuration_version AS v
        ON v.account_id = c.account_id AND v.configuration_id = c.id AND v.version = c.version
      WHERE c.account_id = \(account) AND c.id = \(id)
      """, Self.configuration)
  }

  /// A page of configurations, newest first, of one memory store if it is given (B-CFG-14).
  package func configurations(memoryStoreId: String?, _ request: PageRequest) throws -> Page {
    try page(
      request,
      select: { direction, key, limit in
        let (beyond, order): (StaticString, StaticString) = direction == .next ? ("<", "DESC") : (">", "ASC")
        let key = key ?? "conv_configuration_~"
        return if let memoryStoreId {
          """
          SELECT c.id, c.version, c.created_at, c.updated_at, v.settings, v.capture_rules, v.form
          FROM configuration AS c JOIN configuration_version AS v
            ON v.account_id = c.account_id AND v.configuration_id = c.id AND v.version = c.version
          WHERE c.account_id = \(account) AND c.memory_store_id = \(memoryStoreId) AND c.id \(sql: beyond) \(key)
          ORDER BY c.id \(sql: order) LIMIT \(limit)
          """
        } else {
          """
          SELECT c.id, c.version, c.created_at, c.updated_at, v.settings, v.capture_rules, v.form
          FROM configuration AS c JOIN configuration_version AS v
            ON v.account_id = c.account_id AND v.configuration_id = c.id AND v.version = c.version
          WHERE c.account_id = \(account) AND c.id \(sql: beyond) \(key)
          ORDER BY c.id \(sql: order) LIMIT \(limit)
          """
        }
      },
      append: { row, items in items.append(contentsOf: try Self.configuration(row).document()) })
  }

  /// What a new conversation takes of a configuration; nil when there is no such one.
  package func currentVersion(of id: Configuration.ID) throws -> ConfigurationVersion? {
    try connection.one(
      """
      SELECT v.version, v.grouping_type, v.memory_store_id FROM configuration AS c JOIN configuration_version AS v
        ON v.account_id = c.account_id AND v.configuration_id = c.id AND v.version = c.version
      WHERE c.account_id = \(account) AND c.id = \(id)
      """
    ) { ConfigurationVersion(number: $0.integer(0), groupingType: try $0.choice(1), memoryStoreId: $0.text(2)) }
  }

  private static func configuration(_ row: any Row) throws -> Configuration {
    Configuration(
      id: row.id(0), version: row.integer(1), createdAt: row.timestamp(2), updatedAt: row.timestamp(3), settings: row.settings(at: 4))
  }
}

/// Where the capture rules of a version stand.
enum SettingsForm {
  /// In the settings themselves, as all did before there was another form.
  static let whole: Int64 = 1
  /// In a column of their own.
  static let apart: Int64 = 2
}

/// The version has its capture rules in its settings, which may be too large to be read inside a write. They are to be set apart first.
package struct SettingsNotApart: Error {
  package let configurationId: Configuration.ID
  package let version: Int64
}

extension Transaction {
  /// Settings of a version that has its rules among them; nil if it has not.
  package func wholeSettings(of one: SettingsNotApart) throws -> KeptSettings? {
    try connection.one(
      """
      SELECT settings, capture_rules, form FROM configuration_version
      WHERE account_id = \(account) AND configuration_id = \(one.configurationId) AND version = \(one.version)
        AND form = \(SettingsForm.whole)
      """
    ) { $0.settings(at: 0) }
  }

  /// Keeps the same settings in the other form.
  package func setApart(_ settings: KeptSettings, of one: SettingsNotApart) throws {
    try connection.send(
      """
      UPDATE configuration_version SET settings = \(settings.text), capture_rules = \(settings.rules), form = \(SettingsForm.apart)
      WHERE account_id = \(account) AND configuration_id = \(one.configurationId) AND version = \(one.version)
        AND form = \(SettingsForm.whole)
      """)
  }
}

extension Row {
  /// The columns `settings`, `capture_rules` and `form` of a version, the first at `column`.
  func settings(at column: Int32) -> KeptSettings {
    KeptSettings(text: bytes(column), rules: optionalBytes(column + 1), isWhole: integer(column + 2) == SettingsForm.whole)
  }
}
