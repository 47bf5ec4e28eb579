#!/bin/sh
# Installs what bench:peers measures, from Debian's packages and npm: nothing is enabled or started.
# usage: install.sh DIRECTORY   (node_modules go there, beside copies of the scripts)
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
missing=""
for package in etcd-server rabbitmq-server nats-server redis-server beanstalkd postgresql nodejs npm; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' && continue
  case "$package" in
    nodejs) command -v node >/dev/null && continue ;;
    npm) command -v npm >/dev/null && continue ;;
  esac
  missing="$missing $package"
done
if [ -n "$missing" ]; then
  [ "$(id -u)" = 0 ] || { echo "install as root first: apt-get install$missing" >&2; exit 1; }
  # The packages' own services must not run: a policy that says no, for the time of the installation.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $missing >/dev/null
fi
mkdir -p "$1"
cp "$here"/*.mjs "$here"/*.proto "$here"/package.json "$1"/
[ -d "$1/node_modules" ] || (cd "$1" && npm install --no-audit --no-fund --silent)
