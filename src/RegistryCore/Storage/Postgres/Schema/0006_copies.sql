-- What the content is being copied from (registry storage copy); null unless a copy is not finished: no registry starts on half of one.
ALTER TABLE storage_state ADD COLUMN copy_of text;
