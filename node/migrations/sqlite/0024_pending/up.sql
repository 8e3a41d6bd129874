-- At home: a code that names nobody. Who hands it in asks; codes as keyed digests.
CREATE TABLE open_code (
    id TEXT PRIMARY KEY NOT NULL,
    spoken BLOB NOT NULL UNIQUE,
    scanned BLOB NOT NULL UNIQUE,
    person TEXT NOT NULL,
    patient_reference TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX open_code_person ON open_code (person) WHERE used_at IS NULL;

-- At home: who asked a person with an open code. Answered without a grant is declined.
CREATE TABLE pending_request (
    id TEXT PRIMARY KEY NOT NULL,
    code TEXT NOT NULL,
    person TEXT NOT NULL,
    patient_reference TEXT NOT NULL,
    requester TEXT NOT NULL,
    practitioner_id TEXT NOT NULL,
    practitioner_role TEXT NOT NULL,
    practitioner_name TEXT,
    purpose TEXT NOT NULL,
    categories TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    answered_at BIGINT,
    grant_id TEXT
);
CREATE INDEX pending_request_person ON pending_request (person, asked_at);

-- At the requester: what its physicians wait for, and the held grant that came of it.
CREATE TABLE asked_grant (
    id TEXT PRIMARY KEY NOT NULL,
    home TEXT NOT NULL,
    pending TEXT NOT NULL,
    purpose TEXT NOT NULL,
    practitioner TEXT NOT NULL,
    role TEXT NOT NULL,
    categories TEXT NOT NULL,
    patient TEXT,
    asked_by TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    held_grant TEXT
);
