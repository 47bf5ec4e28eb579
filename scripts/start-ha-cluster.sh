#!/bin/sh
# A highly available cluster on one machine: three masters and a worker, until Ctrl-C.
#   Master 1: gRPC 9000, HTTP 8080 (founds the cluster)
#   Master 2: gRPC 9002, HTTP 8081
#   Master 3: gRPC 9004, HTTP 8082
#   Worker:   gRPC 9001, HTTP 8083
# Its data is kept in .conductor/ha/ from one run to the next; `deno task clean` removes it.
set -eu
# shellcheck source=scripts/cluster_lib.sh
. "$(dirname -- "$0")/cluster_lib.sh"

# at PORT: the port that is used in its place
at() {
  echo $(($1 + offset))
}

# master NUMBER GRPC RAFT HTTP METRICS ARGUMENTS...
master() {
  name=master-$1 grpc=$(at "$2") raft=$(at "$3") http=$(at "$4") metrics=$(at "$5")
  shift 5
  start "$name" "$http" master --node-id "$name" --data-dir "$state/ha/$name" \
    --grpc-port "$grpc" --bind-addr "127.0.0.1:$raft" \
    --metrics-port "$metrics" --set "log.audit_output=$logs/$name.audit.log" "$@"
}

first=localhost:$(at 9000)
master 1 9000 7000 8080 9090 --bootstrap
master 2 9002 7001 8081 9091 --join "$first"
master 3 9004 7002 8082 9092 --join "$first"
ready master-1 "$(at 8080)"
ready master-2 "$(at 8081)"
ready master-3 "$(at 8082)"
start ha-worker "$(at 8083)" worker --worker-id ha-worker --data-dir "$state/ha/worker" \
  --grpc-port "$(at 9001)" \
  --join "$first" --join "localhost:$(at 9002)" --join "localhost:$(at 9004)"
ready ha-worker "$(at 8083)"

echo "Cluster is up: gRPC $first, :$(at 9002), :$(at 9004); HTTP :$(at 8080), :$(at 8081), :$(at 8082)"
echo "  $program cluster members --addr $first"
echo "  $program submit --addr $first --type test_sleep --payload '{\"duration\":\"2s\"}' --wait"
echo "Logs: $logs. Ctrl-C stops it."
wait_all
