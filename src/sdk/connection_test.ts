import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { connect } from "./client.ts";
import { ConductorWorker, defineJobType } from "./worker.ts";
import { fromEnvironment } from "./environment.ts";
import { ConductorError, JobFailedError, thrown } from "./errors.ts";
import { Refusal } from "../rpc/light.ts";
import { startTestMaster } from "../rpc/server_test_support.ts";
import { TokenSource } from "./token_source.ts";

Deno.test("an address that nobody can dial is said to be none, before anything is dialled", () => {
  const bad = [
    "localhost",
    "http://localhost:9000",
    "localhost:99999",
    ":9000",
    "m1:9000/",
    "::1:9000",
  ];
  for (const addresses of bad) {
    const message = `addresses has ${JSON.stringify(addresses)}: write HOST:PORT, ` +
      "such as localhost:9000 or [::1]:9000";
    assert.throws(() => connect(addresses), { name: "TypeError", message });
    assert.throws(() => connect(["localhost:9000", addresses]), { name: "TypeError", message });
  }
  connect(["m1.example:9000", " 127.0.0.1:1 ", "[::1]:9000", "[fe80::1%eth0]:65535"]).close();
});

Deno.test("a program without a compiler is told what it left out", async () => {
  const nothing = undefined as never;
  for (const options of [{}, { addresses: nothing }, { address: "m1:9000" }]) {
    assert.throws(() => connect(options as { addresses: string }), {
      name: "TypeError",
      message: "addresses is missing: name a master, such as localhost:9000",
    });
  }
  const addresses = "m1:9000";
  assert.throws(() => connect({ addresses: 9000 as never }), /addresses is neither a text nor/);
  assert.throws(() => new ConductorWorker({ addresses, types: nothing }), /types is missing/);
  assert.throws(() => new ConductorWorker({ addresses, types: {} as never }), /types is no list/);
  assert.throws(() => defineJobType({ name: "x", run: nothing }), {
    name: "TypeError",
    message: 'the job type "x" has no run: give it the function that does its work',
  });
  await using client = connect(addresses);
  const message = 'a job\'s type is undefined: name one, such as "web_scraping"';
  await assert.rejects(client.submit(nothing), { name: "TypeError", message });
  await assert.rejects(client.submitBatch([{ type: nothing }]), { name: "TypeError", message });
});

Deno.test("the environment that the program reads is read", () => {
  assert.deepEqual(fromEnvironment({}), { addresses: "localhost:9000" });
  assert.deepEqual(
    fromEnvironment({
      MASTER_ADDR: "m1:9000,m2:9000",
      CONDUCTOR_TOKEN: "t",
      SECURITY_TLS_ENABLED: "true",
      SECURITY_TLS_CA_FILE: "/ca",
      CONDUCTOR_SECURITY_TLS_CERT_FILE: "/cert",
      SECURITY_TLS_KEY_FILE: "/key",
    }),
    {
      addresses: "m1:9000,m2:9000",
      token: "t",
      tls: { caFile: "/ca", certFile: "/cert", keyFile: "/key", skipVerify: false },
    },
  );
  assert.deepEqual(fromEnvironment({ CONDUCTOR_TOKEN_FILE: "/t", SECURITY_TLS_ENABLED: "false" }), {
    addresses: "localhost:9000",
    tokenFile: "/t",
  });
});

Deno.test("whoever asks the environment for TLS, in any word the program takes, gets no plain text", () => {
  for (const word of ["true", "TRUE", "t", "1", "yes", "On", " true "]) {
    const { tls } = fromEnvironment({ CONDUCTOR_SECURITY_TLS_ENABLED: word });
    assert.deepEqual(tls, { skipVerify: false }, word);
  }
  for (const word of ["false", "F", "0", "no", "off", ""]) {
    assert.equal(fromEnvironment({ SECURITY_TLS_ENABLED: word }).tls, undefined, word);
  }
  const on = { SECURITY_TLS_ENABLED: "1" };
  assert.deepEqual(fromEnvironment({ ...on, SECURITY_TLS_SKIP_VERIFY: "yes" }).tls, {
    skipVerify: true,
  });
  const misspelt = { ...on, SECURITY_TLS_SKIP_VERIFY: "tru" };
  assert.throws(
    () => fromEnvironment(misspelt),
    /SECURITY_TLS_SKIP_VERIFY is "tru"; it must be true/,
  );
  assert.throws(() => fromEnvironment({ SECURITY_TLS_ENABLED: "ture" }), TypeError);
  assert.equal(fromEnvironment({ CONDUCTOR_WORKER_MASTER_ADDR: "m:1" }).addresses, "m:1");
});

Deno.test("options that do not fit together are refused before anything is dialled", () => {
  assert.throws(() => connect([]), /addresses is empty/);
  assert.throws(
    () => connect({ addresses: "m1:9000", tls: { cert: "x" } }),
    /tls\.cert is set and tls\.key is not/,
  );
  assert.throws(
    () => connect({ addresses: "m1:9000", tls: { ca: "x", caFile: "y" } }),
    /tls\.ca and tls\.caFile are both set/,
  );
  assert.throws(
    () => connect({ addresses: "m1:9000", tls: { caFile: "/no/such/file" } }),
    /cannot read tls\.caFile \/no\/such\/file/,
  );
  assert.throws(
    () => connect({ addresses: "m1:9000", token: "a", tokenFile: "b" }),
    /token and tokenFile are both set/,
  );
});

Deno.test("a token comes as it is, from a file that may change, or from a function that is asked", async () => {
  assert.equal(new TokenSource({ token: "a" }).current, "a");
  assert.equal(new TokenSource({}).current, undefined);
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "first\n");
    const ofFile = new TokenSource({ tokenFile: file });
    assert.equal(ofFile.current, "first");
    await Deno.writeTextFile(file, "second\n");
    assert.equal(ofFile.current, "second");
  } finally {
    await Deno.remove(file);
  }
  let asked = 0;
  const ofFunction = new TokenSource({ token: () => Promise.resolve(`token ${++asked}`) });
  assert.equal(ofFunction.current, undefined);
  await ofFunction.refresh();
  await ofFunction.refresh();
  assert.equal(ofFunction.current, "token 2");
});

Deno.test("what can be no token is told without telling it, and white space around one is none of it", async () => {
  assert.equal(new TokenSource({ token: " secret\n" }).current, "secret");
  const untold = (failure: Error) =>
    failure instanceof TypeError && failure.message.startsWith("character 7 of the token is none");
  assert.throws(() => connect({ addresses: "m1:9000", token: "secret\nsecond" }), untold);
  const ofFunction = new TokenSource({ token: () => "secretä" });
  await assert.rejects(ofFunction.refresh(), untold);
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "secret\nsecond\n");
    assert.throws(() => new TokenSource({ tokenFile: file }).current, untold);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a time that a worker may take to leave is a time, or there is no worker", async () => {
  const types = [defineJobType({ name: "x", run: () => 1 })];
  const options = { addresses: "m1:9000", types };
  for (const drainTimeoutMs of [NaN, -1, "5s" as unknown as number]) {
    assert.throws(() => new ConductorWorker({ ...options, drainTimeoutMs }), {
      name: "RangeError",
      message:
        `drainTimeoutMs is ${drainTimeoutMs}; it must be a number of milliseconds, 0 or more`,
    });
  }
  const worker = new ConductorWorker({ ...options, drainTimeoutMs: Infinity });
  assert.throws(() => worker.stop(NaN), /RangeError: graceMs is NaN/);
  await worker.stop();
});

Deno.test("a refusal is thrown with its code, its reason and when to try again", () => {
  const failure = thrown(new Refusal("overloaded", "the queue is full", { retryAfterMs: 250 }));
  assert.ok(failure instanceof ConductorError);
  const { code, grpcCode, reason, retryAfterMs, isTransient, message } = failure;
  assert.deepEqual([code, grpcCode, reason, retryAfterMs, isTransient, message], [
    "RESOURCE_EXHAUSTED",
    8,
    "overloaded",
    250,
    true,
    "the queue is full",
  ]);
  const tooLong = thrown(new Refusal("too_large", "the payload is 9 bytes"));
  assert.ok(tooLong instanceof ConductorError);
  assert.deepEqual([tooLong.code, tooLong.isTransient], ["RESOURCE_EXHAUSTED", false]);
  const other = new TypeError("ours");
  assert.equal(thrown(other), other);
});

Deno.test("what cannot be reached is an error of the SDK, and an aborted call its signal's reason", async () => {
  await using client = connect({ addresses: "127.0.0.1:1", callTimeoutMs: 200 });
  await assert.rejects(client.health(), (failure) => {
    assert.ok(failure instanceof ConductorError);
    assert.equal(failure.code, "UNAVAILABLE");
    assert.match(failure.message, /no master could be reached at 127\.0\.0\.1:1/);
    return true;
  });
  const reason = new Error("enough");
  await assert.rejects(client.submit("noop", {}, { signal: AbortSignal.abort(reason) }), reason);
  await assert.rejects(client.wait("j1", { signal: AbortSignal.abort(reason) }), reason);
});

Deno.test("a job that failed is told with its own words", () => {
  const job = {
    id: "j1",
    type: "resize",
    status: "failed",
    errorMessage: "no such image",
    deadLetter: true,
  } as ConstructorParameters<typeof JobFailedError>[0];
  const failure = new JobFailedError(job);
  assert.equal(failure.message, "job j1 (resize) failed: no such image");
  assert.deepEqual([failure.status, failure.isDeadLetter], ["failed", true]);
});

Deno.test("a worker keeps its ends on disk under a name that stays, or not at all", async () => {
  const types = [defineJobType({ name: "any", run: () => 1 })];
  const dataDir = join(await Deno.makeTempDir(), "worker");
  try {
    assert.throws(
      () => new ConductorWorker({ addresses: "127.0.0.1:1", types, dataDir }),
      /dataDir goes with a workerId/,
    );
    const options = { addresses: "127.0.0.1:1", types, dataDir, workerId: "w", log: {} };
    const worker = new ConductorWorker(options);
    assert.ok((await Deno.stat(join(dataDir, "reports.journal"))).isFile);
    await worker.stop(0);
    await assert.rejects(worker.start(), /this worker has left; make a new one/);
    await worker.run(); // it has left already
  } finally {
    await Deno.remove(dirname(dataDir), { recursive: true });
  }
});

Deno.test("a worker that is started twice has one session, and run waits for the one that it has", async () => {
  let opened = 0;
  const first = Promise.withResolvers<void>();
  await using master = await startTestMaster({
    openWorkerSession() {
      opened++;
      first.resolve();
      return new Promise(() => {});
    },
  });
  await using client = connect(master.address);
  const worker = new ConductorWorker({
    addresses: master.address,
    types: [defineJobType({ name: "any", run: () => 1 })],
    log: {},
  });
  await Promise.all([worker.start(), worker.start()]);
  await worker.start();
  const left = worker.run();
  await first.promise;
  // Answered on a connection made later than any second session's.
  await assert.rejects(client.get("j1"), { code: "UNIMPLEMENTED" });
  assert.equal(opened, 1);
  await worker.stop(0);
  await left;
});

Deno.test("a worker that is told to leave while its token is asked for leaves in order", async () => {
  const asked = Promise.withResolvers<void>();
  const token = Promise.withResolvers<string>();
  const worker = new ConductorWorker({
    addresses: "127.0.0.1:1",
    types: [defineJobType({ name: "any", run: () => 1 })],
    token: () => {
      asked.resolve();
      return token.promise;
    },
    log: {},
  });
  const left = worker.run();
  await asked.promise;
  await worker.stop(0);
  token.resolve("late");
  await left;
});
