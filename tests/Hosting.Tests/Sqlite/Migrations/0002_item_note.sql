ALTER TABLE item ADD COLUMN note TEXT NOT NULL DEFAULT 'none';
-- a remark at the end, without a line end after it