-- Staff who sign in on pages. `handle` is what their passkeys know them by (16 random bytes). A role
-- that changes ends their sessions; a disabled account opens nothing.
CREATE TABLE staff (
    id TEXT PRIMARY KEY NOT NULL,
    handle BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);

-- Signed-in browsers: only the SHA-256 of the cookie's token. `owner` is staff:ID or person:ID;
-- `patient` is the person's own chart here. `last_seen_at` is exact to half a minute. A session that
-- idled is locked, and resumed under another token; an ended one stays for the list.
CREATE TABLE session (
    id TEXT PRIMARY KEY NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    role TEXT NOT NULL,
    patient BIGINT,
    acr TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    locked_at BIGINT,
    second_factor_at BIGINT,
    ended_at BIGINT,
    ended_as TEXT
);
CREATE INDEX session_owner ON session (owner, ended_at);

-- Passkeys (WebAuthn credentials): public keys and counters, no secret. `passkey` is JSON.
CREATE TABLE passkey (
    id TEXT PRIMARY KEY NOT NULL,
    credential BLOB NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    patient BIGINT,
    label TEXT NOT NULL,
    passkey TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX passkey_owner ON passkey (owner);

-- One-time links to a first passkey: only the SHA-256 of the token.
CREATE TABLE setup_link (
    id TEXT PRIMARY KEY NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    staff TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    ended_as TEXT
);
CREATE INDEX setup_link_staff ON setup_link (staff);

-- What was begun in a browser and waits for its answer, minutes at most: taken out once, whatever
-- the answer.
CREATE TABLE ceremony (
    digest BLOB PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Codes of the desk for people who enrol: keyed digests of the code, and of the code with the birth
-- date, so that neither stands here.
CREATE TABLE enrolment_code (
    digest BLOB PRIMARY KEY NOT NULL,
    birth BLOB NOT NULL,
    person TEXT NOT NULL,
    patient BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    ended_as TEXT
);
CREATE INDEX enrolment_code_person ON enrolment_code (person);

-- Wrong tries at the doors, by the keyed digest of what was tried.
CREATE TABLE entry_miss (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    who BLOB NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX entry_miss_who ON entry_miss (who, at);

-- Public keys of the hospital's systems that may bring a member of staff here by a signed link, and
-- the links that were used.
CREATE TABLE system_key (
    id TEXT PRIMARY KEY NOT NULL,
    system TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    public_key BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE TABLE opened_link (
    key_id TEXT NOT NULL,
    jti TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, jti)
) WITHOUT ROWID;
