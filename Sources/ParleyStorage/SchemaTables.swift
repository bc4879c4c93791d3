/// The tables of the schema as they are copied from one database to another, those that others refer to first.
struct SchemaTable {
  let name: String
  /// The columns of the primary key, by which rows are ordered.
  let key: [String]
  /// The columns that hold numbers; all others hold text.
  let numbers: Set<String>
  let columns: [String]

  private init(_ name: String, key: [String], text: [String] = [], numbers: [String]) {
    (self.name, self.key, self.numbers) = (name, key, Set(numbers))
    // A key is text, or its columns are said to be numbers.
    columns = key + (text + numbers).filter { !key.contains($0) }
  }

  /// All but `parley_schema`, whose row every database has of its own.
  static let all = [
    SchemaTable("account", key: ["id"], text: ["name", "sealed_token"], numbers: ["created_at", "disabled_at", "token_number"]),
    SchemaTable("api_key", key: ["id"], text: ["account_id", "name", "secret_hash"], numbers: ["created_at", "revoked_at"]),
    SchemaTable(
      "configuration", key: ["account_id", "id"], text: ["memory_store_id", "bridged_service_id"],
      numbers: ["version", "created_at", "updated_at"]),
    SchemaTable(
      "configuration_version", key: ["account_id", "configuration_id", "version"],
      text: ["grouping_type", "memory_store_id", "settings", "capture_rules"],
      numbers: ["version", "form"]),
    SchemaTable("operation", key: ["account_id", "id"], text: ["document"], numbers: ["created_at", "form"]),
    SchemaTable(
      "idempotency_key", key: ["account_id", "key"], text: ["fingerprint", "operation_id", "configuration_id", "status_url"],
      numbers: ["created_at"]),
    SchemaTable(
      "conversation", key: ["account_id", "id"],
      text: ["status", "configuration_id", "settings_override", "grouping_scope", "grouping_type", "document"],
      numbers: ["configuration_version", "participant_count", "next_position", "form"]),
    SchemaTable(
      "participant", key: ["account_id", "conversation_id", "id"], text: ["type", "profile_id", "document"], numbers: ["position", "form"]),
    SchemaTable(
      "owned_address", key: ["account_id", "conversation_id", "channel", "normal_form"], text: ["participant_id"], numbers: []),
    SchemaTable("channel_link", key: ["account_id", "channel_id", "conversation_id", "owner_id"], numbers: []),
    SchemaTable("grouping_key", key: ["account_id", "scope", "key"], text: ["conversation_id"], numbers: []),
    SchemaTable(
      "delivery", key: ["account_id", "id"],
      text: [
        "conversation_id", "event_type", "url", "url_hash", "method", "lane_id", "host", "token", "request_id", "state", "body", "key_id",
      ],
      numbers: ["attempt_count", "created_at", "finished_at", "next_attempt_at", "token_number"]),
    SchemaTable(
      "attempt", key: ["account_id", "delivery_id", "number"], text: ["failure", "reply", "reason"],
      numbers: ["number", "started_at", "milliseconds", "status", "next_attempt_at"]),
    SchemaTable("lane", key: ["account_id", "id"], text: ["host", "url_hash", "lease"], numbers: ["due_at", "set_at", "paused"]),
    SchemaTable(
      "job", key: ["account_id", "lane_id", "position"], text: ["key", "work"], numbers: ["position", "attempts", "ends", "ends_alone"]),
    SchemaTable(
      "listener", key: ["account_id", "id"], text: ["url", "key_id"], numbers: ["created_at", "expires_at", "set_at", "token_number"]),
    SchemaTable("webhook_pause", key: ["account_id", "id"], text: ["url", "url_hash"], numbers: ["created_at"]),
  ]

  /// Rows behind a key in the order of the key, nil for the first ones.
  func rows(behind key: [Value]?, limit: Int64) -> SQL {
    let names = self.key.joined(separator: ", ")
    let from = "SELECT \(columns.joined(separator: ", ")) FROM \(name)"
    guard let key else { return SQL(text: "\(from) ORDER BY \(names) LIMIT $1", values: [.integer(limit)]) }
    let places = key.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
    return SQL(
      text: "\(from) WHERE (\(names)) > (\(places)) ORDER BY \(names) LIMIT $\(key.count + 1)", values: key + [.integer(limit)])
  }

  func insert(_ rows: [[Value]]) -> SQL {
    var place = 0
    let places = rows.map { row in
      let numbers = row.map { _ -> String in
        place += 1
        return "$\(place)"
      }
      return "(\(numbers.joined(separator: ", ")))"
    }
    return SQL(
      text: "INSERT INTO \(name) (\(columns.joined(separator: ", "))) VALUES \(places.joined(separator: ", "))", values: rows.flatMap { $0 }
    )
  }

  /// A row of `rows` as values, and those of its key.
  func values(_ row: any Row) -> [Value] {
    columns.enumerated().map { index, name in
      let column = Int32(index)
      return row.isNull(column) ? .null : numbers.contains(name) ? .integer(row.integer(column)) : .bytes(row.bytes(column))
    }
  }

  func key(of values: [Value]) -> [Value] { Array(values[..<key.count]) }
}
