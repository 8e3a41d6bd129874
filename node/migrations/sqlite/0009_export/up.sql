-- Exports: who asked for what, as of which commit, how far it is. `kind` and `behind` are the place
-- where it stands: what lies before is in its files, as long as `export_file` says.
CREATE TABLE export_job (
    id TEXT PRIMARY KEY NOT NULL,
    role TEXT NOT NULL,
    actor TEXT NOT NULL,
    scope TEXT NOT NULL,
    asked TEXT NOT NULL,
    request TEXT NOT NULL,
    txn BIGINT NOT NULL,
    transaction_time BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    kind TEXT NOT NULL,
    behind TEXT NOT NULL,
    ended_at BIGINT,
    expires_at BIGINT
);

CREATE TABLE export_file (
    job TEXT NOT NULL REFERENCES export_job (id) ON DELETE CASCADE,
    part TEXT NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    resources BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (job, part, kind, number)
) WITHOUT ROWID;

-- What an export refers to outside of charts, and whether it was looked at.
CREATE TABLE export_reference (
    job TEXT NOT NULL REFERENCES export_job (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    done BOOLEAN NOT NULL,
    PRIMARY KEY (job, kind, id)
) WITHOUT ROWID;
CREATE INDEX export_reference_to_do ON export_reference (job, done, kind, id);
