-- Search parameters that the hospital defined itself, one row for each type of each. slot: their
-- number in the index tables, below 0, given out once: a row whose index rows are all taken out
-- stays as 'gone'. reindexed_to: the rid up to which older resources have been read for it.
CREATE TABLE own_parameter (
    slot SMALLINT NOT NULL PRIMARY KEY CHECK (slot < 0),
    type SMALLINT NOT NULL,
    code TEXT NOT NULL,
    -- The id of the SearchParameter that defines it.
    defined_by TEXT NOT NULL,
    -- What of it matters to the index, as JSON.
    definition TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reading', 'ready', 'leaving', 'gone')),
    reindexed_to BIGINT NOT NULL
) WITHOUT ROWID;
