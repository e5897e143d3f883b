-- Which of the platform's instances runs a run, when that has another id than the run: an id is known to the whole platform, and
-- a run's belongs to its organization. Null for a run whose instance has its id.
ALTER TABLE executions ADD COLUMN instance_id TEXT;
