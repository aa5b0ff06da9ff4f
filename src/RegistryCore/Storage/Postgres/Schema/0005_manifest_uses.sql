-- When a manifest of an upstream was last asked for; absent where it was not since it came here.
CREATE TABLE manifest_uses (
    repository bigint NOT NULL,
    digest     text COLLATE "C" NOT NULL,
    used_at    bigint NOT NULL,
    PRIMARY KEY (repository, digest),
    FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
);
