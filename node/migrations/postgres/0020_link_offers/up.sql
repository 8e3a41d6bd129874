-- At a responder: a code that the desk gave a person whom it knew by two identifiers, so that their
-- home node can link this chart. Codes as keyed digests. What the chart said of the birth year and
-- sex then, and how far the comparison with the home's chart has come.
CREATE TABLE link_offer (
    id TEXT PRIMARY KEY NOT NULL,
    spoken BYTEA NOT NULL UNIQUE,
    scanned BYTEA NOT NULL UNIQUE,
    patient BIGINT NOT NULL,
    patient_id TEXT NOT NULL,
    facts TEXT NOT NULL,
    named_home TEXT,
    shown TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    home TEXT,
    device_key TEXT,
    their_commitment BYTEA,
    our_commitment BYTEA,
    home_proof BYTEA,
    our_proof BYTEA,
    ended_at BIGINT,
    ended_as TEXT,
    handle TEXT,
    assertion TEXT
);
CREATE INDEX link_offer_patient ON link_offer (patient);

-- At home: a link code that a person handed in, kept until the link is made or refused: a try that
-- was broken off is gone on with, under the same blind.
CREATE TABLE link_claim (
    id TEXT PRIMARY KEY NOT NULL,
    person TEXT NOT NULL,
    responder TEXT NOT NULL,
    code BYTEA NOT NULL,
    device_key TEXT NOT NULL,
    blind BYTEA,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    ended_as TEXT
);
CREATE UNIQUE INDEX link_claim_code ON link_claim (person, responder, code);

-- Wrong tries: of members with codes, of people with codes, of the desk with a chart.
CREATE TABLE link_miss (
    id BIGSERIAL PRIMARY KEY,
    who TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX link_miss_who ON link_miss (who, at);
