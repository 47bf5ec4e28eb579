# Shared by start-cluster.sh and start-ha-cluster.sh: starts conductor processes in the background,
# knows them by their pid files, and stops exactly those.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
state=$root/.conductor
run=$state/run
logs=$state/logs
mkdir -p "$run" "$logs"

conductor() {
  if [ -x "$root/dist/conductor" ]; then exec "$root/dist/conductor" "$@"; fi
  if command -v deno >/dev/null 2>&1; then exec deno run --quiet --allow-all "$root/main.ts" "$@"; fi
  exec npx -y deno@2.9.6 run --quiet --allow-all "$root/main.ts" "$@"
}

# start NAME ARGUMENTS...: one process, its log in .conductor/logs/NAME.log
start() {
  name=$1
  shift
  if [ -f "$run/$name.pid" ] && kill -0 "$(cat "$run/$name.pid")" 2>/dev/null; then
    echo "$name runs already (pid $(cat "$run/$name.pid")); deno task stop ends it" >&2
    exit 1
  fi
  # exec, so that the pid is the program's own
  (conductor "$@" --log-output "$logs/$name.log") &
  echo $! >"$run/$name.pid"
  started="$name ${started:-}"
}

# ready NAME PORT: waits until the node answers that it can serve
ready() {
  tries=0
  until curl -fsS -o /dev/null "http://127.0.0.1:$2/ready" 2>/dev/null; do
    tries=$((tries + 1))
    if ! kill -0 "$(cat "$run/$1.pid")" 2>/dev/null; then
      echo "$1 ended; its log: $logs/$1.log" >&2
      exit 1
    fi
    if [ "$tries" -gt 300 ]; then
      echo "$1 is not ready after 30 s; its log: $logs/$1.log" >&2
      exit 1
    fi
    sleep 0.1
  done
}

# Ends what this script started, the last one first: workers hand back what they run.
stop_all() {
  trap - EXIT INT TERM
  for name in ${started:-}; do
    [ -f "$run/$name.pid" ] || continue
    pid=$(cat "$run/$name.pid")
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -f "$run/$name.pid"
  done
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
