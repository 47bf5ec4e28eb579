#!/bin/sh
# Conductor, self-extracting: after this text comes a tar.gz of the runtime and the program. They are
# unpacked once, into a directory that only you can write to, and run from there ever after.
# CONDUCTOR_CACHE_DIR names the place; else it is $XDG_CACHE_HOME, ~/.cache, or $TMPDIR. What other
# versions have unpacked there is removed when nobody runs it.
set -eu
id=@ID@ app_files=@FILES@ archive_offset=@OFFSET@
own_umask=$(umask)
part=

# A link is as safe as the one who can change it.
is_ours() { [ -d "$1" ] && [ -O "$1" ] && [ ! -L "$1" ]; }

# All files are there: cleaners of temporary directories take them one by one.
is_complete() { set -- "$1"/*; [ $# -eq "$app_files" ]; }

# On a file system that is mounted noexec, -x is false.
is_unpacked() { is_ours "$1" && [ -x "$1/conductor" ] && [ -s "$1/lock" ] && is_complete "$1/app"; }

# Locks are the file system's (flock), so that other containers see them too, and end with who holds
# them. Where there is no flock(1), or the file system has no locks, nothing is ever removed.
lock() { flock "$@" 2>/dev/null; }

# Whole or not at all: what is not finished has another name. When several unpack at once the first
# to finish wins; `mv` puts the others inside its directory, where they remove themselves.
unpack() {
  part=$(mktemp -d "$cache/part.XXXXXX") || return 1
  # Synced, so that a power failure leaves no empty files under the final name.
  if echo "Whoever runs what is here holds a lock on this." >"$part/lock" &&
    tail -c "+$archive_offset" "$0" | tar -xzof - -C "$part" && "$part/conductor" --version >/dev/null &&
    { sync "$part/conductor" "$part"/app/* || sync; } && command exec 8>>"$cache/lock"; then
    # One at a time: what another has just put there, and runs from, is no damaged copy.
    lock -x 8 || :
    is_unpacked "$home" || rm -rf "$home"
    mv "$part" "$home" || :
    exec 8>&-
  fi
  rm -rf "$part" "${home:?}/${part##*/}"
  part=
  find "$cache" -name 'part.*' -prune -mtime +1 -exec rm -rf {} +
  is_unpacked "$home"
}

# Keeps other versions from removing this one while it runs: the program inherits descriptor 9. Fails
# if one has removed it in between: the lock that was waited for is empty then.
hold() {
  { command exec 9<"$home/lock"; } 2>/dev/null || return 1
  lock -s 9 || return 0
  read -r _ <&9
}

# Whether a process runs from $1, for those that hold no lock, as they were started before there were any.
is_running() {
  # shellcheck disable=SC3013 # in POSIX since 2024, and in every shell before that
  for exe in /proc/[0-9]*/exe; do [ "$exe" -ef "$1/conductor" ] && return; done
  return 1
}

# Removes $1 unless it is in use.
remove() {
  if is_ours "$1" && ! is_running "$1" && command exec 7<>"$1/lock"; then
    if lock -x -n 7; then : >"$1/lock" && rm -rf "$1"; fi
    exec 7>&-
  fi
}

# Removes what other versions have unpacked. What is in use is left to a later start.
remove_others() {
  set -- "$cache"/*/
  if [ $# -eq 1 ] || [ ! -w "$cache" ] || ! command exec 8>>"$cache/lock"; then return; fi
  if lock -x -n 8; then
    for other in "$@"; do
      other=${other%/}
      name=${other##*/}
      case $name in "$id" | *[!0-9a-f]*) ;; *) [ ${#name} -ne ${#id} ] || remove "$other" ;; esac
    done
  fi
  exec 8>&-
}

# Sets `home` if the program can be run from under $1, which must be ours or not yet be there.
settle_in() {
  case $1 in /*) ;; *) return 1 ;; esac
  if [ -e "$1" ] && [ ! -O "$1" ]; then return 1; fi
  cache=$1/conductor home=$1/conductor/$id
  { is_ours "$cache" || { mkdir -p "$cache" && is_ours "$cache"; }; } 2>/dev/null || return 1
  for _ in 1 2 3 4 5 6 7 8 9; do
    if is_unpacked "$home" && hold; then
      remove_others 2>/dev/null || :
      return 0
    fi
    unpack 2>/dev/null || return 1
  done
  return 1
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
  for tool in tar gzip tail mktemp find; do
    command -v "$tool" >/dev/null || { echo "conductor: cannot unpack itself without $tool" >&2 && exit 1; }
  done
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
