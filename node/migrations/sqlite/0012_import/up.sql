-- Files and trees that are or were imported. `turn` rises with every commit of the import: of two
-- that are at work on the same source, the one that began earlier finds it changed and ends.
-- Of NDJSON, `place` and `line` are what has been stored, in bytes and lines; of a tree, `place` is
-- how many files the last whole scan met. `size` and `beginning` (SHA-256) tell whether the file is
-- still the same.
CREATE TABLE import_job (
    source TEXT PRIMARY KEY NOT NULL,
    format TEXT NOT NULL,
    state TEXT NOT NULL,
    place BIGINT NOT NULL,
    line BIGINT NOT NULL,
    size BIGINT NOT NULL,
    beginning TEXT NOT NULL,
    turn BIGINT NOT NULL,
    began_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
) WITHOUT ROWID;

-- Bundles that were taken, by the SHA-256 of their bytes: none is done twice.
CREATE TABLE import_bundle (
    digest TEXT PRIMARY KEY NOT NULL,
    taken_at BIGINT NOT NULL
) WITHOUT ROWID;

-- SS-MIX2: the files with flag 1 as they were last seen, and the unit that each speaks for; none
-- where it is in quarantine. `modified` is nanoseconds since 1970.
CREATE TABLE import_file (
    institution TEXT NOT NULL,
    stem TEXT NOT NULL,
    folder TEXT NOT NULL,
    size BIGINT NOT NULL,
    modified BIGINT,
    unit TEXT,
    step SMALLINT NOT NULL,
    occurrence TEXT NOT NULL,
    PRIMARY KEY (institution, stem)
) WITHOUT ROWID;
CREATE INDEX import_file_unit ON import_file (institution, unit);

-- SS-MIX2: what each unit of replacement put into the records, as addresses separated by spaces,
-- and the file that it is from; none while that file is gone and no other has taken its place.
CREATE TABLE import_unit (
    institution TEXT NOT NULL,
    unit TEXT NOT NULL,
    stem TEXT,
    step SMALLINT NOT NULL,
    occurrence TEXT NOT NULL,
    resources TEXT NOT NULL,
    PRIMARY KEY (institution, unit)
) WITHOUT ROWID;
CREATE INDEX import_unit_orphaned ON import_unit (institution, unit) WHERE stem IS NULL;

-- What was not taken, and why.
CREATE TABLE import_quarantine (
    source TEXT NOT NULL,
    place TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (source, place)
) WITHOUT ROWID;
