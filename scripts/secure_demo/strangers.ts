/**
 * Those who do not belong: with a certificate or a token missing, foreign, ended or taken back.
 *
 * @module
 */

import { METRICS, pageFor, PATIENT } from "./acts.ts";
import { eventually, type Program } from "./program.ts";
import { configOf, type Master, type SecureCluster, writeSigningKey } from "./setup.ts";
import { type Answer, type Cell, type Verdict, verdictOf } from "./verdict.ts";

/** Somebody who must not get in. */
interface Stranger {
  readonly title: string;
  readonly expected: Verdict;
  /** What must be said to them, in words that nobody else's audit line has. */
  readonly words: RegExp;
  /** Flags to the administrator's configuration. */
  readonly flags: readonly string[];
  /** In place of `list`. */
  readonly act?: readonly string[];
}

/** A stranger's cell, with what the audit log has to have of it. */
export interface StrangerCell extends Cell {
  readonly method: string;
  readonly words: RegExp;
}

/** Who gets no connection learns it at once, rather than after the production profile's 5 s. */
const IMPATIENT = "--set=grpc.connection_wait=2s";
const LIST = "/proto.MasterService/ListJobs";
const SUBMIT = "/proto.MasterService/SubmitJob";
const ENROL = "/proto.MasterService/EnrolWorker";

/** Prepares what is wrong with each, and lets them try on the leader and on a follower in turn. */
export async function tryStrangers(
  program: Program,
  { leader, follower }: SecureCluster,
): Promise<readonly StrangerCell[]> {
  const strangers = await strangersOf(program);
  const cells: StrangerCell[] = [];
  for (let each = 0; each < strangers.length; each += 2) {
    cells.push(
      ...await Promise.all([leader, follower].map(async (node, index) => {
        const stranger = strangers[each + index];
        return stranger === undefined ? [] : [await tryOne(program, stranger, node)];
      })).then((both) => both.flat()),
    );
  }
  for (const node of [leader, follower]) {
    const page = {
      title: "a page, with nothing",
      expected: "unknown" as const,
      words: /a token is required/,
      flags: [],
    };
    cells.push(cellOf(page, node, await pageFor(program, node), METRICS.title));
  }
  cells.push(await joinTwice(program, leader));
  return cells;
}

async function tryOne(program: Program, stranger: Stranger, node: Master): Promise<StrangerCell> {
  const wait = stranger.expected === "door" ? IMPATIENT : PATIENT;
  const args = [...stranger.act ?? ["list"], ...stranger.flags, wait, `--addr=${node.grpc}`];
  const answer = await program.run(args, configOf("alice"));
  return cellOf(stranger, node, answer, stranger.act === undefined ? LIST : SUBMIT);
}

function cellOf(
  { title, expected, words }: Stranger,
  node: Master,
  answer: Answer,
  method: string,
): StrangerCell {
  const verdict = verdictOf(answer);
  const seen = verdict === expected && !words.test(answer.message) ? "failed" : verdict;
  const { message } = answer;
  return { who: title, act: "", node: node.name, expected, seen, message, method, words };
}

async function strangersOf(program: Program): Promise<readonly Stranger[]> {
  const root = configOf("root");
  const issue = (dir: string, role: string, name: string, ...more: string[]) =>
    program.done(["certs", "issue", "--dir", dir, "--role", role, name, ...more]);
  const offline = (out: string, ...more: string[]) =>
    program.done([
      ..."token issue --offline --subject alice --role admin --config m1.yaml --out".split(" "),
      out,
      ...more,
    ]);
  await program.done(["certs", "init", "--dir", "other-ca", "--name", "Conductor CA"]);
  await issue("other-ca", "admin", "alice", "--out", "foreign");
  await issue("ca", "admin", "brief", "--out", "nodes", "--lifetime", "1s");
  await issue("ca", "admin", "mallory", "--out", "nodes");
  await writeSigningKey(program.at("other.key"));
  await offline("other-key.token", "--set", "security.jwt.private_key_path=other.key");
  await offline("other-audience.token", "--set", "security.jwt.audience=elsewhere");
  await offline("expired.token", "--ttl", "1s");
  await program.done([..."token issue --join-worker --out joins.token".split(" ")], root);
  const mallory = "token issue --subject mallory --role admin --refresh --out".split(" ");
  await program.done([...mallory, "revoked.token"], root);
  const [access = "", refresh = ""] = (await Deno.readTextFile(program.at("revoked.token")))
    .trim().split("\n");
  await Deno.writeTextFile(program.at("refresh.token"), refresh, { mode: 0o600 });
  await Deno.writeTextFile(program.at("none.token"), unsigned(access), { mode: 0o600 });
  await Deno.copyFile(program.at("alice.token"), program.at("open.token"));
  await Deno.chmod(program.at("open.token"), 0o644);
  await program.done(["token", "revoke", "--subject", "mallory", "--reason", "left"], root);
  await program.done(["certs", "revoke", "mallory", "--dir", "ca", "--reason", "lost"], root);
  // Both end with the second in which they were made, and a token one second of leeway later.
  await new Promise((resolve) => setTimeout(resolve, 2_000));

  const certificate = (path: string) => [`--cert=${path}.crt`, `--key=${path}.key`];
  const token = (file: string) => [`--token-file=${file}`];
  return [
    {
      title: "no TLS",
      expected: "door",
      words: /speaks TLS, and was dialled without it|none came about/,
      flags: ["--tls=false"],
    },
    {
      title: "no certificate",
      expected: "door",
      // Of a node that is too busy to say so in time, only that nothing came about.
      words: /it may want a client certificate|none came about/,
      flags: ["--cert=", "--key="],
    },
    {
      title: "a certificate of another CA",
      expected: "door",
      words: /it may not accept this side's certificate|none came about/,
      flags: certificate("foreign/alice"),
    },
    {
      title: "a client that trusts another CA",
      expected: "door",
      words: /self-signed certificate/,
      flags: ["--ca-cert=other-ca/ca.crt"],
    },
    {
      title: "an expired certificate",
      expected: "here",
      words: /expired at .*: renew it/,
      flags: certificate("nodes/brief"),
    },
    {
      title: "a revoked certificate",
      expected: "unknown",
      words: /client certificate .* has been revoked/,
      flags: certificate("nodes/mallory"),
    },
    { title: "no token", expected: "unknown", words: /a token is required/, flags: token("") },
    {
      title: "an expired token",
      expected: "unknown",
      words: /the token expired/,
      flags: token("expired.token"),
    },
    {
      title: "a revoked token",
      expected: "unknown",
      words: /the token has been revoked/,
      flags: token("revoked.token"),
    },
    {
      title: "a token of another key",
      expected: "unknown",
      words: /signature is not by a key/,
      flags: token("other-key.token"),
    },
    {
      title: "a token of alg none",
      expected: "unknown",
      words: /algorithm that is not accepted/,
      flags: token("none.token"),
    },
    {
      title: "a token for another audience",
      expected: "unknown",
      words: /not meant for/,
      flags: token("other-audience.token"),
    },
    {
      title: "a refresh token",
      expected: "unknown",
      words: /refresh token/,
      flags: token("refresh.token"),
    },
    {
      title: "a join token",
      expected: "unknown",
      words: /opens nothing else/,
      flags: token("joins.token"),
    },
    {
      title: "an admin's token, a viewer's certificate",
      expected: "role",
      words: /has no role/,
      flags: certificate("nodes/vera"),
      act: ["submit", "--type=noop"],
    },
    {
      title: "a token file that others may read",
      expected: "here",
      words: /can be read by others/,
      flags: token("open.token"),
    },
  ];
}

/** The claims of a token, signed by nobody. */
function unsigned(token: string): string {
  const header = new TextEncoder().encode(JSON.stringify({ alg: "none", typ: "JWT" }));
  const base64 = header.toBase64({ alphabet: "base64url", omitPadding: true });
  return `${base64}.${token.split(".")[1]}.`;
}

/** w1 has come in with its join token; nobody else does. */
async function joinTwice(program: Program, { name }: Master): Promise<StrangerCell> {
  const worker = program.start([
    ..."worker --config w1.yaml --worker-id w3 --token-file w1.join".split(" "),
    ..."--data-dir w3 --log-output w3.log --set log.audit_output=w3.audit.log".split(" "),
  ]);
  let ended: Deno.CommandStatus | undefined;
  worker.status.then((status) => ended = status);
  const status = await eventually(
    "the end of the worker with a used token",
    () => Promise.resolve(ended),
  );
  const words = /can be used once, and has been/;
  const isRefused = status.code !== 0;
  return {
    who: "a join token, a second time",
    act: "",
    node: name,
    expected: "unknown",
    seen: isRefused ? "unknown" : "failed",
    message: "the worker w3 ended before it worked",
    method: ENROL,
    words,
  };
}
