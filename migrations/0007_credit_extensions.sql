-- Nodes that report more than their types cost: by how much each, and what runs have reserved for it beyond their estimates.

ALTER TABLE credit_entries ADD COLUMN excess INTEGER NOT NULL DEFAULT 0 CHECK (excess >= 0);
-- A part of what the account has as reserved. Given back with the estimate, when the run is settled.
ALTER TABLE credit_entries ADD COLUMN extended INTEGER NOT NULL DEFAULT 0 CHECK (extended >= 0);

-- By node, so that a step which runs twice counts once. Their sum is the run's `excess`.
CREATE TABLE credit_excesses (
  organization_id TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (organization_id, execution_id, node_id)
) STRICT, WITHOUT ROWID;

-- Written as in 0003: each on one line, with one statement and no CASE.
CREATE TRIGGER credit_excesses_inserted AFTER INSERT ON credit_excesses BEGIN UPDATE credit_entries SET excess = excess + NEW.amount WHERE organization_id = NEW.organization_id AND execution_id = NEW.execution_id; END;
CREATE TRIGGER credit_excesses_corrected AFTER UPDATE OF amount ON credit_excesses BEGIN UPDATE credit_entries SET excess = excess + NEW.amount - OLD.amount WHERE organization_id = NEW.organization_id AND execution_id = NEW.execution_id; END;

CREATE TRIGGER credit_entries_extended_within_plan BEFORE UPDATE OF extended ON credit_entries WHEN NEW.extended > OLD.extended AND EXISTS (SELECT 1 FROM credit_accounts WHERE organization_id = NEW.organization_id AND reserved + spent + NEW.extended - OLD.extended > plan_limit) BEGIN SELECT RAISE(ABORT, 'The reservation does not fit the plan of the organization'); END;
CREATE TRIGGER credit_entries_extended AFTER UPDATE OF extended ON credit_entries BEGIN UPDATE credit_accounts SET reserved = reserved + NEW.extended - OLD.extended WHERE organization_id = NEW.organization_id; END;

-- The two of 0003 that know nothing of extensions.
DROP TRIGGER credit_entries_settled;
CREATE TRIGGER credit_entries_settled AFTER UPDATE OF status ON credit_entries WHEN OLD.status = 'reserved' AND NEW.status = 'settled' BEGIN UPDATE credit_accounts SET reserved = reserved - NEW.estimate - NEW.extended, spent = min(spent + NEW.usage, 4294967296000000), is_unpublished = is_unpublished OR NEW.usage > 0 WHERE organization_id = NEW.organization_id; END;
DROP TRIGGER credit_entries_settled_once;
CREATE TRIGGER credit_entries_settled_once BEFORE UPDATE OF organization_id, execution_id, status, estimate, extended, usage ON credit_entries WHEN OLD.status = 'settled' OR NEW.organization_id IS NOT OLD.organization_id OR NEW.execution_id IS NOT OLD.execution_id OR NEW.estimate IS NOT OLD.estimate OR NEW.extended < OLD.extended BEGIN SELECT RAISE(ABORT, 'An entry of the ledger changes once, when it is settled'); END;
