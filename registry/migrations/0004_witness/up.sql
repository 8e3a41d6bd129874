-- Where the audit log of each member was when this registry cosigned it last. A log only grows: a
-- smaller size is refused here too, whatever the program says.
CREATE TABLE witness_head (
    origin      TEXT   PRIMARY KEY NOT NULL,
    size        BIGINT NOT NULL CHECK (size >= 0),
    root        TEXT   NOT NULL, -- base64
    note        TEXT   NOT NULL, -- as signed by the log, with this registry's cosignature
    cosigned_at BIGINT NOT NULL  -- microseconds UTC
);

-- A log that was restored from a backup begins anew here, by the operator's word and for all to see.
CREATE TABLE witness_reset (
    id     INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    origin TEXT   NOT NULL,
    size   BIGINT NOT NULL, -- where the log had been
    root   TEXT   NOT NULL,
    reason TEXT   NOT NULL,
    at     BIGINT NOT NULL
);

CREATE TRIGGER witness_head_only_grows BEFORE UPDATE ON witness_head
WHEN NEW.origin <> OLD.origin OR NEW.size < OLD.size
    OR (NEW.size = OLD.size AND NEW.root <> OLD.root)
BEGIN SELECT RAISE (ABORT, 'a log that was cosigned only grows'); END;

CREATE TRIGGER witness_head_is_kept BEFORE DELETE ON witness_head
WHEN NOT EXISTS (
    SELECT 1 FROM witness_reset
    WHERE origin = OLD.origin AND size = OLD.size AND root = OLD.root
)
BEGIN SELECT RAISE (ABORT, 'where a log was is forgotten only by a reset that is written down'); END;

CREATE TRIGGER witness_reset_is_never_altered BEFORE UPDATE ON witness_reset
BEGIN SELECT RAISE (ABORT, 'the history of resets is append-only'); END;

CREATE TRIGGER witness_reset_is_never_removed BEFORE DELETE ON witness_reset
BEGIN SELECT RAISE (ABORT, 'the history of resets is append-only'); END;
