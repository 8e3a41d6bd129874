-- What people bring in of what they measured. A person's key makes pseudonyms of the names that they
-- gave their devices.
CREATE TABLE vital_person (
    patient BIGINT PRIMARY KEY NOT NULL,
    pseudonym_key BLOB NOT NULL
);

-- Uploads of exports: how far each is. `report` says what is in it, `choice` what of it is wanted.
CREATE TABLE vital_upload (
    id TEXT PRIMARY KEY NOT NULL,
    person TEXT NOT NULL,
    patient BIGINT NOT NULL,
    state TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    reason TEXT,
    report TEXT,
    choice TEXT,
    saved BIGINT NOT NULL,
    duplicates BIGINT NOT NULL,
    outside BIGINT NOT NULL
);
CREATE INDEX vital_upload_of ON vital_upload (patient, created_at);

-- The resources that an upload created: what undoing it deletes.
CREATE TABLE vital_brought (
    upload TEXT NOT NULL REFERENCES vital_upload (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    PRIMARY KEY (upload, id)
) WITHOUT ROWID;

-- Upload tokens, as digests: whoever has one may add to one chart, and read nothing.
CREATE TABLE vital_token (
    id TEXT PRIMARY KEY NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    person TEXT NOT NULL,
    patient BIGINT NOT NULL,
    label TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX vital_token_of ON vital_token (patient, created_at);
