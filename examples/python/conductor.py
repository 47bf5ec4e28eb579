"""What a program needs to talk to Conductor, from the .proto files alone.

Needs grpcio, and one of two compilers for the .proto:

    pip install grpcio grpcio-tools
    apt install python3-grpcio protobuf-compiler libprotobuf-dev

The classes of the messages are made when this module is imported, into a directory that goes away
with the process. A real program would generate them once and keep them.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid

try:
    import grpc
except ModuleNotFoundError:
    sys.exit(f"{sys.executable} has no grpcio: pip install grpcio, or on Debian "
             "apt-get install python3-grpcio and use /usr/bin/python3")

PROTO = os.environ.get(
    "CONDUCTOR_PROTO",
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "proto"),
)
MESSAGE_BYTES_MAX = 4 * 1024 * 1024


def _generated():
    """Compiles scheduler.proto, with what it imports, and imports what came of it."""
    with tempfile.TemporaryDirectory(prefix="conductor-proto-") as directory:
        files = sorted(name for name in os.listdir(PROTO) if name.endswith(".proto"))
        arguments = ["-I" + PROTO, "--python_out=" + directory] + files
        # Debian's grpc_tools is too old for `optional` fields; its protoc is not.
        compilers = [["protoc"]] if shutil.which("protoc") else []
        compilers.append([sys.executable, "-m", "grpc_tools.protoc"])
        faults = []
        for compiler in compilers:
            done = subprocess.run(compiler + arguments, capture_output=True, text=True)
            if done.returncode == 0:
                sys.path.insert(0, directory)
                try:
                    return importlib.import_module("scheduler_pb2")
                finally:
                    sys.path.remove(directory)
            faults.append(done.stderr.strip())
        sys.exit("cannot compile scheduler.proto; install protobuf-compiler and libprotobuf-dev, "
                 "or grpcio-tools:\n" + "\n".join(faults))


pb = _generated()


class Connection:
    """How to reach a cluster: the environment variables that `conductor` itself reads."""

    def __init__(self, environment=os.environ):
        def read(name):
            return environment.get("CONDUCTOR_" + name) or environment.get(name) or ""

        addresses = read("WORKER_MASTER_ADDRS") or read("MASTER_ADDR") or "localhost:9000"
        self.addresses = [each.strip() for each in addresses.split(",")]
        self._token = read("TOKEN")
        self._token_file = read("TOKEN_FILE")
        self._tls = read("SECURITY_TLS_ENABLED") == "true"
        self._server_name = read("SECURITY_TLS_SERVER_NAME")
        self._ca = read("SECURITY_TLS_CA_FILE")
        self._cert = read("SECURITY_TLS_CERT_FILE")
        self._key = read("SECURITY_TLS_KEY_FILE")

    def channel(self, address):
        """A connection to one master. It is made when something is first asked."""
        options = [
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
            ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
            # A master that hangs, or a cable that is cut, closes nothing: it is asked every two
            # seconds whether it lives, and given up when it does not say so within two more.
            ("grpc.keepalive_time_ms", 2000),
            ("grpc.keepalive_timeout_ms", 2000),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
        ]
        if self._server_name:
            options.append(("grpc.ssl_target_name_override", self._server_name))
        if not self._tls:
            return grpc.insecure_channel(address, options)
        credentials = grpc.ssl_channel_credentials(
            root_certificates=_bytes_of(self._ca),
            private_key=_bytes_of(self._key),
            certificate_chain=_bytes_of(self._cert),
        )
        return grpc.secure_channel(address, credentials, options)

    def metadata(self, **more):
        """Goes with every call. A token file is read anew, so that it can be renewed in place."""
        token = self._token
        if self._token_file:
            with open(self._token_file, encoding="utf-8") as file:
                token = file.read().strip()
        pairs = [(name.replace("_", "-"), value) for name, value in more.items() if value]
        return pairs + ([("authorization", "Bearer " + token)] if token else [])

    def call(self, method, request, timeout=30.0):
        """One unary call to whichever master answers. Any member takes any call and passes it on.

        What is lost is tried again, so `request` must be safe to repeat: a submission is by its
        idempotency key.
        """
        until = time.monotonic() + timeout
        while True:
            for address in list(self.addresses):
                with self.channel(address) as channel:
                    try:
                        return unary(channel, method)(
                            request,
                            metadata=self.metadata(),
                            timeout=min(5.0, max(0.1, until - time.monotonic())),
                        )
                    except grpc.RpcError as failure:
                        lost = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
                        if failure.code() not in lost or time.monotonic() > until:
                            raise
            time.sleep(0.2)


def unary(channel, method):
    """A callable for one unary method of MasterService, by the types that the .proto gives it."""
    descriptor = pb.DESCRIPTOR.services_by_name["MasterService"].methods_by_name[method]
    request = descriptor.input_type._concrete_class  # generated, whichever file defines it
    response = descriptor.output_type._concrete_class
    return channel.unary_unary(
        "/proto.MasterService/" + method,
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )


def worker_session(channel):
    """The stream of a worker's session."""
    return channel.stream_stream(
        "/proto.MasterService/WorkerSession",
        request_serializer=pb.WorkerMessage.SerializeToString,
        response_deserializer=pb.MasterMessage.FromString,
    )


def submission(job_type, payload, **fields):
    """A job with a JSON payload. Without a key of its own it gets one, so that it can be repeated."""
    fields.setdefault("idempotency_key", "auto:" + str(uuid.uuid4()))
    fields.setdefault("priority", 5)
    fields.setdefault("default_retries", "max_retries" not in fields)
    return pb.SubmitJobRequest(type=job_type, payload=json.dumps(payload).encode(), **fields)


def _bytes_of(path):
    if not path:
        return None
    with open(path, "rb") as file:
        return file.read()
