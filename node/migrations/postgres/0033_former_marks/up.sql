-- What marked a version when it was put aside: an encounter may have marked it that its text does not
-- name, or that says something else by now. NULL: an earlier program put it aside.
ALTER TABLE resource_version ADD COLUMN labels BIGINT;
