# Sourced by the scripts: where the repository is, where uv may be, and how to say things.
# shellcheck shell=bash
root=${root:?set by the script that sources this}
# uv's own Python builds come from GitHub, which not every network reaches: the system's Python is good enough.
export UV_PYTHON_PREFERENCE=${UV_PYTHON_PREFERENCE:-system}
# The private one exists only where no other worked.
export PATH="$root/.state/uv/bin:$PATH:${HOME:-/root}/.local/bin"

say() { printf 'setup     %s\n' "$*"; }
die() {
  say "$*" >&2
  exit 1
}
