/**
 * `conductor token issue`, `refresh`, `revoke` and `revocations`.
 *
 * @module
 */

import {
  isNamespace,
  joinTokenView,
  type RevocationOrder,
  type RevocationView,
  SecurityClient,
  type TokenOrder,
  type TokenPairView,
  tokenPairView,
} from "../rpc/mod.ts";
import {
  issueJoinToken,
  issueTokens,
  JOIN_TTL_MS,
  JOININGS,
  readTokenKeys,
} from "../security/mod.ts";
import { formatOf, tell } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { configFrom } from "./config_flags.ts";
import { CALL_TIMEOUT_MS, clientChannel } from "./connect.ts";
import { Misuse } from "./failure.ts";
import { secondText, timeText } from "./present.ts";
import type { Flags } from "./router.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Sheet, type Terminal } from "./terminal.ts";
import { readTokenFile, writeTokenFile } from "./token_file.ts";
import { renewTokenFile } from "./token_keeper.ts";

const JOIN_FLAGS = { master: "joinMaster", worker: "joinWorker", workers: "joinWorkers" } as const;

/** Calls the cluster about who is trusted, and closes the connections whatever comes of it. */
export async function withSecurity<Answer>(
  flags: Flags,
  terminal: Terminal,
  use: (client: SecurityClient) => Promise<Answer>,
): Promise<Answer> {
  const loaded = configFrom(flags, "client");
  for (const warning of loaded.warnings) terminal.err.write(`conductor: ${warning}\n`);
  const client = new SecurityClient(await clientChannel(loaded, CALL_TIMEOUT_MS));
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

export async function issueToken(flags: Flags, terminal: Terminal): Promise<void> {
  const order = orderFrom(flags);
  const pair = flags.offline === true
    ? await signHere(order, flags, terminal)
    : await withSecurity(flags, terminal, (client) => client.issueToken(order));
  if (typeof flags.out === "string") {
    writeTokenFile(flags.out, { token: pair.accessToken, refreshToken: pair.refreshToken });
  }
  showPair(pair, flags, terminal);
}

export async function refreshToken(file: string, flags: Flags, terminal: Terminal): Promise<void> {
  if (readTokenFile(file).refreshToken === "") {
    throw new Misuse(`${file} holds no refresh token: token issue --refresh --out writes one`);
  }
  // Its own proof: whoever refreshes may have nothing else that is still good.
  const withoutToken = { ...flags, token: undefined, tokenFile: undefined };
  const pair = await withSecurity(
    withoutToken,
    terminal,
    (client) => renewTokenFile(file, (...args) => client.refreshToken(...args)),
  );
  showPair(pair, { ...flags, out: file }, terminal);
}

export async function revokeToken(
  file: string | undefined,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const order = revocationFrom(file, flags);
  const { revocation, changed } = await withSecurity(
    flags,
    terminal,
    (client) => client.revoke(order),
  );
  const name = `the ${revocation.what} ${printable(revocation.id)}`;
  tell(flags, terminal, {
    json: { ...revocationJson(revocation), changed },
    text: () => changed ? `${name} is revoked\n` : `${name} was revoked already\n`,
  });
}

export async function listRevocations(flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const limit = reader.integer("limit", { min: 1, max: 10_000 }) ?? 0;
  reader.done();
  const { revocations, total } = await withSecurity(
    flags,
    terminal,
    (client) => client.listRevocations({ limit }),
  );
  tell(flags, terminal, {
    json: { revocations: revocations.map(revocationJson), total },
    list: "revocations",
    text: (sheet) => revocationTable(revocations, sheet),
    ...(total > revocations.length && { note: `conductor: ${total} in all; --limit shows more` }),
  });
}

function revocationTable(revocations: readonly RevocationView[], sheet: Sheet): string {
  return renderTable(
    [
      "WHAT",
      { title: "ID", cutTo: 20 },
      { title: "REVOKED", rank: 1 },
      { title: "FORGOTTEN", rank: 2 },
      { title: "BY", cutTo: 8, rank: 3 },
      { title: "REASON", cutTo: 12, rank: 4 },
    ],
    revocations.map((each) => [
      each.what,
      printable(each.id),
      secondText(each.atMs),
      each.expiresAtMs === 0 ? "never" : secondText(each.expiresAtMs),
      printable(each.by),
      printable(each.reason),
    ]),
    sheet,
  );
}

function orderFrom(flags: Flags): TokenOrder {
  const reader = new FlagReader(flags);
  const joins = joinsFrom(flags);
  const subject = joins === ""
    ? reader.required("subject", "name who will present it")
    : reader.text("subject") ?? "";
  const roles = reader.texts("role") ?? [];
  // Of the command line alone: an environment that says where commands work must not confine tokens.
  const namespaces = (reader.texts("namespace") ?? []).flatMap((each) => each.split(","));
  const ttlMs = reader.duration("ttl") ?? 0;
  const refreshTtlMs = reader.duration("refreshTtl") ?? 0;
  const refreshable = flags.refresh === true || refreshTtlMs > 0;
  reader.done();
  if (joins === "" && roles.length === 0) {
    throw new Misuse("--role is missing: a token without a role may do nothing");
  }
  if (joins !== "" && (refreshable || roles.length > 0 || namespaces.length > 0)) {
    throw new Misuse(`--join-${joins} takes no roles, no namespaces and no refresh token`);
  }
  const nameless = namespaces.find((each) => !isNamespace(each));
  if (nameless !== undefined) {
    throw new Misuse(
      `--namespace ${
        JSON.stringify(nameless)
      } is no namespace: those are named by 1 to 63 letters, ` +
        "digits, dots, dashes and underscores",
    );
  }
  return { subject, roles, namespaces, ttlMs, refreshable, refreshTtlMs, joins };
}

function joinsFrom(flags: Flags): TokenOrder["joins"] {
  const given = JOININGS.filter((each) => flags[JOIN_FLAGS[each]] === true);
  const [joins, second] = given;
  if (joins !== undefined && second !== undefined) {
    throw new Misuse(`--join-${joins} and --join-${second}: a token opens one door`);
  }
  if (joins === "workers" && flags.subject !== undefined) {
    throw new Misuse("--subject: a token for workers is for any of them; --join-worker is for one");
  }
  return joins ?? "";
}

/** With the key of this configuration, as for the token that a new cluster's first call is made with. */
async function signHere(
  order: TokenOrder,
  flags: Flags,
  terminal: Terminal,
): Promise<TokenPairView> {
  // Whoever signs is no node: a master's configuration is read for its key, not for its name or its peers.
  const { config, profile } = configFrom(
    { nodeId: "offline", initialCluster: [], ...flags },
    "master",
  );
  const { jwt } = config.security;
  const signer = {
    profile,
    issuer: jwt.issuer,
    audience: jwt.audience,
    ...await readTokenKeys(jwt, {
      profile,
      warn: (fault) => terminal.err.write(`conductor: ${fault}\n`),
    }),
  };
  const { subject, roles, namespaces, joins } = order;
  const nowMs = Date.now();
  if (joins !== "") {
    const joining = await issueJoinToken(signer, {
      joins,
      ...(subject === "" ? {} : { name: subject }),
      ttlMs: order.ttlMs || JOIN_TTL_MS,
      nowMs,
    });
    return joinTokenView(joining, order);
  }
  const issued = await issueTokens(signer, {
    subject,
    roles,
    ...(namespaces.length === 0 ? {} : { namespaces }),
    accessTtlMs: order.ttlMs || jwt.accessTokenTtlMs,
    refreshTtlMs: order.refreshTtlMs || jwt.refreshTokenTtlMs,
    nowMs,
  });
  return tokenPairView(issued, order);
}

/** The secrets go to stdout only where no file takes them. */
function showPair(pair: TokenPairView, flags: Flags, terminal: Terminal): void {
  const isFiled = typeof flags.out === "string";
  const { accessToken, refreshToken, tokenId, family, subject, roles } = pair;
  const { expiresAtMs, refreshExpiresAtMs } = pair;
  const json = {
    ...(isFiled ? { file: flags.out } : {
      access_token: accessToken,
      refresh_token: refreshToken === "" ? null : refreshToken,
    }),
    token_id: tokenId,
    family: family === "" ? null : family,
    subject,
    roles,
    expires_at: timeText(expiresAtMs),
    refresh_expires_at: refreshExpiresAtMs === 0 ? null : timeText(refreshExpiresAtMs),
  };
  const secrets = `${accessToken}\n${refreshToken === "" ? "" : `${refreshToken}\n`}`;
  tell(flags, terminal, { json, text: () => isFiled ? "" : secrets });
  if (!isFiled || formatOf(flags) !== "table") return;
  terminal.err.write(renderPairs([
    ["File", String(flags.out)],
    ["Token id", tokenId],
    ["Expires", secondText(expiresAtMs)],
    ...(refreshExpiresAtMs === 0
      ? []
      : [["Can be refreshed until", secondText(refreshExpiresAtMs)] as const]),
  ]));
}

function revocationFrom(file: string | undefined, flags: Flags): RevocationOrder {
  const reader = new FlagReader(flags);
  const reason = reader.textOrEmpty("reason") ?? "";
  const expiresAtMs = reader.time("expiresAt") ?? 0;
  const [tokenId, family, subject] = ["tokenId", "family", "subject"].map((each) =>
    reader.text(each)
  );
  reader.done();
  const named = [file, tokenId, family, subject].filter((each) => each !== undefined);
  if (named.length !== 1) {
    throw new Misuse("say what to revoke: a token file, or --token-id, --family or --subject");
  }
  if (file !== undefined) {
    const { token, refreshToken } = readTokenFile(file);
    return { what: "presented", token: refreshToken === "" ? token : refreshToken, reason };
  }
  if (tokenId !== undefined) return { what: "token", id: tokenId, expiresAtMs, reason };
  if (family !== undefined) return { what: "family", id: family, expiresAtMs, reason };
  return { what: "subject", id: subject ?? "", expiresAtMs, reason };
}

function revocationJson({ what, id, atMs, expiresAtMs, by, reason }: RevocationView) {
  return {
    what,
    id,
    revoked_at: timeText(atMs),
    forgotten_at: expiresAtMs === 0 ? null : timeText(expiresAtMs),
    by,
    reason: reason === "" ? null : reason,
  };
}
