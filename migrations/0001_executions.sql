-- One row for every run, to list; the full record is in R2. Rows belong to an organization: every index begins with it.
CREATE TABLE executions (
  organization_id TEXT NOT NULL,
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  workflow_id TEXT NOT NULL,
  workflow_name TEXT NOT NULL,
  -- SHA-256 of the definition that the run was started on, in hex.
  definition_hash TEXT NOT NULL,
  status TEXT NOT NULL,
  -- Whether the status may still change. Kept beside it, so that SQL need not know which statuses are final.
  is_final INTEGER NOT NULL CHECK (is_final IN (0, 1)),
  error TEXT,
  -- Compute credits.
  usage REAL NOT NULL,
  -- ISO 8601 in UTC, so that the order of texts is the order of times.
  started_at TEXT NOT NULL,
  ended_at TEXT,
  -- The record of a live run as JSON, unless it is large: then it is in R2. Null once the run has ended.
  live_record TEXT,
  PRIMARY KEY (organization_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX executions_newest ON executions (organization_id, started_at DESC, id DESC);
CREATE INDEX executions_newest_by_status ON executions (organization_id, status, started_at DESC, id DESC);
