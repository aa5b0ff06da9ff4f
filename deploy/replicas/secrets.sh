#!/bin/sh
# Writes the secrets of the profile "replicas" into two volumes, as files that only its servers can read: one volume is the token servers',
# the other the registries'.
set -eu
umask 077
for name in AUTHINDEX_POSTGRES_PASSWORD AUTHINDEX_S3_ACCESS_KEY AUTHINDEX_S3_SECRET_KEY; do
  eval "value=\$$name"
  [ -n "$value" ] || { echo "$name must be set; see docs/replicas.md" >&2; exit 1; }
done
write() { # FILE TEXT: in one step, because servers may be reading it
  printf '%s\n' "$2" >"$1.new"
  mv "$1.new" "$1"
}
database() { # NAME: its URL, with its own account and password (databases.sh)
  sum=$(printf '%s %s' "$1" "$AUTHINDEX_POSTGRES_PASSWORD" | sha256sum)
  printf 'postgres://%s:%s@database:5432/%s?sslmode=disable' "$1" "${sum%% *}" "$1"
}
cd /var/lib/authindex-credential # the volume index-secrets
write index-db "$(database authindex_index)"
cd /var/lib/authindex # the volume registry-secrets
write registry-db "$(database authindex_registry)"
write s3-access-key "$AUTHINDEX_S3_ACCESS_KEY"
write s3-secret-key "$AUTHINDEX_S3_SECRET_KEY"
