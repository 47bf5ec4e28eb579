#!/bin/sh
# A highly available cluster on one machine: three masters and a worker, until Ctrl-C.
#   Master 1: gRPC 9000, HTTP 8080 (founds the cluster)
#   Master 2: gRPC 9002, HTTP 8081
#   Master 3: gRPC 9004, HTTP 8082
set -eu
. "$(dirname -- "$0")/cluster_lib.sh"

# master NUMBER GRPC RAFT HTTP METRICS ARGUMENTS...
master() {
  number=$1 grpc=$2 raft=$3 http=$4 metrics=$5
  shift 5
  start "master-$number" master --node-id "master-$number" --data-dir "$state/ha/master-$number" \
    --grpc-port "$grpc" --bind-addr "127.0.0.1:$raft" --http-port "$http" \
    --metrics-port "$metrics" "$@"
  ready "master-$number" "$http"
}

master 1 9000 7000 8080 9090 --bootstrap
master 2 9002 7001 8081 9091 --join localhost:9000
master 3 9004 7002 8082 9092 --join localhost:9000
start worker worker --join localhost:9000 --join localhost:9002 --join localhost:9004 \
  --data-dir "$state/ha/worker"
echo "Cluster is up: gRPC localhost:9000, :9002, :9004; HTTP :8080, :8081, :8082"
echo "  conductor cluster status --addr localhost:9000"
echo "Logs: $logs. Ctrl-C stops it."
wait
