-- When a manifest of an upstream was last asked for; absent where it was not since it came here.
CREATE TABLE manifest_uses (
    repository INTEGER NOT NULL,
    digest     TEXT NOT NULL,
    used_at    INTEGER NOT NULL,
    PRIMARY KEY (repository, digest),
    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
) WITHOUT ROWID;
