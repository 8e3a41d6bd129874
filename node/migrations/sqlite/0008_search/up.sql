-- Numbers and quantities, as integers that sort like them; 0 where there is no unit.
CREATE TABLE ix_quantity (
    slot SMALLINT NOT NULL,
    lo BIGINT NOT NULL,
    hi BIGINT NOT NULL,
    coded BIGINT NOT NULL,
    code BIGINT NOT NULL,
    unit BIGINT NOT NULL,
    patient BIGINT NOT NULL,
    date BIGINT NOT NULL,
    rid BIGINT NOT NULL,
    PRIMARY KEY (slot, patient, date, rid, lo, hi, coded, code, unit)
) WITHOUT ROWID;
-- For searches over all patients.
CREATE INDEX ix_quantity_lo ON ix_quantity (slot, lo, hi);
