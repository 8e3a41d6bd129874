-- At home: sheets of codes on paper, for visits without a phone. Revoked as a whole.
CREATE TABLE paper_sheet (
    id TEXT PRIMARY KEY NOT NULL,
    person TEXT NOT NULL,
    patient_reference TEXT NOT NULL,
    hospitals TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX paper_sheet_person ON paper_sheet (person);

-- Each code once, as a keyed digest; then who used it, before which witness, and what came of it.
CREATE TABLE paper_code (
    id TEXT PRIMARY KEY NOT NULL,
    sheet TEXT NOT NULL REFERENCES paper_sheet (id),
    person TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    used_at BIGINT,
    requester TEXT,
    practitioner TEXT,
    witness_id TEXT,
    witness_role TEXT,
    text_digest BLOB,
    categories TEXT,
    directive TEXT,
    ends_at BIGINT
);
CREATE INDEX paper_code_person ON paper_code (person, used_at);
CREATE INDEX paper_code_sheet ON paper_code (sheet);

-- At home: what each hospital last said of who looked at a person's records there, and the
-- checkpoint of its log that proves it.
CREATE TABLE access_report (
    person TEXT NOT NULL,
    hospital TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    answered_at BIGINT,
    report TEXT,
    PRIMARY KEY (person, hospital)
);
