#!/bin/sh
# Conductor, self-extracting: after this text comes a tar.gz of the runtime and the program. They are
# unpacked once, into a directory that only you can write to, and run from there ever after.
# CONDUCTOR_CACHE_DIR names the place; else it is $XDG_CACHE_HOME, ~/.cache, or $TMPDIR.
set -eu
id=@ID@ app_files=@FILES@ archive_offset=@OFFSET@
own_umask=$(umask)
part=

# A link is as safe as the one who can change it.
is_ours() { [ -d "$1" ] && [ -O "$1" ] && [ ! -L "$1" ]; }

# All files are there: cleaners of temporary directories take them one by one.
is_complete() { set -- "$1"/*; [ $# -eq "$app_files" ]; }

# On a file system that is mounted noexec, -x is false.
is_unpacked() { is_ours "$1" && [ -x "$1/conductor" ] && is_complete "$1/app"; }

# Whole or not at all: what is not finished has another name. When several unpack at once the first
# to finish wins; `mv` puts the others inside its directory, where they remove themselves.
unpack_in() {
  part=$(mktemp -d "$1/part.XXXXXX") || return 1
  # Synced, so that a power failure leaves no empty files under the final name.
  if tail -c "+$archive_offset" "$0" | tar -xzof - -C "$part" && "$part/conductor" --version >/dev/null &&
    { sync "$part/conductor" "$part"/app/* || sync; }; then
    is_unpacked "$1/$id" || rm -rf "${1:?}/$id"
    mv "$part" "$1/$id" || :
  fi
  rm -rf "$part" "${1:?}/$id/${part##*/}"
  part=
  find "$1" -name 'part.*' -prune -mtime +1 -exec rm -rf {} +
  is_unpacked "$1/$id"
}

# Sets `home` if the program can be run from under $1, which must be ours or not yet be there.
settle_in() {
  case $1 in /*) ;; *) return 1 ;; esac
  if [ -e "$1" ] && [ ! -O "$1" ]; then return 1; fi
  home=$1/conductor/$id
  if is_ours "$1/conductor" && is_unpacked "$home"; then return; fi
  { mkdir -p "$1/conductor" && is_ours "$1/conductor" && unpack_in "$1/conductor"; } 2>/dev/null
}

# The same where everyone may write, and somebody may have been before.
settle_in_shared() {
  mine=$1/conductor-$(id -u)
  mkdir "$mine" 2>/dev/null || is_ours "$mine" || return 1
  [ -z "$(find "$mine" -prune \( -perm -020 -o -perm -002 \))" ] && settle_in "$mine"
}

settle() {
  if [ -n "${CONDUCTOR_CACHE_DIR:-}" ]; then settle_in "$CONDUCTOR_CACHE_DIR"; return; fi
  settle_in "${XDG_CACHE_HOME:-}" && return
  if [ -n "${HOME:-}" ] && [ -O "$HOME" ]; then settle_in "$HOME/.cache" && return; fi
  settle_in_shared "${TMPDIR:-/tmp}"
}

trap '[ -z "$part" ] || rm -rf "$part"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

umask 077
if ! settle; then
  tried=${CONDUCTOR_CACHE_DIR:-"one of \$XDG_CACHE_HOME, ~/.cache and ${TMPDIR:-/tmp}"}
  echo "conductor: cannot unpack itself: $tried would have to be an absolute path, yours to write, \
with 250 MB of room and not mounted noexec; name another by CONDUCTOR_CACHE_DIR" >&2
  exit 1
fi
umask "$own_umask"
unset CONDUCTOR_CACHE_DIR

# The runtime would look for updates of itself, and keep its caches in a home that need not exist.
export DENO_NO_UPDATE_CHECK=1 DENO_DIR="${DENO_DIR:-$home/cache}"
exec "$home/conductor" run --quiet --allow-all --no-config --no-lock --no-remote --cached-only \
  --unstable-raw-imports --v8-flags=@V8_FLAGS@ "$home/app/main.js" "$@"
