-- The last restore from a backup, if there ever was one: what was accepted between the backup and
-- then is not known here. `finished` is false while the restore is at work.
CREATE TABLE IF NOT EXISTS restored (
    one SMALLINT NOT NULL PRIMARY KEY CHECK (one = 1),
    at BIGINT NOT NULL,
    backup TEXT NOT NULL,
    finished BOOLEAN NOT NULL
);
