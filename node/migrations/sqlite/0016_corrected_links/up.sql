-- At a responder: when the handle was last found to mean another chart than before. Tokens that may
-- have been minted before then are refused: they were given for the wrong chart.
ALTER TABLE link ADD COLUMN corrected_at BIGINT;

-- At home: when the hospital of an ended link knew that it has ended.
ALTER TABLE home_link ADD COLUMN told_at BIGINT;
CREATE INDEX home_link_untold ON home_link (ended_at)
    WHERE ended_at IS NOT NULL AND told_at IS NULL;
