/// One step of the schema. Frozen once released: a change is a new step.
struct Migration {
  let number: Int64
  /// The oldest binary, by the schema number it knows, that may still use a database after this step.
  let oldestCompatible: Int64
  /// Statements in the dialect that all databases share, but for `WITHOUT ROWID`, which is SQLite's: small rows that come and go cost it a
  /// page less then.
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
        """),
    // A binary that does not know it would change conversations without telling anyone.
    Migration(
      number: 2, oldestCompatible: 2,
      text: """
        CREATE TABLE delivery (
          account_id TEXT NOT NULL REFERENCES account (id),
          id TEXT NOT NULL,
          conversation_id TEXT NOT NULL,
          event_type TEXT NOT NULL,
          url TEXT NOT NULL,
          url_hash TEXT NOT NULL,
          method TEXT NOT NULL,
          lane_id TEXT NOT NULL,
          host TEXT NOT NULL,
          token TEXT NOT NULL,
          request_id TEXT NOT NULL,
          state TEXT NOT NULL CHECK (state IN ('PENDING', 'DELIVERED', 'FAILED')),
          attempt_count BIGINT NOT NULL,
          created_at BIGINT NOT NULL,
          finished_at BIGINT,
          next_attempt_at BIGINT,
          body TEXT NOT NULL,
          PRIMARY KEY (account_id, id)
        );
        CREATE INDEX delivery_of_conversation ON delivery (account_id, conversation_id, id);
        CREATE INDEX delivery_pending ON delivery (account_id, id, url_hash, created_at) WHERE state = 'PENDING';
        CREATE INDEX delivery_failed ON delivery (account_id, id) WHERE state = 'FAILED';

        CREATE TABLE attempt (
          account_id TEXT NOT NULL,
          delivery_id TEXT NOT NULL,
          number BIGINT NOT NULL,
          started_at BIGINT NOT NULL,
          milliseconds BIGINT NOT NULL,
          status BIGINT,
          failure TEXT,
          reply TEXT NOT NULL,
          next_attempt_at BIGINT,
          PRIMARY KEY (account_id, delivery_id, number),
          FOREIGN KEY (account_id, delivery_id) REFERENCES delivery (account_id, id)
        ) WITHOUT ROWID;

        CREATE TABLE lane (
          account_id TEXT NOT NULL,
          id TEXT NOT NULL,
          host TEXT NOT NULL,
          url_hash TEXT NOT NULL,
          due_at BIGINT NOT NULL,
          lease TEXT NOT NULL,
          paused BIGINT NOT NULL,
          PRIMARY KEY (account_id, id)
        ) WITHOUT ROWID;
        CREATE INDEX lane_due ON lane (host, due_at) WHERE paused = 0;

        CREATE TABLE job (
          account_id TEXT NOT NULL,
          lane_id TEXT NOT NULL,
          position BIGINT NOT NULL,
          key TEXT NOT NULL,
          work TEXT NOT NULL,
          attempts BIGINT NOT NULL,
          PRIMARY KEY (account_id, lane_id, position),
          FOREIGN KEY (account_id, lane_id) REFERENCES lane (account_id, id)
        ) WITHOUT ROWID;

        CREATE TABLE listener (
          account_id TEXT NOT NULL REFERENCES account (id),
          id TEXT NOT NULL,
          url TEXT NOT NULL,
          created_at BIGINT NOT NULL,
          expires_at BIGINT NOT NULL,
          PRIMARY KEY (account_id, id)
        );

        CREATE TABLE webhook_pause (
          account_id TEXT NOT NULL REFERENCES account (id),
          id TEXT NOT NULL,
          url TEXT NOT NULL,
          url_hash TEXT NOT NULL,
          created_at BIGINT NOT NULL,
          PRIMARY KEY (account_id, id)
        );
        CREATE UNIQUE INDEX webhook_pause_of_url ON webhook_pause (account_id, url_hash);

        CREATE INDEX idempotency_key_by_time ON idempotency_key (account_id, created_at);
        """),
    // A binary that does not know it would send to accounts whose webhooks are all paused and to listeners whose key is revoked, and would
    // take over a lane without counting the end of the process that had it.
    Migration(
      number: 3, oldestCompatible: 3,
      text: """
        ALTER TABLE account ADD COLUMN token_number BIGINT NOT NULL DEFAULT 1;

        ALTER TABLE lane ADD COLUMN set_at BIGINT NOT NULL DEFAULT 0;
        CREATE INDEX lane_suspect ON lane (due_at) WHERE paused = 2;
        ALTER TABLE job ADD COLUMN ends BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE job ADD COLUMN ends_alone BIGINT NOT NULL DEFAULT 0;

        ALTER TABLE listener ADD COLUMN set_at BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE listener ADD COLUMN key_id TEXT;
        ALTER TABLE listener ADD COLUMN token_number BIGINT;
        ALTER TABLE delivery ADD COLUMN key_id TEXT;
        ALTER TABLE delivery ADD COLUMN token_number BIGINT;
        """),
    // A binary that does not know it would show configurations without their capture rules.
    Migration(
      number: 4, oldestCompatible: 4,
      text: """
        ALTER TABLE configuration_version ADD COLUMN capture_rules TEXT;
        """),
    Migration(number: 5, oldestCompatible: 4, text: "ALTER TABLE attempt ADD COLUMN reason TEXT;"),
  ]
}
