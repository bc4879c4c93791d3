/// One step of the schema. Frozen once released: a change is a new step.
struct Migration {
  let number: Int64
  /// The oldest binary, by the schema number it knows, that may still use a database after this step.
  let oldestCompatible: Int64
  /// Statements in the dialect that all databases share.
  let text: String
}

extension Migration {
  /// The number of the newest step, which is the schema that this binary knows.
  static var newest: Int64 { all[all.count - 1].number }

  static let all = [
    Migration(
      number: 1, oldestCompatible: 1,
      text: """
        CREATE TABLE parley_schema (
          id BIGINT PRIMARY KEY CHECK (id = 1),
          number BIGINT NOT NULL,
          oldest_compatible BIGINT NOT NULL,
          key_check TEXT
        );

        CREATE TABLE account (
          id TEXT PRIMARY KEY,
          name TEXT NOT NULL,
          sealed_token TEXT NOT NULL,
          created_at BIGINT NOT NULL,
          disabled_at BIGINT
        );

        CREATE TABLE api_key (
          id TEXT PRIMARY KEY,
          account_id TEXT NOT NULL REFERENCES account (id),
          name TEXT NOT NULL,
          secret_hash TEXT NOT NULL,
          created_at BIGINT NOT NULL,
          revoked_at BIGINT
        );
        CREATE INDEX api_key_of_account ON api_key (account_id, created_at);

        CREATE TABLE configuration (
          account_id TEXT NOT NULL REFERENCES account (id),
          id TEXT NOT NULL,
          version BIGINT NOT NULL,
          memory_store_id TEXT NOT NULL,
          bridged_service_id TEXT,
          created_at BIGINT NOT NULL,
          updated_at BIGINT NOT NULL,
          PRIMARY KEY (account_id, id)
        );
        CREATE INDEX configuration_of_store ON configuration (account_id, memory_store_id, id);
        CREATE UNIQUE INDEX configuration_of_service ON configuration (account_id, bridged_service_id)
          WHERE bridged_service_id IS NOT NULL;

        CREATE TABLE configuration_version (
          account_id TEXT NOT NULL REFERENCES account (id),
          configuration_id TEXT NOT NULL,
          version BIGINT NOT NULL,
          grouping_type TEXT NOT NULL,
          memory_store_id TEXT NOT NULL,
          form BIGINT NOT NULL DEFAULT 1,
          settings TEXT NOT NULL,
          PRIMARY KEY (account_id, configuration_id, version)
        );

        CREATE TABLE operation (
          account_id TEXT NOT NULL REFERENCES account (id),
          id TEXT NOT NULL,
          created_at BIGINT NOT NULL,
          form BIGINT NOT NULL DEFAULT 1,
          document TEXT NOT NULL,
          PRIMARY KEY (account_id, id)
        );

        CREATE TABLE idempotency_key (
          account_id TEXT NOT NULL REFERENCES account (id),
          key TEXT NOT NULL,
          fingerprint TEXT NOT NULL,
          created_at BIGINT NOT NULL,
          operation_id TEXT NOT NULL,
          configuration_id TEXT NOT NULL,
          status_url TEXT NOT NULL,
          PRIMARY KEY (account_id, key)
        );

        CREATE TABLE conversation (
          account_id TEXT NOT NULL REFERENCES account (id),
          id TEXT NOT NULL,
          status TEXT NOT NULL CHECK (status IN ('ACTIVE', 'INACTIVE', 'CLOSED')),
          configuration_id TEXT,
          configuration_version BIGINT,
          settings_override TEXT,
          grouping_scope TEXT NOT NULL,
          grouping_type TEXT NOT NULL,
          participant_count BIGINT NOT NULL CHECK (participant_count BETWEEN 0 AND 100),
          next_position BIGINT NOT NULL,
          form BIGINT NOT NULL DEFAULT 1,
          document TEXT NOT NULL,
          PRIMARY KEY (account_id, id),
          FOREIGN KEY (account_id, configuration_id, configuration_version)
            REFERENCES configuration_version (account_id, configuration_id, version)
        );
        CREATE INDEX conversation_by_status ON conversation (account_id, status, id);

        CREATE TABLE participant (
          account_id TEXT NOT NULL,
          conversation_id TEXT NOT NULL,
          id TEXT NOT NULL,
          position BIGINT NOT NULL,
          type TEXT NOT NULL,
          profile_id TEXT,
          form BIGINT NOT NULL DEFAULT 1,
          document TEXT NOT NULL,
          PRIMARY KEY (account_id, conversation_id, id),
          FOREIGN KEY (account_id, conversation_id) REFERENCES conversation (account_id, id)
        );
        CREATE UNIQUE INDEX participant_by_position ON participant (account_id, conversation_id, position);

        CREATE TABLE owned_address (
          account_id TEXT NOT NULL,
          conversation_id TEXT NOT NULL,
          channel TEXT NOT NULL,
          normal_form TEXT NOT NULL,
          participant_id TEXT NOT NULL,
          PRIMARY KEY (account_id, conversation_id, channel, normal_form),
          FOREIGN KEY (account_id, conversation_id, participant_id) REFERENCES participant (account_id, conversation_id, id)
        );

        CREATE TABLE channel_link (
          account_id TEXT NOT NULL,
          channel_id TEXT NOT NULL,
          conversation_id TEXT NOT NULL,
          owner_id TEXT NOT NULL,
          PRIMARY KEY (account_id, channel_id, conversation_id, owner_id),
          FOREIGN KEY (account_id, conversation_id) REFERENCES conversation (account_id, id)
        );

        CREATE TABLE grouping_key (
          account_id TEXT NOT NULL,
          scope TEXT NOT NULL,
          key TEXT NOT NULL,
          conversation_id TEXT NOT NULL,
          PRIMARY KEY (account_id, scope, key),
          FOREIGN KEY (account_id, conversation_id) REFERENCES conversation (account_id, id)
        );
        CREATE INDEX grouping_key_of_conversation ON grouping_key (account_id, conversation_id);
        """)
  ]
}
