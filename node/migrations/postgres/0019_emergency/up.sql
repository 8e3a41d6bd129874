-- The second factor of a practitioner of this house (TOTP). The secret is not here: it is made of this
-- salt with a key that stands beside the database. `last_step` is the newest time step whose code was
-- taken: none is taken twice. `misses` counts wrong codes since the last right one or lock, `locks`
-- the locks since the last right one.
CREATE TABLE second_factor (
    practitioner TEXT PRIMARY KEY NOT NULL,
    salt BYTEA NOT NULL,
    enrolled_at BIGINT NOT NULL,
    last_step BIGINT NOT NULL,
    shown_at BIGINT,
    misses BIGINT NOT NULL,
    locks BIGINT NOT NULL,
    locked_until BIGINT NOT NULL
);

-- Emergency questions of a day in Asia/Tokyo, misses too: of a practitioner of this house, of a member
-- that asks it.
CREATE TABLE emergency_count (
    side TEXT NOT NULL,
    who TEXT NOT NULL,
    day TEXT NOT NULL,
    questions BIGINT NOT NULL,
    PRIMARY KEY (side, who, day)
);

-- Every emergency question that this house asked, and every one that it answered about a patient; each
-- is a review until somebody closes it. Never removed.
CREATE TABLE emergency_access (
    id TEXT PRIMARY KEY NOT NULL,
    side TEXT NOT NULL,
    at BIGINT NOT NULL,
    asker TEXT NOT NULL,
    practitioner TEXT NOT NULL,
    reason_code TEXT NOT NULL,
    reason TEXT NOT NULL,
    patient BIGINT,
    shown BIGINT NOT NULL,
    closed_at BIGINT,
    closed_by TEXT,
    note TEXT
);
CREATE INDEX emergency_access_open ON emergency_access (side, practitioner, at) WHERE closed_at IS NULL;
CREATE INDEX emergency_access_patient ON emergency_access (patient, at) WHERE patient IS NOT NULL;

-- At a responder: the homes that an access is to be told to, by the handle that each knows.
CREATE TABLE emergency_notice_owed (
    access TEXT NOT NULL,
    handle TEXT NOT NULL,
    home TEXT NOT NULL,
    tries BIGINT NOT NULL,
    next_try_at BIGINT NOT NULL,
    told_at BIGINT,
    PRIMARY KEY (access, handle)
);
CREATE INDEX emergency_notice_owed_untold ON emergency_notice_owed (next_try_at) WHERE told_at IS NULL;

-- At home: what hospitals told of emergency accesses to the records of enrolled persons.
CREATE TABLE emergency_notice (
    responder TEXT NOT NULL,
    id TEXT NOT NULL,
    person TEXT NOT NULL,
    asker TEXT NOT NULL,
    practitioner TEXT NOT NULL,
    reason_code TEXT NOT NULL,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL,
    shown BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (responder, id)
);
CREATE INDEX emergency_notice_person ON emergency_notice (person, at);
