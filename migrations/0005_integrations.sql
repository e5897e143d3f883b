-- One row for every integration of an organization with another service. Its tokens are sealed.
CREATE TABLE integrations (
  organization_id TEXT NOT NULL,
  id TEXT NOT NULL,
  -- Removed ones keep their number alone: tokens that were on their way for them must not pass for those of a later connection.
  status TEXT NOT NULL CHECK (status IN ('connected', 'expired', 'removed')),
  -- Of the tokens: rises by one with every change of them.
  version INTEGER NOT NULL,
  provider TEXT NOT NULL,
  -- JSON.
  scopes TEXT NOT NULL,
  -- Milliseconds since 1970, as all times here. Null for a token that does not expire.
  expires_at REAL,
  connected_at REAL NOT NULL,
  updated_at REAL NOT NULL,
  -- Of the master key.
  key_version INTEGER,
  -- Access token and refresh token as JSON, encrypted.
  envelope TEXT,
  PRIMARY KEY (organization_id, id),
  CHECK ((envelope IS NULL) = (status = 'removed') AND (key_version IS NULL) = (status = 'removed'))
) STRICT, WITHOUT ROWID;

-- What stands under older master keys.
CREATE INDEX integrations_by_key ON integrations (key_version, organization_id, id);
