/**
 * From the flags of a command line to what is submitted.
 *
 * @module
 */

import { parseBytes } from "../config/mod.ts";
import { parseDuration } from "../job_types/mod.ts";
import type { DependencyView, JobOptionsView, Submission } from "../rpc/mod.ts";
import { FlagReader } from "./arguments.ts";
import { configFrom } from "./config_flags.ts";
import { singleEquals } from "./pairs.ts";
import { readPayload } from "./payload.ts";
import { PRIORITY_DEFAULT } from "./job_flags.ts";
import type { Flags } from "./router.ts";
import type { Sink } from "./terminal.ts";

/** What a priority may be on the wire. */
const INT32 = { min: -(2 ** 31), max: 2 ** 31 - 1 };

/** What the flags ask for; every fault of theirs is told before the payload is read. */
export async function submissionFrom(flags: Flags, err: Sink): Promise<Submission> {
  const reader = new FlagReader(flags);
  const fields = fieldsFrom(reader);
  const payload = reader.textOrEmpty("payload") ?? "";
  reader.done();
  const { payloadBytesMax } = configFrom(flags, "client").config.jobs;
  return { ...fields, payload: await readPayload(payload, payloadBytesMax, err) };
}

/** All of a submission but its payload; faults stay with the reader. */
export function fieldsFrom(reader: FlagReader): Omit<Submission, "payload"> {
  const type = reader.required("type", "name what kind of job it is, such as web_scraping");
  const priority = reader.integer("priority", INT32) ?? PRIORITY_DEFAULT;
  const { requiredTags, require } = requirementsOf(reader);
  const options = given({ ...optionsOf(reader), require });
  const rest = given({
    maxRetries: reader.integer("maxRetries", { min: 0, max: INT32.max }),
    timeoutMs: positive(reader, "timeout"),
    retryDelayMs: reader.duration("retryDelay"),
    delayMs: reader.duration("delay"),
    runAtMs: reader.time("runAt"),
    labels: reader.pairs("label"),
    requiredTags,
    idempotencyKey: reader.text("idempotencyKey"),
    options: Object.keys(options).length === 0 ? undefined : options,
  });
  refuseUseless(reader);
  return { type, priority, ...rest };
}

function optionsOf(reader: FlagReader) {
  return {
    queue: reader.text("queue"),
    backoff: reader.text("backoff"),
    retryDelayMaxMs: positive(reader, "retryDelayMax"),
    nonRetryableErrors: reader.texts("permanentError"),
    expireAfterMs: positive(reader, "expiresIn"),
    uniqueKey: reader.text("uniqueKey"),
    uniqueMode: reader.text("uniqueMode"),
    group: reader.text("group"),
    groupLimit: reader.integer("groupLimit", { min: 1, max: INT32.max }),
    rateKey: reader.text("rateKey"),
    rate: reader.parsed("rate", rateOf, "give count/duration[:burst], such as 10/1s or 100/1m:20"),
    dependsOn: dependenciesOf(reader),
    whenDependencyFails: reader.text("whenDependencyFails"),
    batchId: reader.text("batch"),
    prefer: reader.texts("prefer"),
    cpuMillis: reader.parsed("cpu", cpuMillisOf, "give processors, such as 2 or 0.5"),
    memoryBytes: reader.parsed("memory", bytesOf, "give a size, such as 512MiB"),
  } satisfies { [Name in keyof JobOptionsView]: JobOptionsView[Name] | undefined };
}

/**
 * Flags that would do nothing, which their writer does not think. An empty list of parents, which a
 * program writes that gives each line of a file the same fields, is an answer.
 */
function refuseUseless(reader: FlagReader): void {
  const isGiven = (name: string) => reader.textOrEmpty(name) !== undefined;
  const { written } = reader;
  if (isGiven("runAt") && isGiven("delay")) {
    reader.fault(
      "runAt",
      `but ${written("delay")} says already when it may start; give one of them`,
    );
  }
  if (isGiven("whenDependencyFails") && reader.texts("dependsOn") === undefined) {
    reader.fault(
      "whenDependencyFails",
      `but it depends on no job; name one by ${written("dependsOn")}, or leave it out`,
    );
  }
}

/** A duration above 0: that would say the same as no flag, which nobody means who gives one. */
function positive(reader: FlagReader, name: string): number | undefined {
  const ms = reader.duration(name);
  if (ms === 0) reader.fault(name, "give a duration above 0, such as 1h");
  return ms;
}

/** Plain `name=value` goes the original's way, which members of every version know. */
function requirementsOf(reader: FlagReader) {
  const requiredTags: Record<string, string> = {};
  const require: string[] = [];
  for (const text of reader.texts("require") ?? []) {
    const [, name = "", value = ""] = /^([^\s=!<>()]+)=(.*)$/s.exec(text) ?? [];
    if (name === "") require.push(text);
    else if (value.startsWith("=")) reader.fault("require", singleEquals(text), text);
    else if (Object.hasOwn(requiredTags, name)) {
      reader.fault("require", `names ${JSON.stringify(name)} twice`, text);
    } else requiredTags[name] = value;
  }
  return {
    requiredTags: Object.keys(requiredTags).length === 0 ? undefined : requiredTags,
    require: require.length === 0 ? undefined : require,
  };
}

function dependenciesOf(reader: FlagReader): DependencyView[] | undefined {
  return reader.texts("dependsOn")?.map((text) => {
    const [, jobId = "", on = "success"] = /^([^:]*)(?::(.*))?$/s.exec(text) ?? [];
    if (jobId === "" || !["success", "completion", "failure"].includes(on)) {
      reader.fault(
        "dependsOn",
        "give a job id, or one with :success, :completion or :failure",
        text,
      );
    }
    return { jobId, on };
  });
}

/** `10/1s` or `100/1m:20`. */
export function rateOf(text: string): JobOptionsView["rate"] {
  const [, count, span = "", burst = "0"] = /^(\d+)\/([^:]+)(?::(\d+))?$/.exec(text) ?? [];
  if (count === undefined) return undefined;
  try {
    return { count: Number(count), perMs: parseDuration(span), burst: Number(burst) };
  } catch {
    return undefined; // not a duration: the caller says what would be one
  }
}

/** Processors as thousandths of one. */
function cpuMillisOf(text: string): number | undefined {
  return /^\d+(\.\d{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : undefined;
}

/** `512MiB` as bytes. */
function bytesOf(text: string): number | undefined {
  const parsed = parseBytes(text);
  return "value" in parsed ? parsed.value : undefined;
}

/** The fields that are not undefined. */
function given<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };
}
