import assert from "node:assert/strict";
import { isLoopbackHost, ownNames } from "./own_names.ts";

Deno.test("a node's own names are addresses, names without an owner on the internet, and those that are given", () => {
  const isOwn = ownNames(["jobs.example.com", "m1.example.com:9000", ""]);
  for (
    const host of [
      ...[
        "localhost",
        "localhost:8080",
        "127.0.0.1:8080",
        "[::1]:8080",
        "10.1.2.3",
        "master-1:8080",
      ],
      ...[
        "app.localhost",
        "m1.lan",
        "jobs.example.com",
        "JOBS.example.com:443",
        "jobs.example.com.",
      ],
      ...["m1.example.com", Deno.hostname()],
    ]
  ) assert.ok(isOwn(host), host);
  for (
    const host of [
      ...["example.com", "evil.example.com:8080", "localhost.evil.com", "127.0.0.1.nip.io"],
      ...["xjobs.example.com", "a.jobs.example.com", "lan.evil.com"],
    ]
  ) assert.ok(!isOwn(host), host);
});

Deno.test("a loopback host is known however it is written", () => {
  for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "::1"]) {
    assert.ok(isLoopbackHost(host));
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.example.com"]) {
    assert.ok(!isLoopbackHost(host), host);
  }
});
