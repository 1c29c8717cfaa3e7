# Sourced by the scripts that work on the one-host stack: its secrets, and compose with its file.
# shellcheck shell=bash
root=${root:?set by the script that sources this}
export MAILROOM_SECRETS=${MAILROOM_SECRETS:-$root/.state/secrets}
# The worker is no member of this host's groups: it gets the one that may use the socket, by number.
DOCKER_GID=$(stat -c %g /var/run/docker.sock 2>/dev/null || echo 0)
export DOCKER_GID

compose() { docker compose --file "$root/infrastructure/compose.yaml" "$@"; }

need_docker() {
  docker info >/dev/null 2>&1 || die "no Docker engine answers here; install Docker with buildx and compose, and start it"
}

# Each is made once. The folder lets nobody else in; the files are readable, for containers run as another user.
make_secrets() {
  local name
  (umask 077 && mkdir -p "$MAILROOM_SECRETS")
  for name in postgres_password prefect_password ledger_password; do
    keep "$name" "$(random)"
  done
  keep api_auth "mailroom:$(random)"
  # It follows from the password, which may have been changed.
  (umask 022 && printf '%s' "postgresql+psycopg://ledger:$(cat "$MAILROOM_SECRETS/ledger_password")@postgres:5432/ledger" >"$MAILROOM_SECRETS/ledger_url")
  # The same from this host, for `batch report`.
  (umask 022 && sed "s/@postgres:5432/@127.0.0.1:${MAILROOM_LEDGER_PORT:-5433}/" "$MAILROOM_SECRETS/ledger_url" >"$MAILROOM_SECRETS/ledger_url_here")
  mkdir -p "$MAILROOM_SECRETS/registry"
  keep registry/config.json '{}'
  # `docker login` writes it for its owner alone, and the worker is another.
  chmod a+r "$MAILROOM_SECRETS/registry/config.json"
}

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

keep() { [ -s "$MAILROOM_SECRETS/$1" ] || (umask 022 && printf '%s' "$2" >"$MAILROOM_SECRETS/$1"); }
