# shellcheck shell=sh disable=SC2034 # its variables are for the scripts that read it
# Shared by start-cluster.sh and start-ha-cluster.sh: starts conductor processes in the background,
# knows them by their pid files, and stops exactly those, even if the script itself is killed.
# CLUSTER_STATE is where data, logs and pid files go; PORT_OFFSET is added to every port.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
state=${CLUSTER_STATE:-$root/.conductor}
offset=${PORT_OFFSET:-0}
run=$state/run
logs=$state/logs
session=$run/session.$$
mkdir -p "$run" "$logs"
: >"$session"

# The path of Deno itself: what npm installs is a launcher, which a signal ends without reaching Deno.
if command -v deno >/dev/null 2>&1; then
  deno=$(deno eval --quiet 'console.log(Deno.execPath())')
elif [ ! -x "$root/dist/conductor" ]; then
  deno=$(npx -y deno@2.9.6 eval --quiet 'console.log(Deno.execPath())')
else
  deno=
fi

# How a person calls the program, for what these scripts propose.
if command -v conductor >/dev/null 2>&1; then program=conductor
elif [ -n "$deno" ]; then program="deno run -A main.ts"
else program=dist/conductor
fi

conductor() {
  if [ -n "$deno" ]; then exec "$deno" run --quiet --allow-all "$root/main.ts" "$@"; fi
  exec "$root/dist/conductor" "$@"
}

# pid_of NAME: what its pid file says
pid_of() {
  cat "$run/$1.pid" 2>/dev/null || true
}

# runs NAME PID: whether that process runs and is ours: a pid may have been given to a stranger since
runs() {
  [ -n "$2" ] || return 1
  if [ -r "/proc/$2/cmdline" ]; then
    { tr '\0' ' ' <"/proc/$2/cmdline"; } 2>/dev/null | grep -qF -- "$logs/$1.log"
  elif [ -d /proc/self ]; then
    return 1
  else
    ps -o args= -p "$2" | grep -qF -- "$logs/$1.log"
  fi
}

# free PORT: whether nobody listens there
free() {
  if [ -n "$deno" ]; then
    "$deno" eval --quiet "Deno.listen({ hostname: '127.0.0.1', port: $1 }).close()" 2>/dev/null
  else
    code=0
    curl -s -o /dev/null "http://127.0.0.1:$1/" || code=$?
    [ "$code" -eq 7 ]
  fi
}

# start NAME PORT ARGUMENTS...: one process, its log in $logs/NAME.log; PORT is where it will say that it is ready
start() {
  name=$1 port=$2
  shift 2
  if runs "$name" "$(pid_of "$name")"; then
    echo "$name runs already (pid $(pid_of "$name")); deno task stop ends it" >&2
    exit 1
  fi
  # Whoever answers there already would be taken for what is started here.
  if ! free "$port"; then
    echo "$name: another process uses port $port; stop it, or set PORT_OFFSET" >&2
    exit 1
  fi
  # exec, so that the pid is the program's own
  (conductor "$@" --http-port "$port" --log-output "$logs/$name.log") &
  echo "$name $!" >>"$session"
  echo $! >"$run/$name.pid"
}

# Waits up to 3 s for an answer, and says what came instead.
answers() {
  if [ -n "$deno" ]; then
    "$deno" run --quiet --no-check --allow-net "$root/scripts/answers.ts" "$1" 3
  else
    curl -fsS -o /dev/null --retry 3 --retry-delay 1 --retry-connrefused "$1"
  fi
}

# ready NAME PORT: waits until the node answers that it can serve
ready() {
  tries=0
  until why=$(answers "http://127.0.0.1:$2/ready" 2>&1); do
    tries=$((tries + 1))
    if ! runs "$1" "$(pid_of "$1")"; then
      echo "$1 ended; its log: $logs/$1.log" >&2
      exit 1
    fi
    if [ "$tries" -gt 20 ]; then
      echo "$1 is not ready after a minute ($why); its log: $logs/$1.log" >&2
      exit 1
    fi
  done
}

# Asks what this script started to stop, the last one first: workers hand back what they run.
ask_all() {
  last_first=
  while read -r name pid; do last_first="$name $pid
$last_first"; done <"$session"
  echo "$last_first" | while read -r name pid; do
    if runs "$name" "$pid"; then kill -TERM "$pid" 2>/dev/null || true; fi
    while runs "$name" "$pid"; do sleep 0.1; done
    # Somebody may have started it again.
    [ "$(pid_of "$name")" != "$pid" ] || rm -f "$run/$name.pid"
  done
  rm -f "$session"
}

stop_all() {
  trap '' INT TERM HUP
  trap - EXIT
  kill "$watcher" 2>/dev/null || true
  [ ! -f "$session" ] || ask_all
}

# Nobody can trap SIGKILL: a second process does what this script then cannot do any more.
(
  trap '' INT HUP
  while kill -0 $$ 2>/dev/null; do sleep 1; done
  [ ! -f "$session" ] || ask_all
) &
watcher=$!
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# Waits until everything has ended, by Ctrl-C or by deno task stop; fails if something did by itself.
wait_all() {
  failed=0
  while read -r name pid; do
    code=0
    wait "$pid" || code=$?
    [ "$code" -eq 0 ] && continue
    echo "$name ended with $code; its log: $logs/$name.log" >&2
    failed=1
  done <"$session"
  exit "$failed"
}
