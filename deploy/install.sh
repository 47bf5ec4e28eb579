#!/bin/sh
# Installs conductor for this system: the program, and on request a systemd service.
#   sh install.sh                          the newest release, to /usr/local/bin or ~/.local/bin
#   sh install.sh --version 0.1.0 --dir ~/bin
#   sh install.sh --file dist/conductor    one that is here already
#   sh install.sh --service master         also a user, directories and the unit (root)
# Downloads are held against the release's SHA256SUMS. CONDUCTOR_RELEASES names another place.
set -eu
releases=${CONDUCTOR_RELEASES:-https://github.com/conductor/conductor/releases}
units=${CONDUCTOR_UNITS:-}
version=latest dir='' file='' service='' root=''

fail() {
  echo "install: $1" >&2
  exit 1
}

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"
}

while [ $# -gt 0 ]; do
  case $1 in
  --version | --dir | --file | --service | --root)
    [ $# -ge 2 ] || fail "$1 needs a value"
    case $1 in
    --version) version=${2#v} ;;
    --dir) dir=$2 ;;
    --file) file=$2 ;;
    --service) service=$2 ;;
    --root) root=$2 ;;
    esac
    shift 2
    ;;
  -h | --help)
    usage
    exit 0
    ;;
  *) fail "unknown option $1; --help shows what there is" ;;
  esac
done
case $service in '' | master | worker) ;; *) fail "--service is master or worker, not $service" ;; esac
[ -z "$service" ] || [ "$(id -u)" -eq 0 ] || [ -n "$root" ] || fail "--service needs root"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What this system's file is called in a release.
asset() {
  case $(uname -s)-$(uname -m) in
  Linux-x86_64) echo conductor-linux-x64 ;;
  Linux-aarch64 | Linux-arm64) echo conductor-linux-arm64 ;;
  Darwin-x86_64) echo conductor-macos-x64 ;;
  Darwin-arm64) echo conductor-macos-arm64 ;;
  *) fail "there is no file for $(uname -s) on $(uname -m); build it: deno task build" ;;
  esac
}

# get URL FILE
get() {
  if command -v curl >/dev/null; then
    curl --fail --silent --show-error --location --output "$2" "$1"
  elif command -v wget >/dev/null; then
    wget --quiet --output-document="$2" "$1"
  else
    fail "neither curl nor wget is here to download with"
  fi || fail "cannot download $1"
}

digest() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

if [ -n "$file" ]; then
  [ -f "$file" ] || fail "there is no file $file"
  cp "$file" "$work/conductor"
else
  name=$(asset)
  case $version in
  latest) from=$releases/latest/download ;;
  *) from=$releases/download/v$version ;;
  esac
  get "$from/SHA256SUMS" "$work/SHA256SUMS"
  get "$from/$name" "$work/conductor"
  wanted=$(sed -n "s/^\([0-9a-f]\{64\}\)[ *]*$name\$/\1/p" "$work/SHA256SUMS")
  [ -n "$wanted" ] || fail "SHA256SUMS of $from does not name $name"
  found=$(digest "$work/conductor")
  [ "$found" = "$wanted" ] || fail "$name is not what was released: SHA-256 $found, not $wanted"
fi
chmod 755 "$work/conductor"
said=$(CONDUCTOR_CACHE_DIR="$work/cache" "$work/conductor" --version) || fail "what was got does not start here"

if [ -z "$dir" ]; then
  if [ -n "$root" ] || [ -w /usr/local/bin ]; then dir=/usr/local/bin; else dir=$HOME/.local/bin; fi
fi
mkdir -p "$root$dir"
# By a rename, so that a running program keeps its file.
cp "$work/conductor" "$root$dir/.conductor.new"
chmod 755 "$root$dir/.conductor.new"
mv -f "$root$dir/.conductor.new" "$root$dir/conductor"
echo "$said: $root$dir/conductor"
case ":$PATH:" in *":$dir:"*) ;; *) echo "$dir is not on your PATH" ;; esac
[ -n "$service" ] || exit 0

user=conductor
[ "$service" = master ] || user=conductor-worker
unit=conductor-$service.service
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
etc=$root/etc/conductor
mkdir -p "$etc" "$root/etc/systemd/system"
for each in "$unit" "$service.env.example"; do
  if [ -n "$units" ]; then get "$units/$each" "$work/$each"; else cp "$here/systemd/$each" "$work/$each"; fi
done
sed "s,/usr/local/bin/conductor,$dir/conductor," "$work/$unit" >"$root/etc/systemd/system/$unit"
if [ ! -e "$etc/$service.env" ]; then
  cp "$work/$service.env.example" "$etc/$service.env"
  chmod 600 "$etc/$service.env"
fi
if [ -z "$root" ]; then
  id "$user" >/dev/null 2>&1 ||
    useradd --system --home-dir "/var/lib/$user" --no-create-home --shell /usr/sbin/nologin "$user"
  systemctl daemon-reload || echo "systemd does not run here: the unit is there for when it does"
fi
echo "$root/etc/systemd/system/$unit, settings in $etc/$service.env"
echo "Fill those in, then: systemctl enable --now $unit"
