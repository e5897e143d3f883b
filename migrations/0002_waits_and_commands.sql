-- What a run was started with, what it was told, and when it last moved: for redrives, commands and the watchdog.

-- What the run was started with, but for its document, as JSON, unless it is large: then it is in R2. Null when it is not known.
ALTER TABLE executions ADD COLUMN params TEXT;
-- Whether nothing has happened yet: the record is then made from the definition, and live_record is null.
ALTER TABLE executions ADD COLUMN is_initial INTEGER NOT NULL DEFAULT 0 CHECK (is_initial IN (0, 1));
-- When the row was last saved, in milliseconds since 1970.
ALTER TABLE executions ADD COLUMN updated_at REAL NOT NULL DEFAULT 0;
-- The last command that was accepted. Numbers begin at 1 and rise by one; 0 before the first.
ALTER TABLE executions ADD COLUMN command TEXT CHECK (command IN ('pause', 'resume', 'cancel'));
ALTER TABLE executions ADD COLUMN command_number INTEGER NOT NULL DEFAULT 0;
-- The last command that the run has seen.
ALTER TABLE executions ADD COLUMN acknowledged_number INTEGER NOT NULL DEFAULT 0;

UPDATE executions SET updated_at = unixepoch(started_at) * 1000;

-- Live rows alone, of all organizations, so that the watchdog reads no finished ones.
CREATE INDEX executions_live ON executions (organization_id, id) WHERE NOT is_final;
CREATE INDEX executions_newest_by_workflow ON executions (organization_id, workflow_id, started_at DESC, id DESC);

-- Documents that runs were started on, each once for an organization. Large ones are in R2.
CREATE TABLE definitions (
  organization_id TEXT NOT NULL,
  -- SHA-256 of the document, in hex.
  hash TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (organization_id, hash)
) STRICT, WITHOUT ROWID;

-- One row for every wait of a node. Who asks for it and who answers it meet here; events only wake the run.
CREATE TABLE waits (
  organization_id TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  -- Of the wait within its node.
  name TEXT NOT NULL,
  event_type TEXT NOT NULL,
  -- That waits, when it is a part of the run and not the run's own.
  instance_id TEXT,
  -- Milliseconds since 1970, as all times here; a duration may have a fraction of one.
  opened_at REAL NOT NULL,
  -- Null for a wait that never expires.
  deadline REAL,
  -- JSON.
  question TEXT NOT NULL,
  -- Leaves `open` once.
  status TEXT NOT NULL CHECK (status IN ('open', 'answered', 'expired', 'closed')),
  -- JSON.
  answer TEXT,
  answered_at REAL,
  -- Whether the run has read its answer: nobody need wake it for that any more.
  is_taken INTEGER NOT NULL DEFAULT 0 CHECK (is_taken IN (0, 1)),
  PRIMARY KEY (organization_id, execution_id, node_id, name),
  CHECK ((answer IS NOT NULL) = (status = 'answered') AND (answered_at IS NOT NULL) = (status = 'answered')),
  CHECK (NOT is_taken OR status = 'answered')
) STRICT, WITHOUT ROWID;
