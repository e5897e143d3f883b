-- What organizations may spend, have reserved and have spent. Amounts are whole millionths of a compute credit, so that sums are
-- exact. The sums are kept by triggers and the limit is guarded by one: whoever writes, they hold.

CREATE TABLE credit_accounts (
  organization_id TEXT NOT NULL PRIMARY KEY,
  -- Null for an organization that was given no plan: then only those who start its runs limit it.
  plan TEXT CHECK (plan IN ('fixed', 'overage', 'unlimited')),
  allowance INTEGER CHECK (allowance >= 0),
  -- Beyond the allowance, 0 for a fixed one.
  overage INTEGER CHECK (overage >= 0),
  -- Null without a limit, because a sum with null is null.
  plan_limit INTEGER GENERATED ALWAYS AS (allowance + overage) VIRTUAL,
  -- By runs that have not ended.
  reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  spent INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),
  -- Whether the copy in KV has not been written since something was spent.
  is_unpublished INTEGER NOT NULL DEFAULT 0 CHECK (is_unpublished IN (0, 1)),
  -- Until then nobody writes a copy, in milliseconds since 1970: one is being written, or one was a moment ago.
  publish_after INTEGER NOT NULL DEFAULT 0,
  CHECK (plan IS NOT 'fixed' OR (allowance IS NOT NULL AND overage IS 0)),
  CHECK (plan IS NOT 'overage' OR allowance IS NOT NULL),
  CHECK (plan IN ('fixed', 'overage') OR (allowance IS NULL AND overage IS NULL))
) STRICT, WITHOUT ROWID;

-- For the watchdog, which writes the copies that others could not.
CREATE INDEX credit_accounts_unpublished ON credit_accounts (organization_id) WHERE is_unpublished;

-- The ledger: one row for every run, first what it is expected to cost and then what it did cost.
CREATE TABLE credit_entries (
  organization_id TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  -- Changes once.
  status TEXT NOT NULL CHECK (status IN ('reserved', 'settled')),
  estimate INTEGER NOT NULL CHECK (estimate >= 0),
  usage INTEGER NOT NULL DEFAULT 0 CHECK (usage >= 0),
  -- Milliseconds since 1970.
  reserved_at REAL NOT NULL,
  settled_at REAL,
  -- The sum of what credit_allotments holds for the run.
  allotted INTEGER NOT NULL DEFAULT 0 CHECK (allotted >= 0),
  -- Whether a node was refused. Then every later one is, also when a smaller one would fit, since a replay must meet the same answers.
  is_over_budget INTEGER NOT NULL DEFAULT 0 CHECK (is_over_budget IN (0, 1)),
  PRIMARY KEY (organization_id, execution_id),
  CHECK ((settled_at IS NOT NULL) = (status = 'settled')),
  CHECK (status = 'settled' OR usage = 0)
) STRICT, WITHOUT ROWID;

-- Reservations alone, of all organizations, so that the watchdog reads nothing that is settled.
CREATE INDEX credit_entries_open ON credit_entries (organization_id, execution_id) WHERE status = 'reserved';

-- What nodes of runs with a budget may spend, and once they have completed, what they did.
CREATE TABLE credit_allotments (
  organization_id TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (organization_id, execution_id, node_id)
) STRICT, WITHOUT ROWID;

-- Each trigger stands on one line, with one statement, BEGIN and END in capitals and no CASE. The endpoint of D1 that
-- `wrangler d1 migrations apply --remote` sends a migration to cuts other triggers in two, though local databases take them.

-- Writers ask for the limit themselves, and get no error but no row. This is for one that does not.
CREATE TRIGGER credit_entries_within_plan BEFORE INSERT ON credit_entries WHEN NEW.status = 'reserved' AND EXISTS (SELECT 1 FROM credit_accounts WHERE organization_id = NEW.organization_id AND reserved + spent + NEW.estimate > plan_limit) BEGIN SELECT RAISE(ABORT, 'The reservation does not fit the plan of the organization'); END;

-- What is spent is counted up to 2^32 credits. Beyond it JavaScript cannot tell one millionth from the next.
CREATE TRIGGER credit_entries_inserted AFTER INSERT ON credit_entries BEGIN INSERT INTO credit_accounts (organization_id, reserved, spent, is_unpublished) VALUES (NEW.organization_id, iif(NEW.status = 'reserved', NEW.estimate, 0), NEW.usage, NEW.usage > 0) ON CONFLICT (organization_id) DO UPDATE SET reserved = reserved + excluded.reserved, spent = min(spent + excluded.spent, 4294967296000000), is_unpublished = is_unpublished OR excluded.is_unpublished; END;
CREATE TRIGGER credit_entries_settled AFTER UPDATE OF status ON credit_entries WHEN OLD.status = 'reserved' AND NEW.status = 'settled' BEGIN UPDATE credit_accounts SET reserved = reserved - NEW.estimate, spent = min(spent + NEW.usage, 4294967296000000), is_unpublished = is_unpublished OR NEW.usage > 0 WHERE organization_id = NEW.organization_id; END;

-- The sums follow a new entry and its settlement. Nothing else may change what they are made of.
CREATE TRIGGER credit_entries_settled_once BEFORE UPDATE OF organization_id, execution_id, status, estimate, usage ON credit_entries WHEN OLD.status = 'settled' OR NEW.organization_id IS NOT OLD.organization_id OR NEW.execution_id IS NOT OLD.execution_id OR NEW.estimate IS NOT OLD.estimate BEGIN SELECT RAISE(ABORT, 'An entry of the ledger changes once, when it is settled'); END;
-- Whoever removes an organization removes its account first.
CREATE TRIGGER credit_entries_kept BEFORE DELETE ON credit_entries WHEN EXISTS (SELECT 1 FROM credit_accounts WHERE organization_id = OLD.organization_id) BEGIN SELECT RAISE(ABORT, 'The ledger keeps its entries while there is an account'); END;

CREATE TRIGGER credit_allotments_inserted AFTER INSERT ON credit_allotments BEGIN UPDATE credit_entries SET allotted = allotted + NEW.amount WHERE organization_id = NEW.organization_id AND execution_id = NEW.execution_id; END;
CREATE TRIGGER credit_allotments_corrected AFTER UPDATE OF amount ON credit_allotments BEGIN UPDATE credit_entries SET allotted = allotted + NEW.amount - OLD.amount WHERE organization_id = NEW.organization_id AND execution_id = NEW.execution_id; END;

-- A record and the cost of its run become final in one transaction, so that no crash comes between them and the ledger is the sum of
-- the records. What a row holds as usage is in credits.
CREATE TRIGGER credit_entries_settled_by_update AFTER UPDATE OF is_final ON executions WHEN NEW.is_final AND NOT OLD.is_final BEGIN UPDATE credit_entries SET status = 'settled', usage = CAST(round(NEW.usage * 1000000) AS INTEGER), settled_at = NEW.updated_at WHERE organization_id = NEW.organization_id AND execution_id = NEW.id AND status = 'reserved'; END;
CREATE TRIGGER credit_entries_settled_by_insert AFTER INSERT ON executions WHEN NEW.is_final BEGIN UPDATE credit_entries SET status = 'settled', usage = CAST(round(NEW.usage * 1000000) AS INTEGER), settled_at = NEW.updated_at WHERE organization_id = NEW.organization_id AND execution_id = NEW.id AND status = 'reserved'; END;
