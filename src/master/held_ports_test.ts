import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { HeldPorts } from "./held_ports.ts";

const SETTINGS = { host: "cluster.bind_addr (--bind-addr)", port: "cluster.bind_port" };

/** Resolves once it listens. */
function listening(port: number, host = "127.0.0.1"): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host, port }, () => resolve(server));
  });
}

async function freePort(): Promise<number> {
  const server = await listening(0);
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** How a call ends: hung up on, or refused. */
function called(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    let how = "refused";
    socket.once("connect", () => how = "hung up on");
    socket.once("error", () => {});
    socket.once("close", () => resolve(how));
  });
}

Deno.test("a port that is held is nobody else's, answers nothing, and can be bound once it is let go", async () => {
  const port = await freePort();
  const listen = { host: "127.0.0.1", port };
  const held = new HeldPorts();
  await held.hold(listen, SETTINGS);
  assert.equal(await called(port), "hung up on");
  await assert.rejects(listening(port), /EADDRINUSE/);
  await assert.rejects(new HeldPorts().hold(listen, SETTINGS), {
    name: "PortError",
    message: `cannot listen on 127.0.0.1:${port}: another process uses the port; stop it, or ` +
      `choose another port with cluster.bind_port`,
  });
  await held.release(listen);
  assert.equal(await called(port), "refused");
  const server = await listening(port);
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("ports are held where the host is a name, and all are let go together", async () => {
  const held = new HeldPorts();
  const ports = [await freePort(), await freePort()];
  for (const port of ports) await held.hold({ host: "localhost", port }, SETTINGS);
  for (const port of ports) assert.equal(await called(port), "hung up on");
  await held.releaseAll();
  for (const port of ports) assert.equal(await called(port), "refused");
});

Deno.test("an address that this host does not have is refused before anything is founded", async () => {
  const held = new HeldPorts();
  // For documents: no host has it (RFC 5737).
  const foreign = { host: "192.0.2.1", port: await freePort() };
  await assert.rejects(held.hold(foreign, SETTINGS), {
    name: "PortError",
    message: `cannot listen on 192.0.2.1:${foreign.port}: 192.0.2.1 is no address of this host; ` +
      "choose one that it has, or 0.0.0.0 for all, with cluster.bind_addr (--bind-addr)",
  });
  await held.hold({ host: "192.0.2.1", port: 0 }, SETTINGS); // any free port is looked for later
  await held.releaseAll();
});
