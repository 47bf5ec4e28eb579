#!/bin/sh
# A development cluster: one master and one worker, until Ctrl-C. Its data is kept in .conductor/
# from one run to the next; `deno task clean` removes it.
set -eu
. "$(dirname -- "$0")/cluster_lib.sh"

grpc=${GRPC_MASTER_PORT:-9000}
http=${HTTP_PORT:-8080}
start master master --bootstrap --data-dir "$state/master" --grpc-port "$grpc" --http-port "$http"
ready master "$http"
start worker worker --join "localhost:$grpc" --data-dir "$state/worker"
echo "Cluster is up: gRPC localhost:$grpc, status http://localhost:$http/cluster/status"
echo "  conductor submit --type test_sleep --payload '{\"duration\":\"2s\"}' --wait"
echo "Logs: $logs. Ctrl-C stops it."
wait
