import assert from "node:assert/strict";
import { loadConfig, type Role } from "../config/mod.ts";
import { greetFromMaster, greetFromWorker, ownCommand } from "./greeting.ts";
import { recording } from "./terminal_test_support.ts";

function loaded(role: Role, flags: Record<string, string> = {}) {
  return loadConfig({
    flags,
    env: {},
    role,
    readTextFile: (path) => {
      throw new Error(`nothing is to be read, and ${path} was`);
    },
  });
}

Deno.test("a master says where it listens and what to do next, in words that can be pasted", () => {
  const terminal = recording({ isTerminal: true });
  greetFromMaster(loaded("master"), terminal.err, "conductor");
  const said = terminal.written.err;
  assert.match(said, /^ {2}gRPC +127\.0\.0\.1:9000/m);
  assert.match(said, /^ {2}Dashboard +http:\/\/127\.0\.0\.1:8080\/$/m);
  assert.match(said, /^ {2}Status +http:\/\/127\.0\.0\.1:8080\/cluster\/status$/m);
  assert.match(said, /^ {2}Metrics +http:\/\/127\.0\.0\.1:9090\/metrics$/m);
  assert.match(said, /^ {2}conductor worker --join 127\.0\.0\.1:9000$/m);
  assert.match(said, /^ {2}conductor status$/m);
  assert.equal(terminal.written.out, "", "stdout may be the log");
});

Deno.test("a master on other ports is named to every command that is proposed", () => {
  const terminal = recording({ isTerminal: true });
  const flags = { "grpc.master_port": "9100", "cluster.grpc_bind_host": "0.0.0.0" };
  greetFromMaster(loaded("master", flags), terminal.err, "conductor");
  assert.match(terminal.written.err, /^ {2}conductor worker --join localhost:9100$/m);
  assert.match(terminal.written.err, /^ {2}conductor status --addr localhost:9100$/m);
});

Deno.test("a worker says whom it works for and what it can do", () => {
  const terminal = recording({ isTerminal: true });
  const flags = { "worker.master_addrs": "10.0.0.1:9000,10.0.0.2:9000" };
  greetFromWorker(loaded("worker", flags), ["noop", "mine"], terminal.err, "conductor");
  const said = terminal.written.err;
  assert.match(said, /^ {2}Masters +10\.0\.0\.1:9000, 10\.0\.0\.2:9000$/m);
  assert.match(said, /^ {2}Job types +noop, mine$/m);
  assert.match(said, /^ {2}conductor workers --addr 10\.0\.0\.1:9000$/m);
});

Deno.test("a node that a script started, with its log in a file, is silent", () => {
  const terminal = recording({ isTerminal: true });
  greetFromMaster(loaded("master", { "log.output": "/tmp/master.log" }), terminal.err);
  greetFromWorker(loaded("worker", { "log.output": "/tmp/worker.log" }), [], terminal.err);
  assert.equal(terminal.written.err, "");
});

Deno.test("where there is no terminal nothing is said beside the log", () => {
  const terminal = recording();
  greetFromMaster(loaded("master"), terminal.err);
  greetFromWorker(loaded("worker"), [], terminal.err);
  assert.deepEqual(terminal.written, { out: "", err: "" });
});

Deno.test("the program is called as it was started, and by its name once it is built", () => {
  const source = { isStandalone: false, runtime: "/usr/bin/deno", main: "/src/main.ts" };
  assert.equal(ownCommand({ ...source, directory: "/src" }), "deno run -A main.ts");
  assert.equal(ownCommand({ ...source, directory: "/home/me" }), "deno run -A /src/main.ts");
  const directory = "/home/me";
  assert.equal(ownCommand({ ...source, directory, isStandalone: true }), "conductor");
  const runtime = "/home/me/.cache/conductor/07ec/conductor";
  const main = "/home/me/.cache/conductor/07ec/app/main.js";
  assert.equal(ownCommand({ isStandalone: false, runtime, main, directory }), "conductor");
});
