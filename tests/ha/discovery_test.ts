/**
 * Masters behind one name, as behind a headless service: the name stands for the address of each. It
 * is told to the program under test alone, in a mount namespace with a hosts file of its own; where
 * the machine lets nobody make one, there is nothing to test with.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually, onCluster, unusedPorts } from "./support.ts";
import { MAIN } from "../program.ts";

const NAME = "masters.test";
const HOSTS = ["127.0.0.2", "127.0.0.3"] as const;

/** Runs what follows the name of a file, with that file as the hosts file. */
const WITH_HOSTS = ["-rm", "sh", "-c", 'mount --bind "$1" /etc/hosts; shift; exec "$@"', "sh"];

function canHaveHosts(): boolean {
  if (Deno.build.os !== "linux") return false;
  const script = [...WITH_HOSTS.slice(0, 3), "mount --bind /etc/hosts /etc/hosts"];
  return new Deno.Command("unshare", { args: script, stdout: "null", stderr: "null" })
    .outputSync().success;
}

/** Lets connections to `port` of `hostname` reach `target`. */
function front(hostname: string, port: number, target: string): Disposable {
  const listener = Deno.listen({ hostname, port });
  const [targetHost = "", targetPort] = target.split(":");
  const pass = async (caller: Deno.TcpConn) => {
    const callee = await Deno.connect({ hostname: targetHost, port: Number(targetPort) })
      .catch(() => undefined); // it is dead, and so is the caller's connection
    if (callee === undefined) return caller.close();
    const ways = [caller.readable.pipeTo(callee.writable), callee.readable.pipeTo(caller.writable)];
    await Promise.allSettled(ways); // either end may break off
  };
  const passAll = async () => {
    for await (const caller of listener) pass(caller);
  };
  passAll().catch((failure) => {
    if (!(failure instanceof Deno.errors.BadResource)) throw failure;
  });
  return { [Symbol.dispose]: () => listener.close() };
}

Deno.test({
  name: "one name that stands for several masters leads to those that live",
  ignore: !canHaveHosts(),
  fn: () =>
    onCluster({ workers: 0 }, async (cluster) => {
      const hosts = join(cluster.directory, "hosts");
      await Deno.writeTextFile(hosts, HOSTS.map((each) => `${each} ${NAME}\n`).join(""));
      const [port = 0] = unusedPorts(1);
      const program = (output: "piped" | "null", ...args: string[]) =>
        new Deno.Command("unshare", {
          args: [...WITH_HOSTS, hosts, Deno.execPath(), "run", "-A", "--no-check", MAIN, ...args],
          stdin: "null",
          stdout: output,
          stderr: output,
        });
      const submit = async () => {
        const args = ["submit", "--type=noop", `--addr=${NAME}:${port}`, "--wait"];
        const { success, stdout, stderr } = await program("piped", ...args).output();
        const said = new TextDecoder().decode(success ? stdout : stderr);
        assert.ok(success, said);
      };
      const [first, second] = cluster.masters;
      using _first = front(HOSTS[0], port, first!.directAddress);
      using _second = front(HOSTS[1], port, second!.directAddress);
      const worker = program(
        "null",
        "worker",
        `--join=${NAME}:${port}`,
        "--grpc-port=0",
        `--data-dir=${join(cluster.directory, "workers")}`,
      ).spawn();
      try {
        await submit();
        for (const gone of [first!, second!]) {
          await gone.process.kill();
          await eventually("somebody leads", () => cluster.leaderNow([gone.name]));
          await submit();
          gone.process.start();
          await cluster.settled();
        }
      } finally {
        worker.kill("SIGKILL");
        await worker.status;
      }
    }),
});
