-- Histories are read backwards by commit: of everything here (of one type by passing over the
-- others inside the index), or of one patient's chart. Rows come in the order of commits, so the
-- first of each pair grows at its end alone.
CREATE INDEX resource_txn ON resource (txn, rid, version, type, at);
CREATE INDEX resource_version_txn ON resource_version (txn, rid, version, at);
CREATE INDEX resource_patient_txn ON resource (patient, txn, rid, version);
CREATE INDEX resource_version_patient_txn ON resource_version (patient, txn, rid, version);
