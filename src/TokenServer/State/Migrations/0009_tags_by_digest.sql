-- Which tags share an image: the page that deletes tags says so.
CREATE INDEX tags_by_digest ON tags (repository, digest, name);
