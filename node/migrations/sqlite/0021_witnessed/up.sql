-- Where the audit logs of other members were when this node cosigned them last. A log only grows: a
-- smaller size is refused here too, whatever the program says.
CREATE TABLE witnessed_log (
    origin TEXT PRIMARY KEY NOT NULL,
    size BIGINT NOT NULL CHECK (size >= 0),
    root TEXT NOT NULL,
    cosigned_at BIGINT NOT NULL
);
CREATE TRIGGER witnessed_log_only_grows BEFORE UPDATE ON witnessed_log
WHEN NEW.origin <> OLD.origin OR NEW.size < OLD.size
    OR (NEW.size = OLD.size AND NEW.root <> OLD.root)
BEGIN SELECT RAISE(ABORT, 'a log that was cosigned only grows'); END;
