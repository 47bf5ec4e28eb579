"""Submits a job, waits for its end, and prints what it left.

    python3 examples/python/client.py count '{"to": 5}'

Exit code 0: it completed; 1: it did not.
"""

import json
import sys
import time

from conductor import Connection, pb, submission

FINISHED = ("completed", "failed", "cancelled")


def main():
    job_type = sys.argv[1] if len(sys.argv) > 1 else "test_sleep"
    payload = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {"duration": "100ms"}
    connection = Connection()
    answer = connection.call("SubmitJob", submission(job_type, payload))
    print("job", answer.job_id)
    while True:
        # A program that waits for many jobs would open WatchJob's stream, or submit a batch.
        job = connection.call("GetJobStatus", pb.GetJobStatusRequest(job_id=answer.job_id)).job
        if job.status in FINISHED:
            break
        time.sleep(0.05)
    print(job.status, job.error_message or job.result.output.decode())
    return 0 if job.status == "completed" else 1


if __name__ == "__main__":
    sys.exit(main())
