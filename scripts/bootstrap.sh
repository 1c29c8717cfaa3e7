# Sourced by the scripts: where the repository is, where uv may be, and how to say things.
# shellcheck shell=bash
root=${root:?set by the script that sources this}
# uv's own Python builds come from GitHub, which not every network reaches: the system's Python is good enough.
export UV_PYTHON_PREFERENCE=${UV_PYTHON_PREFERENCE:-system}
# A company's own certificate authority is in the system's store, not among the roots that uv brings along.
[ ! -s /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}
# The private one exists only where no other worked.
export PATH="$root/.state/uv/bin:$PATH:${HOME:-/root}/.local/bin"

say() { printf 'setup     %s\n' "$*"; }
die() {
  say "$*" >&2
  exit 1
}
