"""A worker in Python: the reference for one in any language.

    python3 examples/python/worker.py

README.md beside this file tells the protocol; the comments here say where each rule of it is kept.
Handlers are at the end of the file. Stop it with Ctrl-C or SIGTERM: it finishes what it runs.
"""

import collections
import json
import os
import queue
import random
import signal
import socket
import sys
import threading
import time
import uuid

import grpc

from conductor import Connection, pb, unary, worker_session

SLOTS = 4
TICK_SECONDS = 0.1
GRACE_SECONDS = 20.0
LAST_REPORTS_SECONDS = 5.0


class PermanentError(Exception):
    """It would fail the same way again: the job is not retried, whatever is left of its budget."""


class Stopped(Exception):
    """Nobody wants the attempt any more."""


class Attempt:
    """One attempt at one job, while it runs, and what its handler may see and do."""

    def __init__(self, worker, job):
        self._worker = worker
        self.job = job
        # An attempt is named by its job and its fencing token, which every report must carry. A job
        # that is assigned again has a higher token, and reports under the old one are refused.
        self.key = (job.id, job.fencing_token)
        self.payload = json.loads(job.payload) if job.payload else None
        self.number = job.attempt
        self.parents = [(each.job_id, each.status) for each in job.parents]
        self._stopped = threading.Event()
        self.timer = None
        self.why = ""
        self.fraction = 0.0
        self.message = ""
        self.lines = []
        self.lines_sent = 0

    def stop(self, why):
        """Python cannot end a thread: the handler must ask."""
        self.why = self.why or why
        self._stopped.set()

    def sleep(self, seconds):
        """Sleeps unless it is told to stop. Raises Stopped then."""
        if self._stopped.wait(seconds):
            raise Stopped(self.why)

    def progress(self, fraction, message=""):
        self.fraction, self.message = fraction, message
        self._worker.has_news(self)

    def log(self, line):
        self.lines.append(line[:2000])
        self._worker.has_news(self)

    def parent_result(self, job_id):
        """What a job left that this one depends on: asked of the master, who checks the token."""
        answer = self._worker.ask("GetParentResult", pb.GetParentResultRequest(
            worker_id=self._worker.id, job_id=self.job.id,
            fencing_token=self.job.fencing_token, parent_id=job_id))
        return json.loads(answer.result.output) if answer.result.output else None


class Worker:
    def __init__(self, connection, handlers, worker_id=None, slots=SLOTS):
        # With roles, a worker's token has its id as its subject: it can be no other worker.
        self.id = (worker_id or os.environ.get("WORKER_ID")
                   or "python-%s-%d" % (socket.gethostname(), os.getpid()))
        self._connection = connection
        self._handlers = handlers
        self._slots = slots
        # New for each process: what an earlier one of this name held is lost, unless it lists it.
        self._incarnation = str(uuid.uuid4())
        self._lock = threading.RLock()
        self._running = {}
        # Ends of attempts that no master has acknowledged. They are ours until one has, and are
        # sent again on each new session. (A worker that keeps them on disk loses no work when its
        # process dies between the end and the acknowledgement; without, the job runs again.)
        self._ends = collections.OrderedDict()
        self._starts_in_flight = set()
        self._taken = {}
        self._news = set()
        self._outgoing = None
        self._channel = None
        self._is_draining = False
        self._has_left = threading.Event()
        self._completed = self._failed = 0

    # --- keeping a session --------------------------------------------------------------------

    def run(self):
        """Keeps a session with whichever master leads, until `leave` is done."""
        threading.Thread(target=self._tick, daemon=True).start()
        addresses = self._connection.addresses
        unreachable = told_by = None
        pause = 0.1
        while not self._has_left.is_set():
            address = addresses[0]
            try:
                self._session(address, unreachable)
                failure = None
            except grpc.RpcError as error:
                failure = error
            if self._has_left.is_set() or (failure is None and self._is_draining):
                break  # the master has heard our goodbye
            was_welcome, self._was_welcome = self._was_welcome, False
            leader = _trailer(failure, "leader-address")
            if leader:
                # A follower: go where it says that the leader is.
                addresses.remove(leader) if leader in addresses else None
                addresses.insert(0, leader)
                told_by = address
            elif not was_welcome and told_by and told_by != address:
                # The leader was not where it was said to be (another network, perhaps). Back to who
                # said so: asked like this, a follower passes the session on to its leader.
                unreachable = address
                addresses.remove(told_by) if told_by in addresses else None
                addresses.insert(0, told_by)
                told_by = None
            else:
                addresses.append(addresses.pop(0))
            if was_welcome:
                pause = 0.1
            print("no session with %s: %s" % (address, _words(failure)), file=sys.stderr)
            # With jitter, so that many workers do not come back at once.
            self._has_left.wait(0.05 if leader else pause * (0.5 + random.random()))
            pause = min(pause * 2, 2.0)

    _was_welcome = False

    def _session(self, address, unreachable):
        outgoing = queue.SimpleQueue()
        with self._connection.channel(address) as channel:
            # Only after the connection stands: a stream alone would wait for it in silence.
            try:
                grpc.channel_ready_future(channel).result(timeout=2.0)
            except grpc.FutureTimeoutError:
                raise _Unreachable("no connection within 2 s") from None
            with self._lock:
                # The first message is a hello. It lists all that we hold: what runs, and what has
                # ended and is not acknowledged. The master takes away whatever is not listed.
                held = list(self._running) + list(self._ends)
                hello = pb.WorkerHello(
                    worker_id=self.id, incarnation=self._incarnation,
                    max_concurrent_jobs=self._slots, job_types=sorted(self._handlers),
                    tags={"runtime": "python"}, version="1.0",
                    running=[pb.RunningAttempt(job_id=job, fencing_token=token)
                             for job, token in held])
            outgoing.put(pb.WorkerMessage(hello=hello))
            call = worker_session(channel)(
                iter(outgoing.get, None),
                metadata=self._connection.metadata(unreachable_leader=unreachable))
            try:
                for message in call:
                    self._take(message, outgoing, channel)
            finally:
                outgoing.put(None)
                with self._lock:
                    self._outgoing = self._channel = None

    def _take(self, message, outgoing, channel):
        if message.HasField("welcome"):
            self._welcome(message.welcome, outgoing, channel)
        for job in message.assignments:
            self._begin(job)
        for each in message.cancellations:
            # The attempt is not ours any more, or nobody wants it: stop, and report nothing.
            self._withdraw((each.job_id, each.fencing_token), each.reason)
        for ack in message.report_acks:
            self._acknowledged(ack)

    def _welcome(self, welcome, outgoing, channel):
        with self._lock:
            self._was_welcome = True
            for each in welcome.master_addresses:
                if each not in self._connection.addresses:
                    self._connection.addresses.append(each)
            self._outgoing, self._channel = outgoing, channel
            self._heartbeat_seconds = welcome.heartbeat_interval_ms / 1000
            # A new session knows nothing of what was sent on an old one.
            self._starts_in_flight.clear()
            for report in self._ends.values():
                self._send(reports=[report])
            for attempt in self._running.values():
                attempt.lines_sent = 0
                self._news.add(attempt)
        print("connected, %s leads" % welcome.leader_id, flush=True)

    def _send(self, **fields):
        """Puts a message on the session, if one stands. Whatever must arrive is kept elsewhere."""
        with self._lock:
            if self._outgoing is not None:
                self._outgoing.put(pb.WorkerMessage(draining=self._is_draining, **fields))

    def _tick(self):
        """Ten times a second: progress and log lines; at the master's interval: a heartbeat."""
        next_heartbeat = 0.0
        while not self._has_left.wait(TICK_SECONDS):
            with self._lock:
                news, self._news = self._news, set()
                progress = [self._progress_of(each) for each in news]
                if progress:
                    self._send(progress=progress)
                if self._outgoing is not None and time.monotonic() >= next_heartbeat:
                    # Without one for the heartbeat timeout we are taken for dead.
                    next_heartbeat = time.monotonic() + self._heartbeat_seconds
                    self._send(stats=pb.WorkerStats(
                        active_jobs=len(self._running), completed_jobs=self._completed,
                        failed_jobs=self._failed))

    def _progress_of(self, attempt):
        # Lines are numbered from 1 within their attempt, so that some that come twice are known.
        first, attempt.lines_sent = attempt.lines_sent, len(attempt.lines)
        job_id, token = attempt.key
        return pb.AttemptProgress(
            job_id=job_id, fencing_token=token, fraction=attempt.fraction,
            message=attempt.message, log_lines=attempt.lines[first:], first_line=first + 1)

    # --- running attempts ---------------------------------------------------------------------

    def _begin(self, job):
        with self._lock:
            # Assignments may come twice. An attempt is taken once, and an older one never.
            if job.fencing_token <= self._taken.get(job.id, 0):
                return
            self._taken[job.id] = job.fencing_token
            if self._is_draining:
                # It crossed our word that we leave: back it goes, unharmed.
                return self._ended((job.id, job.fencing_token), released=pb.AttemptReleased(
                    reason="the worker is draining"))
            try:
                attempt = Attempt(self, job)
            except ValueError as failure:
                return self._ended((job.id, job.fencing_token), result=pb.JobResult(
                    error="the payload is not JSON: %s" % failure, permanent=True))
            self._running[attempt.key] = attempt
            self._starts_in_flight.add(attempt.key)
            self._send(reports=[pb.AttemptReport(
                job_id=job.id, fencing_token=job.fencing_token, started=pb.AttemptStarted())])
            if job.timeout_ms > 0:
                # The master ends it too; but it would not know what the attempt said.
                attempt.timer = threading.Timer(job.timeout_ms / 1000, self._timed_out, (attempt,))
                attempt.timer.daemon = True
                attempt.timer.start()
            threading.Thread(target=self._run, args=(attempt,), daemon=True).start()

    def _run(self, attempt):
        started = time.monotonic()
        result = pb.JobResult()
        try:
            value = self._handlers[attempt.job.type](attempt.payload, attempt)
            result.success = True
            result.output = json.dumps(value).encode()
            result.content_type = "application/json"
        except Exception as failure:  # whatever a handler raises is how its attempt ended
            result.error = str(failure) or type(failure).__name__
            result.permanent = isinstance(failure, PermanentError)
        result.duration_ms = int((time.monotonic() - started) * 1000)
        self._finish(attempt, result)

    def _timed_out(self, attempt):
        attempt.stop("timed out")
        self._finish(attempt, pb.JobResult(
            error="timed out after %d ms" % attempt.job.timeout_ms, timed_out=True))

    def _finish(self, attempt, result):
        """Reports an end; the first one counts."""
        with self._lock:
            if self._running.pop(attempt.key, None) is None:
                return  # it was withdrawn, or has timed out
            if attempt.timer is not None:
                attempt.timer.cancel()
            if result.success:
                self._completed += 1
            else:
                self._failed += 1
            result.log_tail.extend(attempt.lines[-1000:])
            print("%s %s %s" % (attempt.job.type, attempt.job.id,
                                "completed" if result.success else result.error), flush=True)
            self._ended(attempt.key, result=result)

    def _ended(self, key, **outcome):
        job_id, token = key
        report = pb.AttemptReport(job_id=job_id, fencing_token=token, **outcome)
        with self._lock:
            self._ends[key] = report
            self._send(reports=[report])

    def _withdraw(self, key, reason):
        with self._lock:
            attempt = self._running.pop(key, None)
        if attempt is not None:
            print("%s %s stopped: %s" % (attempt.job.type, attempt.job.id, reason), flush=True)
            if attempt.timer is not None:
                attempt.timer.cancel()
            attempt.stop(reason)

    def _acknowledged(self, ack):
        key = (ack.job_id, ack.fencing_token)
        with self._lock:
            # A session acknowledges in the order of sending, so the first word on an attempt whose
            # start was sent on it is about the start.
            is_start = key in self._starts_in_flight
            self._starts_in_flight.discard(key)
            if not ack.accepted:
                # Not ours any more: whatever became of it is nobody's business.
                self._ends.pop(key, None)
                self._withdraw(key, ack.message)
            elif not is_start:
                self._ends.pop(key, None)

    def has_news(self, attempt):
        with self._lock:
            self._news.add(attempt)

    def ask(self, method, request):
        with self._lock:
            channel = self._channel
        if channel is None:
            return self._connection.call(method, request)
        return unary(channel, method)(request, metadata=self._connection.metadata(), timeout=10)

    # --- leaving ------------------------------------------------------------------------------

    def leave(self):
        """Takes nothing new, lets what runs finish, hands back the rest, and says goodbye."""
        with self._lock:
            self._is_draining = True
            self._send()
        self._until(lambda: not self._running, GRACE_SECONDS)
        with self._lock:
            for key, attempt in list(self._running.items()):
                self._running.pop(key)
                attempt.stop("the worker is leaving")
                # Handed back unharmed: it costs the job no retry.
                self._ended(key, released=pb.AttemptReleased(reason="the worker is leaving"))
        self._until(lambda: not self._ends, LAST_REPORTS_SECONDS)
        self._send(goodbye=True)
        self._until(lambda: self._outgoing is None, LAST_REPORTS_SECONDS)  # the master closes
        self._has_left.set()
        with self._lock:
            if self._outgoing is not None:
                self._outgoing.put(None)

    def _until(self, is_done, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self._lock:
                if is_done():
                    return
            time.sleep(0.02)


class _Unreachable(grpc.RpcError):
    pass


def _trailer(failure, name):
    trailers = failure.trailing_metadata() if hasattr(failure, "trailing_metadata") else None
    return next((each.value for each in trailers or () if each.key == name), None)


def _words(failure):
    if failure is None:
        return "the master closed it"
    return failure.details() if hasattr(failure, "details") else str(failure)


# --- the job types of this worker -------------------------------------------------------------


def py_greet(payload, attempt):
    if not isinstance(payload, dict) or not isinstance(payload.get("name"), str):
        raise PermanentError("name is missing; it must be a string")
    attempt.log("greeting " + payload["name"])
    return {"greeting": "Hello, %s!" % payload["name"], "attempt": attempt.number}


def py_count(payload, attempt):
    to = payload["to"]
    for number in range(1, to + 1):
        attempt.sleep(payload.get("pause_seconds", 0.01))
        attempt.progress(number / to, "%d of %d" % (number, to))
    return {"counted": to, "attempt": attempt.number}


def py_sum(_payload, attempt):
    return {"total": sum(attempt.parent_result(job_id)["counted"] for job_id, _ in attempt.parents)}


def main():
    worker = Worker(Connection(), {"py_greet": py_greet, "py_count": py_count, "py_sum": py_sum})
    print("worker " + worker.id, flush=True)
    left = threading.Thread(target=worker.leave)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: left.is_alive() or left.start())
    worker.run()
    print("left in order", flush=True)


if __name__ == "__main__":
    main()
