-- At a responder: which chart a handle means here, who is that person's home, whose device answers.
CREATE TABLE link (
    handle TEXT PRIMARY KEY NOT NULL,
    patient BIGINT NOT NULL,
    patient_id TEXT NOT NULL,
    home TEXT NOT NULL,
    device_key TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX link_patient ON link (patient);

-- At home: the people who chose this node, and their own chart here.
CREATE TABLE person (
    id TEXT PRIMARY KEY NOT NULL,
    patient BIGINT NOT NULL,
    patient_id TEXT NOT NULL,
    enrolled_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE UNIQUE INDEX person_patient ON person (patient) WHERE ended_at IS NULL;

-- At home: where each person is known, under which handle, and the public half of that link's
-- device key. The signed assertion is kept as evidence.
CREATE TABLE home_link (
    handle TEXT PRIMARY KEY NOT NULL,
    person TEXT NOT NULL,
    responder TEXT NOT NULL,
    device_key TEXT NOT NULL,
    assertion TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE UNIQUE INDEX home_link_live ON home_link (person, responder) WHERE ended_at IS NULL;
