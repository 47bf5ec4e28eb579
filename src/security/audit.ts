/**
 * The audit log: who was let in, who was turned away and why, as the original wrote it.
 *
 * One event is one line of JSON, whatever its values hold. The log goes to an output of its own and
 * knows no level: nothing filters or samples it.
 */

import { CHAIN_START, chained, type ChainHead, headOf, tailOf } from "./audit_chain.ts";
import {
  type AuditFileOptions,
  type AuditSink,
  DeviceSink,
  FileSink,
  isDevice,
  StreamSink,
} from "./audit_sink.ts";
import { type AuditFields, type AuditLine, lineOf } from "./audit_line.ts";
import { instant } from "./certificates.ts";
import type { RefusedConnections } from "./handshake_refusals.ts";

/** What is known of the call that an event is about. */
export interface AuditedCall {
  readonly method: string;
  /** The peer's IP address. */
  readonly client: string;
  readonly latencyMs?: number;
  /** Those that the caller's token is for; absent: all. */
  readonly namespaces?: readonly string[];
  readonly jobId?: string;
  readonly requestId?: string;
  readonly traceId?: string;
  /** So many that came together, alike in all of this; absent: one. */
  readonly calls?: number;
}

/** Everything that is written to the audit log. */
export type AuditEvent =
  | {
    readonly kind: "authentication_succeeded";
    readonly userId: string;
    readonly roles: readonly string[];
    /** By which of the user's tokens, if it was one that has an id. */
    readonly tokenId?: string;
    readonly call: AuditedCall;
  }
  | {
    readonly kind: "authentication_failed";
    /** What was missing or wrong, for the message: `missing token`, `token validation error`. */
    readonly what: string;
    /** One word: `no_token`, `invalid_token`, `expired`, ... */
    readonly reason: string;
    readonly error?: string;
    readonly call: AuditedCall;
  }
  | {
    readonly kind: "authorization_succeeded";
    readonly userId: string;
    readonly roles: readonly string[];
    readonly call: AuditedCall;
  }
  | {
    readonly kind: "authorization_failed";
    readonly userId: string;
    readonly roles: readonly string[];
    readonly reason: string;
    readonly call: AuditedCall;
  }
  | {
    readonly kind: "rate_limited";
    readonly userId?: string;
    /** Calls refused since the last such line about the same caller, this one included. */
    readonly refused: number;
    readonly call: AuditedCall;
  }
  | ({ readonly kind: "connection_refused" } & RefusedConnections)
  | {
    readonly kind: "tokens_issued";
    readonly userId: string;
    readonly roles: readonly string[];
    readonly tokenId: string;
    /** Absent: it is for all. */
    readonly namespaces?: readonly string[];
    /** Whom a join token lets in; absent: it is none. */
    readonly joins?: string;
    readonly accessExpiresAtMs: number;
    /** Absent: nothing renews it. */
    readonly refreshExpiresAtMs?: number;
  }
  | {
    readonly kind: "token_refreshed" | "token_revoked";
    readonly userId: string;
    readonly tokenId?: string;
  }
  | {
    readonly kind: "role_added" | "role_updated";
    readonly role: string;
    readonly permissions: readonly string[];
  }
  | {
    readonly kind: "policy_added" | "policy_updated";
    readonly method: string;
    readonly permissions: readonly string[];
  }
  | {
    /** Something an administrator did: a member removed, a worker drained. */
    readonly kind: "administrative_act";
    readonly act: string;
    readonly userId: string;
    readonly target: string;
    /** Where the target is; absent: it is in none. */
    readonly namespace?: string;
    readonly outcome: "done" | "refused" | "failed";
    /** What was refused, or how it was done. */
    readonly detail?: string;
    /** Absent: the cluster did it by itself. */
    readonly call?: Omit<AuditedCall, "client"> & { readonly client?: string };
  };

/** The `log.audit_*` keys, and what their output needs. */
export interface AuditOptions extends Omit<AuditFileOptions, "path"> {
  readonly enabled: boolean;
  /** `stdout`, `stderr` or the path of a file. */
  readonly output: string;
  /** Chain lines by hash (see `audit_chain.ts`). Default: for files. */
  readonly chain?: boolean;
  readonly told?: AuditTold;
}

/** Who hears how the log itself fares. */
export interface AuditTold {
  /** Lines cannot be written, or not be synced; told once until {@linkcode recovered}. */
  failed?(failure: unknown): void;
  /** A line is lost: none is written, and there is no more room for those that wait. */
  lineLost?(): void;
  /** Lines are written and synced again, and so many were lost meanwhile. */
  recovered?(lost: number): void;
}

/**
 * Opens the audit log. A chain goes on where the file's last line left it.
 *
 * @returns null when it is not enabled
 * @throws {SecurityConfigurationError} naming the file, when it cannot be opened
 */
export function openAuditLog(options: AuditOptions): AuditLog | null {
  if (!options.enabled) return null;
  const { told } = options;
  // As paths they may lead to a file, which is another's to move aside.
  const output = options.output.replace(/^\/dev\/(stdout|stderr)$/, "$1");
  const isStream = output === "stdout" || output === "stderr";
  if (isStream || isDevice(output)) {
    const chain = options.chain === true ? CHAIN_START : undefined;
    const sink = isStream ? new StreamSink(output) : new DeviceSink(output);
    return new AuditLog(sink, chain, told);
  }
  const sink = new FileSink({ ...options, path: output });
  const tail = tailOf(output);
  // A process that died in the middle of a line left it open; ours must not be glued to it.
  if (tail.isTorn) sink.write("\n");
  const lastLine = tail.line ?? tailOf(`${output}.1`).line;
  const head = options.chain === false ? undefined : headOf(lastLine);
  return new AuditLog(sink, head, told);
}

const BACKLOG_LINES_MAX = 10_000;
/** Lines that are kept for whoever looks at the log of a running node. */
const RECENT_LINES_MAX = 500;
const RETRY_MS = 1_000;
/** So much of what waits is written at once, in UTF-16 units. */
const WRITE_LENGTH_MAX = 64 * 1_024;
/** How long a line may be with the operating system alone, which a power cut takes with it. */
const SYNC_MS = 1_000;

/**
 * Writes events. Lines leave the process before the event loop turns: within a turn they are
 * gathered into one write. When the output fails they wait, up to a bound, and those beyond it are
 * counted and reported in a line of their own once writing works again.
 *
 * A line that was written outlives this process at once, and the machine's failure within a second:
 * files are synced that long after the first unsynced line, when they are full, and at the end.
 */
export class AuditLog {
  readonly #sink: AuditSink;
  readonly #told: AuditTold;
  #chain: ChainHead | undefined;
  #pending: string[] = [];
  #isScheduled = false;
  /** What of it does not work at present. */
  readonly #failing = new Set<"write" | "sync">();
  /** Lines of which the log itself does not say yet that they are lost, and those that nobody was told of. */
  #lost = 0;
  #lostUntold = 0;
  readonly #readers = new Set<(lines: readonly string[]) => void>();
  #recent: string[] = [];
  #retry: ReturnType<typeof setTimeout> | undefined;
  #sync: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /** Use {@linkcode openAuditLog}. */
  constructor(sink: AuditSink, chain: ChainHead | undefined, told: AuditTold = {}) {
    this.#sink = sink;
    this.#chain = chain;
    this.#told = told;
  }

  /** @param nowMs milliseconds since the epoch, written as the event's time */
  record(event: AuditEvent, nowMs: number): void {
    if (this.#pending.length >= BACKLOG_LINES_MAX) {
      this.#lost++;
      this.#lostUntold++;
      this.#told.lineLost?.();
      return;
    }
    this.#push(entryOf(event), nowMs);
    if (this.#isScheduled || this.#failing.has("write")) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  /** The latest lines that this process wrote, oldest first, up to a bound. */
  get recent(): readonly string[] {
    return this.#recent.slice(-RECENT_LINES_MAX);
  }

  /** Tells of lines once they are written, until what it returns is called. */
  onWritten(tell: (lines: readonly string[]) => void): () => void {
    this.#readers.add(tell);
    return () => this.#readers.delete(tell);
  }

  /** Writes what is waiting, now: as much of it as there is room for. */
  flush(): void {
    if (this.#pending.length === 0) return;
    try {
      while (this.#pending.length > 0) this.#writeSome();
    } catch (failure) {
      this.#fails("write", failure);
      if (this.#isClosed) return;
      this.#retry ??= setTimeout(() => {
        this.#retry = undefined;
        this.flush();
      }, RETRY_MS);
      return;
    }
    if (this.#lost > 0) {
      const fields = { count: this.#lost };
      this.#lost = 0;
      this.#push({ logger: "audit", msg: "Audit lines lost", level: "error", fields }, Date.now());
    }
    this.#works("write");
    this.flush();
  }

  /**
   * Goes on in the file that has the output's name now, which is a new one if the former was moved
   * away. The chain goes on there.
   *
   * @throws {Error} when it cannot be opened; the former file stays in use
   */
  reopen(): void {
    this.flush();
    this.#sink.reopen?.();
  }

  /** Writes what is waiting and closes the output. What fails is told of, as ever, and hides no other failure. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.flush();
    this.#syncNow();
    try {
      this.#sink.close();
    } catch (failure) {
      this.#fails("sync", failure);
    }
  }

  /** Fewer lines, where there is no room for so many. */
  #writeSome(): void {
    let lines = first(this.#pending, WRITE_LENGTH_MAX);
    while (!this.#isWritten(lines)) lines = lines.slice(0, Math.ceil(lines.length / 2));
    this.#pending = this.#pending.slice(lines.length);
    this.#sync ??= setTimeout(() => this.#syncNow(), SYNC_MS);
    this.#written(lines);
  }

  /** @throws what not even one line can be written for */
  #isWritten(lines: readonly string[]): boolean {
    try {
      this.#sink.write(`${lines.join("\n")}\n`);
      return true;
    } catch (failure) {
      if (lines.length === 1) throw failure;
      return false;
    }
  }

  #fails(part: "write" | "sync", failure: unknown): void {
    if (this.#failing.size === 0) this.#told.failed?.(failure);
    this.#failing.add(part);
  }

  #works(part: "write" | "sync"): void {
    if (!this.#failing.delete(part) || this.#failing.size > 0) return;
    const lost = this.#lostUntold;
    this.#lostUntold = 0;
    this.#told.recovered?.(lost);
  }

  /** Twice as many are kept as are shown, so that the older half is seldom cut off. */
  #written(lines: readonly string[]): void {
    this.#recent.push(...lines);
    if (this.#recent.length > 2 * RECENT_LINES_MAX) {
      this.#recent = this.#recent.slice(-RECENT_LINES_MAX);
    }
    for (const tell of this.#readers) tell(lines);
  }

  /** What waits because it could not be written is not part of the head that is noted. */
  #syncNow(): void {
    clearTimeout(this.#sync);
    this.#sync = undefined;
    try {
      this.#sink.sync?.(this.#pending.length === 0 ? this.#chain : undefined);
      this.#works("sync");
    } catch (failure) {
      this.#fails("sync", failure);
      if (!this.#isClosed) this.#sync = setTimeout(() => this.#syncNow(), RETRY_MS);
    }
  }

  #push(entry: AuditLine, nowMs: number): void {
    const object = lineOf(entry, nowMs);
    if (this.#chain === undefined) {
      this.#pending.push(object);
      return;
    }
    const { line, head } = chained(object, this.#chain);
    this.#chain = head;
    this.#pending.push(line);
  }
}

/** As many of the first as are no longer than that together, and one in any case. */
function first(lines: readonly string[], lengthMax: number): readonly string[] {
  let length = 0;
  const end = lines.findIndex((line, index) => (length += line.length) > lengthMax && index > 0);
  return end === -1 ? lines : lines.slice(0, end);
}

/** Loggers, messages and field names are the original's, where it had them. */
function entryOf(event: AuditEvent): AuditLine {
  switch (event.kind) {
    case "authentication_succeeded":
      return info("audit", "Authentication successful", {
        user_id: event.userId,
        ...callFields(event.call),
        roles: event.roles,
        token_id: event.tokenId,
      });
    case "authentication_failed":
      return warning("audit", `Authentication failed: ${event.what}`, {
        ...callFields(event.call),
        reason: event.reason,
        error: event.error,
      });
    case "authorization_succeeded":
      return info("rbac-audit", "Authorization successful", {
        user_id: event.userId,
        ...callFields(event.call),
        roles: event.roles,
      });
    case "authorization_failed":
      return warning("rbac-audit", "Authorization failed: permission denied", {
        user_id: event.userId,
        ...callFields(event.call),
        roles: event.roles,
        reason: event.reason,
      });
    case "rate_limited":
      return warning("audit", "Rate limit exceeded", {
        user_id: event.userId,
        ...callFields(event.call),
        refused: event.refused,
      });
    case "connection_refused":
      return warning("audit", "Connection refused before its first call", {
        client: event.client,
        listener: event.listener,
        reason: event.reason,
        error: event.error,
        refused: event.refused,
      });
    case "tokens_issued":
      return info(
        "audit",
        event.joins === undefined ? "Generated token pair" : "Generated join token",
        {
          user_id: event.userId,
          roles: event.roles,
          joins: event.joins,
          namespaces: event.namespaces,
          token_id: event.tokenId,
          access_expires: instant(event.accessExpiresAtMs),
          refresh_expires: event.refreshExpiresAtMs === undefined
            ? undefined
            : instant(event.refreshExpiresAtMs),
        },
      );
    case "token_refreshed":
      return info("audit", "Refreshed access token", tokenFields(event));
    case "token_revoked":
      return info("audit", "Revoked refresh token", tokenFields(event));
    case "role_added":
    case "role_updated":
      return info("policy", event.kind === "role_added" ? "Added new role" : "Updated role", {
        role: event.role,
        permissions: event.permissions,
      });
    case "policy_added":
    case "policy_updated":
      return info("policy", event.kind === "policy_added" ? "Added new policy" : "Updated policy", {
        method: event.method,
        permissions: event.permissions,
      });
    case "administrative_act":
      return info("audit", `Administrative act: ${event.act}`, {
        user_id: event.userId,
        ...(event.call === undefined ? {} : callFields(event.call)),
        target: event.target,
        namespace: event.namespace,
        outcome: event.outcome,
        detail: event.detail,
      });
  }
}

function info(logger: AuditLine["logger"], msg: string, fields: AuditFields): AuditLine {
  return { logger, msg, level: "info", fields };
}

function warning(logger: AuditLine["logger"], msg: string, fields: AuditFields): AuditLine {
  return { logger, msg, level: "warn", fields };
}

function callFields(call: Omit<AuditedCall, "client"> & { readonly client?: string }): AuditFields {
  return {
    method: call.method,
    client: call.client,
    // In seconds, as the original's logger wrote durations.
    latency: call.latencyMs === undefined ? undefined : Math.round(call.latencyMs * 1000) / 1e6,
    namespaces: call.namespaces,
    job_id: call.jobId,
    request_id: call.requestId,
    trace_id: call.traceId,
    calls: call.calls,
  };
}

function tokenFields(event: { readonly userId: string; readonly tokenId?: string }): AuditFields {
  return { user_id: event.userId, token_id: event.tokenId };
}
