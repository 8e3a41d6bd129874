-- Resources as they were given (raw), what the consent decision looks at (facts), and narrow index
-- tables. Times are microseconds UTC. `patient` is the rid of the Patient whose chart a row belongs
-- to, 0 for none: the distribution key of a sharded PostgreSQL, so it stands in every table.
-- `date` is the clinical date that lists are sorted by, the lowest integer where there is none.

-- One row: the number of the last commit, the last rid given out, what the index rows were made by.
CREATE TABLE records_counter (
    one SMALLINT NOT NULL PRIMARY KEY CHECK (one = 1),
    txn BIGINT NOT NULL,
    rid BIGINT NOT NULL,
    extraction BIGINT NOT NULL
);
INSERT INTO records_counter (one, txn, rid, extraction) VALUES (1, 0, 0, 0);

-- The newest version of each resource. version 0: referred to, but never given to us.
CREATE TABLE resource (
    rid BIGINT NOT NULL PRIMARY KEY,
    type SMALLINT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    txn BIGINT NOT NULL,
    born BIGINT NOT NULL,
    at BIGINT NOT NULL,
    deleted BOOLEAN NOT NULL,
    patient BIGINT NOT NULL,
    category SMALLINT NOT NULL,
    contained SMALLINT NOT NULL,
    labels BIGINT NOT NULL,
    date BIGINT NOT NULL,
    date_end BIGINT NOT NULL,
    authors TEXT NOT NULL,
    related TEXT NOT NULL,
    raw TEXT NOT NULL
);
CREATE UNIQUE INDEX resource_type_id ON resource (type, id);

-- Former versions; together with `resource`, every version there ever was.
CREATE TABLE resource_version (
    rid BIGINT NOT NULL,
    version INTEGER NOT NULL,
    patient BIGINT NOT NULL,
    txn BIGINT NOT NULL,
    at BIGINT NOT NULL,
    deleted BOOLEAN NOT NULL,
    raw TEXT NOT NULL,
    PRIMARY KEY (rid, version)
);

-- slot: a number for (type, search parameter). value: 64 bits of a hash.
CREATE TABLE ix_token (
    slot SMALLINT NOT NULL,
    value BIGINT NOT NULL,
    patient BIGINT NOT NULL,
    date BIGINT NOT NULL,
    rid BIGINT NOT NULL,
    category SMALLINT NOT NULL,
    PRIMARY KEY (slot, value, patient, date, rid) INCLUDE (category)
);

CREATE TABLE ix_date (
    slot SMALLINT NOT NULL,
    lo BIGINT NOT NULL,
    hi BIGINT NOT NULL,
    patient BIGINT NOT NULL,
    date BIGINT NOT NULL,
    rid BIGINT NOT NULL,
    PRIMARY KEY (slot, patient, date, rid, lo, hi)
);
-- For searches over all patients, by birth date above all.
CREATE INDEX ix_date_lo ON ix_date (slot, lo, hi);

CREATE TABLE ix_string (
    slot SMALLINT NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    patient BIGINT NOT NULL,
    date BIGINT NOT NULL,
    rid BIGINT NOT NULL,
    PRIMARY KEY (slot, value, patient, date, rid)
);

CREATE TABLE ix_reference (
    slot SMALLINT NOT NULL,
    target BIGINT NOT NULL,
    patient BIGINT NOT NULL,
    date BIGINT NOT NULL,
    rid BIGINT NOT NULL,
    PRIMARY KEY (slot, target, patient, date, rid)
);

-- The compartment: one patient's chart, by kind, newest first. One range scan.
CREATE TABLE ix_patient (
    patient BIGINT NOT NULL,
    type SMALLINT NOT NULL,
    date BIGINT NOT NULL,
    rid BIGINT NOT NULL,
    date_end BIGINT NOT NULL,
    category SMALLINT NOT NULL,
    PRIMARY KEY (patient, type, date, rid) INCLUDE (date_end, category)
);
