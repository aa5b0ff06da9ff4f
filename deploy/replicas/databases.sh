#!/bin/sh
# Run by the postgres image when its volume is new: a database with an account of its own for the token servers, and one for the registries.
# Each has its own password, from which neither the other's nor the administrator's can be derived (secrets.sh).
set -eu
for name in authindex_index authindex_registry; do
  sum=$(printf '%s %s' "$name" "$POSTGRES_PASSWORD" | sha256sum)
  psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set name="$name" --set password="${sum%% *}" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
done
