/**
 * The tables, and how an older file becomes a newer one: each migration is run once, in order, and
 * `user_version` counts them. A migration that was released is never edited; a change is a new one.
 *
 * Ids are UUIDv7, so primary keys grow at their right edge; WITHOUT ROWID keeps a row and its key in one
 * tree. An exchange has one index for both questions of time: waiting rows have no `ended_at` and lie in
 * it by deadline, ended rows by the time of their end. What a state derives from its package is not stored.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE exchange (
    id TEXT PRIMARY KEY, consumer TEXT NOT NULL, flow TEXT NOT NULL,
    accepted_at INTEGER NOT NULL, deadline_at INTEGER NOT NULL,
    lane TEXT NOT NULL, sequence INTEGER NOT NULL, request_digest TEXT NOT NULL,
    idempotency_key TEXT, call_digest TEXT,
    state TEXT, ended_at INTEGER, code TEXT,
    status INTEGER, content_type TEXT, headers TEXT, body BLOB
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX exchange_time ON exchange (ended_at, deadline_at);
  CREATE UNIQUE INDEX exchange_key ON exchange (consumer, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
  CREATE TABLE ended_exchanges (state TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE out_lane (
    lane TEXT PRIMARY KEY, head INTEGER NOT NULL, head_digest TEXT NOT NULL,
    acknowledged INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE out_package (
    lane TEXT, sequence INTEGER, package_id TEXT NOT NULL, digest TEXT NOT NULL,
    bytes INTEGER NOT NULL, messages INTEGER NOT NULL,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, awaits_receipt INTEGER NOT NULL,
    sent_at INTEGER, acknowledged_at INTEGER,
    PRIMARY KEY (lane, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX out_package_unacknowledged ON out_package (lane, sequence)
    WHERE awaits_receipt = 1 AND acknowledged_at IS NULL;
  CREATE INDEX out_package_time ON out_package (created_at);

  CREATE TABLE content (package_id TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;

  CREATE TABLE in_lane (lane TEXT PRIMARY KEY, contiguous INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE in_package (
    lane TEXT, sequence INTEGER, package_id TEXT NOT NULL, digest TEXT NOT NULL,
    previous TEXT NOT NULL, bytes INTEGER NOT NULL, messages INTEGER NOT NULL,
    received_at INTEGER NOT NULL, finished INTEGER NOT NULL,
    PRIMARY KEY (lane, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX in_package_unfinished ON in_package (received_at) WHERE finished = 0;
  CREATE INDEX in_package_time ON in_package (received_at);
  CREATE TABLE in_message (
    id TEXT PRIMARY KEY, lane TEXT NOT NULL, sequence INTEGER NOT NULL, flow TEXT NOT NULL,
    consumer TEXT NOT NULL, deadline_at INTEGER NOT NULL, received_at INTEGER NOT NULL,
    state TEXT NOT NULL, finished_at INTEGER, code TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX in_message_package ON in_message (lane, sequence);

  CREATE TABLE policy (
    version INTEGER PRIMARY KEY, bundle BLOB NOT NULL, applied_at INTEGER NOT NULL,
    actor TEXT NOT NULL
  ) STRICT;
  CREATE TABLE audit_block (
    sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL,
    count INTEGER NOT NULL, total INTEGER NOT NULL, events BLOB NOT NULL
  ) STRICT;
  CREATE TABLE proof (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
  `,
  'ALTER TABLE ended_exchanges ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;',
  `
  CREATE TABLE mask_key (
    one INTEGER PRIMARY KEY CHECK (one = 1), wrapped BLOB NOT NULL
  ) STRICT;
  CREATE TABLE token (
    consumer TEXT, lookup BLOB, token TEXT NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (consumer, lookup)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX token_value ON token (consumer, token);
  `,
  `
  CREATE TABLE signature_use (
    key TEXT PRIMARY KEY, id TEXT NOT NULL, consumer TEXT NOT NULL, until_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX signature_use_time ON signature_use (until_at);
  CREATE TABLE credential_use (
    consumer TEXT, credential TEXT, at INTEGER NOT NULL, PRIMARY KEY (consumer, credential)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE policy_plan (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, details TEXT NOT NULL, policy BLOB NOT NULL
  ) STRICT;
  CREATE TABLE allowance (
    key TEXT PRIMARY KEY, used_at INTEGER NOT NULL, usage TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
];

/** "SLYP": tells a store of ours from any other SQLite file. */
export const applicationId = 0x534c5950;

/** Small tables that must be whole for the node to know its place; checked whatever the file's size. */
export const vitalTables: readonly string[] = [
  'out_lane',
  'in_lane',
  'policy',
  'ended_exchanges',
  'mask_key',
];
