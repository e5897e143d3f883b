-- Secrets of organizations: encrypted, each bound to its row. Nothing here opens without the master key, which is not in D1.
CREATE TABLE secrets (
  organization_id TEXT NOT NULL,
  name TEXT NOT NULL,
  -- Of the master key that the envelope is sealed under.
  key_version INTEGER NOT NULL CHECK (key_version > 0),
  envelope TEXT NOT NULL,
  -- Milliseconds since 1970.
  created_at REAL NOT NULL,
  updated_at REAL NOT NULL,
  PRIMARY KEY (organization_id, name)
) STRICT, WITHOUT ROWID;

-- For rotation, in the order in which it goes.
CREATE INDEX secrets_by_key ON secrets (key_version, organization_id, name);
