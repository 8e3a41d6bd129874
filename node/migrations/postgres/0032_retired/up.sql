-- SS-MIX2: a file with flag 2 is remembered until the file that replaces it was read: until then what
-- it put in stays.
ALTER TABLE import_file ADD COLUMN flag TEXT NOT NULL DEFAULT '1';

-- How many lines of a file were refused beyond those that the quarantine lists.
CREATE TABLE import_unlisted (
    source TEXT PRIMARY KEY NOT NULL,
    more BIGINT NOT NULL
);
