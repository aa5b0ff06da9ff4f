-- Pages of the catalog ask of each repository whether it holds a manifest: a small index answers, which stays in memory where those that
-- begin with the repository do not.
CREATE INDEX manifests_by_repository ON manifests (repository);
