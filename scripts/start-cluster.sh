#!/bin/sh
# A development cluster: one master and one worker, until Ctrl-C. Its data is kept in .conductor/
# from one run to the next; `deno task clean` removes it.
set -eu
# shellcheck source=scripts/cluster_lib.sh
. "$(dirname -- "$0")/cluster_lib.sh"

grpc=$((${GRPC_MASTER_PORT:-9000} + offset))
http=$((${HTTP_PORT:-8080} + offset))
worker_http=$((8083 + offset))
start master "$http" master --bootstrap --data-dir "$state/master" --grpc-port "$grpc" \
  --bind-addr "127.0.0.1:$((7000 + offset))" \
  --metrics-port "$((${METRICS_PORT:-9090} + offset))" \
  --set "log.audit_output=$logs/master.audit.log"
ready master "$http"
start worker "$worker_http" worker --join "localhost:$grpc" --data-dir "$state/worker" \
  --grpc-port "$((${GRPC_WORKER_PORT:-9001} + offset))"
ready worker "$worker_http"
echo "Cluster is up: gRPC localhost:$grpc, status http://localhost:$http/cluster/status"
echo "  $program submit --addr localhost:$grpc --type test_sleep --payload '{\"duration\":\"2s\"}' --wait"
echo "Logs: $logs. Ctrl-C stops it."
wait_all
