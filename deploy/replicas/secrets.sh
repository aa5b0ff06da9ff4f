#!/bin/sh
# Writes the secrets of the profile "replicas" into the volume that only its servers mount, as files that only they can read.
set -eu
umask 077
case $AUTHINDEX_POSTGRES_PASSWORD in
  '' | *[!A-Za-z0-9]*)
    echo "AUTHINDEX_POSTGRES_PASSWORD must be set, to letters and digits; see docs/replicas.md" >&2
    exit 1
    ;;
esac
write() { # FILE TEXT: in one step, because servers may be reading it
  printf '%s\n' "$2" >"$1.new"
  mv "$1.new" "$1"
}
for name in AUTHINDEX_S3_ACCESS_KEY AUTHINDEX_S3_SECRET_KEY; do
  eval "value=\$$name"
  [ -n "$value" ] || { echo "$name must be set; see docs/replicas.md" >&2; exit 1; }
done
cd /var/lib/authindex-credential
write index-db "postgres://authindex_index:$AUTHINDEX_POSTGRES_PASSWORD@database:5432/authindex_index?sslmode=disable"
write registry-db "postgres://authindex_registry:$AUTHINDEX_POSTGRES_PASSWORD@database:5432/authindex_registry?sslmode=disable"
write s3-access-key "$AUTHINDEX_S3_ACCESS_KEY"
write s3-secret-key "$AUTHINDEX_S3_SECRET_KEY"
