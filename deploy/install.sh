#!/bin/sh
# Installs conductor for this system: the program, its manual pages and its shell completions, and on
# request a systemd service. What was downloaded is held against the release's SHA256SUMS.
#   sh install.sh                        the newest release, below /usr/local, or ~/.local for who is not root
#   sh install.sh --version 0.1.0        another one
#   sh install.sh --prefix ~/conductor   below another directory: bin, share/man, share/...
#   sh install.sh --file dist/conductor  one that is here already
#   sh install.sh --systemd master       also the unit (master, worker or both), its user and its settings; root
#   sh install.sh --root DIRECTORY       into a system whose root is there; no user is made
#   sh install.sh --dry-run ...          only says what it would do
#   sh install.sh --uninstall            removes what it installed; settings, data and users stay
# CONDUCTOR_RELEASES names another place than https://github.com/conductor/conductor/releases.
set -eu
export LC_ALL=C
releases=${CONDUCTOR_RELEASES:-https://github.com/conductor/conductor/releases}
version=latest prefix='' file='' roles='' root='' dry='' uninstall=''

fail() {
  echo "install: $1" >&2
  exit 1
}

usage() {
  echo "Usage: sh install.sh [--version VERSION] [--prefix DIRECTORY] [--file PROGRAM] [--systemd master|worker|both]
                     [--root DIRECTORY] [--dry-run] [--uninstall]
Installs conductor, its manual pages and completions, and on request systemd's units. --uninstall removes
what was installed below the same --prefix; settings, data and users stay."
}

while [ $# -gt 0 ]; do
  case $1 in
  --*=*)
    value=${1#*=} flag=${1%%=*}
    shift
    set -- "$flag" "$value" "$@"
    continue
    ;;
  --version | --prefix | --file | --systemd | --root)
    [ $# -ge 2 ] || fail "$1 needs a value"
    case $1 in
    --version) version=${2#v} ;;
    --prefix) prefix=$2 ;;
    --file) file=$2 ;;
    --systemd) roles=$2 ;;
    --root) root=${2%/} ;;
    esac
    shift
    ;;
  --dry-run) dry=yes ;;
  --uninstall) uninstall=yes ;;
  -h | --help)
    usage
    exit 0
    ;;
  *) fail "unknown option $1; --help shows what there is" ;;
  esac
  shift
done
case $roles in
'' | master | worker) ;;
both) roles="master worker" ;;
*) fail "--systemd is master, worker or both, not $roles" ;;
esac
if [ -z "$prefix" ]; then
  if [ -n "$root" ] || [ -w /usr/local/bin ]; then prefix=/usr/local; else prefix=${HOME:?is not set; name a --prefix}/.local; fi
fi
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
# The program's own words, of what is installed where: one path a line, without the root before it.
list=$root$prefix/share/conductor/installed

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

# download NAME: a file of the release, as it was released, or nothing at all
download() {
  case $version in
  latest) from=$releases/latest/download ;;
  *) from=$releases/download/v$version ;;
  esac
  [ -e "$work/SHA256SUMS" ] || get "$from/SHA256SUMS" "$work/SHA256SUMS"
  wanted=$(sed -n "s/^\([0-9a-f]\{64\}\)[ *]*$1\$/\1/p" "$work/SHA256SUMS")
  [ -n "$wanted" ] || fail "SHA256SUMS of $from does not name $1"
  get "$from/$1" "$work/$1"
  found=$(digest "$work/$1")
  [ "$found" = "$wanted" ] || fail "$1 is not what was released: SHA-256 $found, not $wanted"
}

# put SOURCE PATH MODE: by a rename, so that a running program keeps its file
put() {
  mkdir -p "$root${2%/*}"
  cp "$1" "$root$2.new"
  chmod "$3" "$root$2.new"
  mv -f "$root$2.new" "$root$2"
  echo "$2" >>"$work/installed"
}

# unit ROLE: its unit and the example of its settings, from beside this script or from the release
unit() {
  case $0 in */install.sh | install.sh) beside=${0%install.sh}systemd ;; *) beside= ;; esac
  for each in "conductor-$1.service" "$1.env.example"; do
    if [ -n "$beside" ] && [ -f "$beside/$each" ]; then cp "$beside/$each" "$work/$each"; else download "$each"; fi
  done
  sed "s,/usr/local/bin/conductor,$prefix/bin/conductor," "$work/conductor-$1.service" >"$work/unit"
  put "$work/unit" "/etc/systemd/system/conductor-$1.service" 644
  # Settings are whoever runs it's own: never written over, never removed.
  mkdir -p "$root/etc/conductor"
  if [ ! -e "$root/etc/conductor/$1.env" ]; then
    (umask 077 && cp "$work/$1.env.example" "$root/etc/conductor/$1.env")
  fi
  user=conductor
  [ "$1" = master ] || user=conductor-worker
  if [ -z "$root" ] && ! id "$user" >/dev/null 2>&1; then
    useradd --system --home-dir "/var/lib/$user" --no-create-home --shell /usr/sbin/nologin "$user"
  fi
  echo "The $1: fill in $root/etc/conductor/$1.env, then systemctl enable --now conductor-$1"
}

reload_units() {
  if [ -z "$root" ]; then systemctl daemon-reload || echo "systemd does not run here: the units are there for when it does"; fi
}

# remove_all FILE: what a list names
remove_all() {
  while IFS= read -r path; do
    if [ -n "$dry" ]; then
      echo "would remove $root$path"
    else
      rm -f "$root$path"
    fi
  done <"$1"
}

if [ -n "$uninstall" ]; then
  [ -f "$list" ] || fail "nothing is known to be installed below $root$prefix: there is no $list"
  units=$(sed -n 's,^/etc/systemd/system/,,p' "$list")
  for each in $units; do
    if [ -n "$root" ]; then continue; fi
    if [ -n "$dry" ]; then echo "would stop and disable $each"; else systemctl disable --now "$each" || :; fi
  done
  remove_all "$list"
  [ -z "$dry" ] || exit 0
  rm -f "$list"
  rmdir "${list%/*}" 2>/dev/null || :
  [ -z "$units" ] || reload_units
  echo "conductor is removed from $root$prefix; left are settings (/etc/conductor), data (/var/lib/conductor*) and users"
  exit 0
fi

if [ -n "$roles" ]; then
  [ "$(id -u)" -eq 0 ] || [ -n "$root" ] || fail "--systemd needs root"
  case $prefix in *[!A-Za-z0-9/._+-]*) fail "--systemd needs a --prefix of letters, digits and / . _ + -, not $prefix" ;; esac
fi
if [ -n "$file" ]; then
  [ -f "$file" ] || fail "there is no file $file"
else
  name=$(asset)
fi
if [ -n "$dry" ]; then
  echo "would install ${file:-$name of $releases, version $version}"
  echo "  the program          $root$prefix/bin/conductor"
  echo "  manual pages         $root$prefix/share/man/man1/conductor*.1"
  echo "  completions          $root$prefix/share/ for bash, zsh and fish"
  echo "  a list of all that   $list"
  for role in $roles; do
    echo "  a service            $root/etc/systemd/system/conductor-$role.service, settings in $root/etc/conductor/$role.env"
  done
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -n "$file" ]; then
  cp "$file" "$work/conductor"
else
  download "$name"
  mv "$work/$name" "$work/conductor"
fi
# A shell would run any other text as commands of its own: ELF, Mach-O and #!/b alone are let through.
case $(head -c 4 "$work/conductor" | od -A n -t x1 | tr -d ' \n') in
7f454c46 | cffaedfe | 23212f62) ;;
*) fail "${file:-$name} is no program" ;;
esac
chmod 755 "$work/conductor"
# It may be of the kind that unpacks itself: here, for what is asked of it now.
installed() { CONDUCTOR_CACHE_DIR="$work/cache" NO_COLOR=1 "$work/conductor" "$@"; }
said=$(installed --version) || fail "what was got does not start here"
installed man --directory "$work/man" >/dev/null 2>"$work/said" || fail "$(cat "$work/said")"
for shell in bash zsh fish; do installed completion "$shell" >"$work/completion.$shell"; done

umask 022
: >"$work/installed"
put "$work/conductor" "$prefix/bin/conductor" 755
for page in "$work"/man/*; do put "$page" "$prefix/share/man/man1/${page##*/}" 644; done
put "$work/completion.bash" "$prefix/share/bash-completion/completions/conductor" 644
put "$work/completion.zsh" "$prefix/share/zsh/site-functions/_conductor" 644
put "$work/completion.fish" "$prefix/share/fish/vendor_completions.d/conductor.fish" 644
for role in $roles; do unit "$role"; done
[ -z "$roles" ] || reload_units
# Of an installation before this one: units stay ours, and what this version has no more goes.
if [ -f "$list" ]; then
  grep '^/etc/systemd/system/' "$list" >>"$work/installed" || :
  sort -u "$work/installed" >"$work/now"
  sort -u "$list" | comm -23 - "$work/now" >"$work/gone"
  remove_all "$work/gone"
else
  sort -u "$work/installed" >"$work/now"
fi
mkdir -p "${list%/*}"
cp "$work/now" "$list"
echo "$said is installed: $root$prefix/bin/conductor"
case ":$PATH:" in *":$prefix/bin:"*) ;; *) echo "$prefix/bin is not on your PATH" ;; esac
