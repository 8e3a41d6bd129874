-- The newest version of each directive: a FHIR Consent. kind 0: home (person), 1: local (patient).
CREATE TABLE directive (
    id TEXT PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL,
    kind SMALLINT NOT NULL,
    person TEXT,
    patient BIGINT,
    status TEXT NOT NULL,
    written_at BIGINT NOT NULL,
    raw TEXT NOT NULL
);
CREATE INDEX directive_person ON directive (person) WHERE person IS NOT NULL;
CREATE INDEX directive_patient ON directive (patient) WHERE patient IS NOT NULL;

-- Every version that ever was; nothing here is changed or removed.
CREATE TABLE directive_version (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    status TEXT NOT NULL,
    written_at BIGINT NOT NULL,
    raw TEXT NOT NULL,
    PRIMARY KEY (id, version)
);
CREATE TRIGGER directive_version_no_update BEFORE UPDATE ON directive_version
BEGIN SELECT RAISE(ABORT, 'consent versions are never changed'); END;
CREATE TRIGGER directive_version_no_delete BEFORE DELETE ON directive_version
BEGIN SELECT RAISE(ABORT, 'consent versions are never removed'); END;
CREATE TRIGGER directive_no_delete BEFORE DELETE ON directive
BEGIN SELECT RAISE(ABORT, 'consents are never removed'); END;

-- A visit code: keyed digests of its two forms, and the decision that the person made with it.
-- `categories` and `labels` are words with a space between; `ends_at` is the end of what it grants.
CREATE TABLE visit_code (
    id TEXT PRIMARY KEY NOT NULL,
    spoken BLOB NOT NULL UNIQUE,
    scanned BLOB NOT NULL UNIQUE,
    person TEXT NOT NULL,
    patient_reference TEXT NOT NULL,
    requester TEXT NOT NULL,
    practitioner_id TEXT,
    practitioner_role TEXT,
    purpose TEXT NOT NULL,
    categories TEXT NOT NULL,
    labels TEXT NOT NULL,
    ends_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

-- The hospitals that the person ticked, and the phone's signature where a token needs one.
CREATE TABLE visit_responder (
    code TEXT NOT NULL,
    responder TEXT NOT NULL,
    evidence_scope TEXT,
    evidence_until BIGINT,
    evidence BLOB,
    PRIMARY KEY (code, responder)
);

-- Wrong tries of a requester.
CREATE TABLE code_miss (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    requester TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX code_miss_requester ON code_miss (requester, at);

-- What a redeemed code lets its requester come back for: the directive is asked anew each time.
CREATE TABLE care_grant (
    id TEXT PRIMARY KEY NOT NULL,
    code TEXT NOT NULL,
    directive TEXT NOT NULL,
    person TEXT NOT NULL,
    requester TEXT NOT NULL,
    practitioner_id TEXT,
    practitioner_role TEXT,
    purpose TEXT NOT NULL,
    categories TEXT NOT NULL,
    redeemed_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);

-- Minted tokens, never the token itself: what it lets out (`scope`, `rules`) and the context it was
-- minted in, so that a change of mind ends exactly the tokens that it must.
CREATE TABLE minted_token (
    jti TEXT PRIMARY KEY NOT NULL,
    doc TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    person TEXT NOT NULL,
    client TEXT NOT NULL,
    audience TEXT NOT NULL,
    practitioner_id TEXT,
    practitioner_role TEXT,
    purpose TEXT NOT NULL,
    scope TEXT NOT NULL,
    rules TEXT NOT NULL,
    status_list INTEGER NOT NULL,
    status_idx INTEGER NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX minted_token_person ON minted_token (person, expires_at);
CREATE INDEX minted_token_ended ON minted_token (status_list, expires_at)
    WHERE ended_at IS NOT NULL;

-- One slot, one token, until that token has expired.
CREATE TABLE status_slot (
    list INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (list, idx)
);
