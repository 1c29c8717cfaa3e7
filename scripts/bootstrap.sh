# Sourced by the scripts: where the repository is, where uv may be, and how to say things.
# shellcheck shell=bash
root=${root:?set by the script that sources this}
# uv's own Python builds come from GitHub, which not every network reaches: the system's Python is good enough.
export UV_PYTHON_PREFERENCE=${UV_PYTHON_PREFERENCE:-system}
export PATH="$root/.state/uv/bin:$HOME/.local/bin:$PATH"

say() { printf 'setup     %s\n' "$*"; }
die() {
  printf 'setup     %s\n' "$*" >&2
  exit 1
}
