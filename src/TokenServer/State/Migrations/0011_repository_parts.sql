-- Every part of three characters of the repositories' names: searches for what few names hold look here.
CREATE VIRTUAL TABLE repository_parts USING fts5(
    name, content = 'repositories', content_rowid = 'id', columnsize = 0, tokenize = 'trigram case_sensitive 1');
CREATE TRIGGER repository_parts_added AFTER INSERT ON repositories BEGIN
    INSERT INTO repository_parts (rowid, name) VALUES (new.id, new.name);
END;
CREATE TRIGGER repository_parts_removed AFTER DELETE ON repositories BEGIN
    INSERT INTO repository_parts (repository_parts, rowid, name) VALUES ('delete', old.id, old.name);
END;
INSERT INTO repository_parts (repository_parts) VALUES ('rebuild');
