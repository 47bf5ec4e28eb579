/**
 * Job types of one's own: `conductor worker --handlers ./my_handlers.js`.
 *
 * @module
 */

import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { z, type ZodType } from "zod";
import type { Isolation, JobContext, JobType, TypeExample, TypeLimit } from "./contract.ts";
import type { PayloadIssue } from "./payload.ts";
import { builtinJobTypes, JobTypeNameError, requireJobTypeName } from "./registry.ts";
import type { JsonSchema } from "./schema_outline.ts";

/** The shortest custom type: a function of the payload. */
export type HandlerFunction = (payload: unknown, context: JobContext) => unknown;

/** A custom type with more to say; what is left out has a default. */
export interface HandlerObject {
  /** Needed where no export or record key gives it. */
  readonly name?: string;
  readonly run: HandlerFunction;
  /** Anything that validates as zod does, of any version. Default: any payload. */
  readonly payloadSchema?: SafeParser;
  /** What it hands back, for `conductor job-types show`; results are not held against it. */
  readonly resultSchema?: SafeParser;
  readonly limits?: readonly TypeLimit[];
  readonly examples?: readonly TypeExample[];
  readonly summary?: string;
  /** Default `process`: a crash or an endless loop in it does not take the worker along. */
  readonly isolation?: Isolation;
  readonly example?: unknown;
  readonly payloadOfText?: (text: string) => unknown;
  /** Does ahead what takes long the first time; see `JobType`. */
  readonly prepare?: JobType["prepare"];
}

/**
 * The one method of a schema that is relied upon. One that can also say what it takes, as Standard
 * JSON Schema has it (zod from 4.2 on, and others), is shown by `conductor job-types show`.
 */
export interface SafeParser {
  safeParse(value: unknown):
    | { readonly success: true; readonly data?: unknown }
    | {
      readonly success: false;
      readonly error?: { readonly issues?: readonly PayloadIssue[]; readonly message?: string };
    };
  readonly "~standard"?: {
    readonly jsonSchema?: {
      input?(options: { readonly target: string }): Readonly<Record<string, unknown>>;
    };
  };
}

/** A handlers module cannot be used; the message says why and what to do. */
export class HandlersError extends Error {
  override name = "HandlersError";
  /** What the module does as it is loaded failed, say an import over the network: the next time it may not. */
  readonly mayPass: boolean;

  constructor(message: string, options: ErrorOptions & { readonly mayPass?: boolean } = {}) {
    super(message, options);
    this.mayPass = options.mayPass ?? false;
  }
}

/**
 * Loads a module of custom job types. Its default export, or any named one, may be a job type
 * (`{ name, run, ... }`), an array of them, or a record of name to function or `{ run, ... }`.
 * A module that exports nothing but functions and `{ run, ... }` offers them by their export names.
 *
 * @param path of the module; relative to the working directory.
 * @throws {HandlersError} when it is missing, does not load, or what it exports cannot be used.
 */
export async function loadHandlers(path: string): Promise<JobType[]> {
  const file = resolve(path);
  await requireFile(file, path);
  const exported = await importModule(file, path);
  try {
    const types = collect(exported, path);
    requireOwnNames(types);
    return types;
  } catch (error) {
    if (!(error instanceof JobTypeNameError) && !(error instanceof HandlersError)) throw error;
    throw new HandlersError(`Handlers ${JSON.stringify(path)}: ${error.message}`, { cause: error });
  }
}

// --- loading ---------------------------------------------------------------------------------

async function requireFile(file: string, path: string): Promise<void> {
  const info = await Deno.stat(file).catch(() => undefined);
  if (info === undefined) {
    throw new HandlersError(`Handlers ${JSON.stringify(path)}: there is no such file (${file}).`);
  }
  if (!info.isFile) {
    throw new HandlersError(
      `Handlers ${JSON.stringify(path)}: that is not a file; name a module, such as handlers.js.`,
    );
  }
  if (Deno.build.standalone && /^\.[mc]?tsx?$/.test(extname(file))) {
    throw new HandlersError(
      `Handlers ${JSON.stringify(path)}: the compiled program runs JavaScript only; ` +
        `turn the module into it first, with "deno bundle -o handlers.js ${path}".`,
    );
  }
}

type ModuleExports = Readonly<Record<string, unknown>>;

async function importModule(file: string, path: string): Promise<ModuleExports> {
  try {
    return await import(pathToFileURL(file).href) as ModuleExports;
  } catch (cause) {
    const reason = plainReason(cause);
    throw new HandlersError(`Handlers ${JSON.stringify(path)} failed to load: ${reason}`, {
      cause,
      mayPass: !/^(?:SyntaxError|Module not found "file:)/.test(reason),
    });
  }
}

/** The runtime wraps a module's syntax error in a TypeError, and colours the place of an import. */
function plainReason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return `${cause.name}: ${stripVTControlCharacters(cause.message)}`
    .replace(/^TypeError: (?=SyntaxError:|Module not found)/, "");
}

// --- what is exported ------------------------------------------------------------------------

/** A handler and the name it has from its place, if that gives one. */
type Found = readonly [name: string | undefined, handler: HandlerFunction | HandlerObject];

function collect(exported: ModuleExports, path: string): JobType[] {
  const { default: main, ...named } = exported;
  const found = main === undefined ? [] : membersOf(main, undefined);
  for (const [name, value] of Object.entries(named)) {
    if (isNamedType(value) || Array.isArray(value)) found.push(...membersOf(value, undefined));
    else if (main === undefined && (isHandler(value))) found.push([name, value]);
    else if (main === undefined && isRecordOfHandlers(value)) found.push(...membersOf(value, name));
  }
  if (found.length > 0) {
    return [...new Map(found.map((each) => [each[1], each])).values()].map(toType);
  }
  const names = Object.keys(exported);
  throw new HandlersError(
    (names.length === 0
      ? "it exports nothing"
      : `none of its exports (${names.join(", ")}) is a handler`) +
      "; export default { my_type: async (payload, context) => ({ ... }) }, for example.",
    { cause: path },
  );
}

function membersOf(value: unknown, exportName: string | undefined): Found[] {
  if (isNamedType(value)) return [[value.name, value]];
  if (typeof value === "function" && !isClass(value)) {
    const handler = value as HandlerFunction;
    return [[exportName ?? (handler.name === "default" ? undefined : handler.name), handler]];
  }
  if (Array.isArray(value)) return value.flatMap((each) => membersOf(each, undefined));
  if (isHandler(value)) return [[exportName, value]];
  if (isRecord(value)) {
    return Object.entries(value).map(([name, each]) => [name, handlerOf(name, each)]);
  }
  throw new HandlersError(`it exports ${describe(value)}, which is no handler.`);
}

function handlerOf(name: string, value: unknown): HandlerFunction | HandlerObject {
  if (isHandler(value)) return value;
  throw new HandlersError(
    `"${name}" is ${describe(value)}; it must be a function or an object with a run function.`,
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isHandler(value: unknown): value is HandlerFunction | HandlerObject {
  return (typeof value === "function" && !isClass(value)) ||
    (isRecord(value) && typeof value.run === "function");
}

/** A class, such as a module's own kind of error, cannot be called and so is no job type. */
function isClass(value: unknown): boolean {
  return typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));
}

function isNamedType(value: unknown): value is HandlerObject & { readonly name: string } {
  return isRecord(value) && typeof value.run === "function" && typeof value.name === "string";
}

function isRecordOfHandlers(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length > 0 && Object.values(value).every(isHandler);
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (isClass(value)) return "a class";
  return Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
}

// --- handler to job type ---------------------------------------------------------------------

function toType([foundName, handler]: Found): JobType {
  const given: HandlerObject = typeof handler === "function" ? { run: handler } : handler;
  const name = foundName ?? given.name;
  if (name === undefined || name === "") {
    throw new HandlersError(
      "a function without a name is exported; export it as { my_type: function }.",
    );
  }
  requireJobTypeName(name);
  const { isolation = "process", summary = `The custom job type ${name}.`, example = {} } = given;
  if (isolation !== "process" && isolation !== "inline") {
    throw new HandlersError(
      `the isolation of "${name}" is ${
        JSON.stringify(isolation)
      }; it must be "process" or "inline".`,
    );
  }
  return {
    name,
    summary: String(summary),
    isolation,
    example,
    examples: listOf(name, "examples", given.examples, ["title"]),
    limits: listOf(name, "limits", given.limits, ["name", "meaning"]),
    payloadSchema: schemaOf(name, "payloadSchema", given.payloadSchema),
    ...(given.resultSchema === undefined
      ? {}
      : { resultSchema: schemaOf(name, "resultSchema", given.resultSchema) }),
    payloadOfText: given.payloadOfText ??
      (given.payloadSchema === undefined ? plainText : undefined),
    ...(typeof given.prepare === "function"
      ? { prepare: async (limits) => await given.prepare?.(limits) }
      : {}),
    // Called on its object, for handlers that are instances of a class.
    run: async (payload, context) => await given.run(payload, context),
  };
}

/** Without a schema, text (in UTF-8) that does not even begin as JSON is the payload itself. */
function plainText(text: string): unknown {
  if (text.trim() === "") return null;
  return /^\s*["[{]|\ufffd/.test(text) ? undefined : text;
}

function listOf<Item>(
  name: string,
  field: string,
  list: readonly Item[] | undefined,
  texts: readonly (keyof Item & string)[],
): readonly Item[] {
  if (list === undefined) return [];
  const isUsable = Array.isArray(list) &&
    list.every((item) => isRecord(item) && texts.every((key) => typeof item[key] === "string"));
  if (isUsable) return list;
  throw new HandlersError(
    `the ${field} of "${name}" must be a list of objects, each with the text ${
      texts.join(" and the text ")
    }.`,
  );
}

function schemaOf(name: string, field: string, schema: SafeParser | undefined): ZodType {
  if (schema === undefined) return z.unknown();
  if (typeof schema?.safeParse !== "function") {
    throw new HandlersError(
      `the ${field} of "${name}" has no safeParse method; use zod, or leave it out.`,
    );
  }
  if (schema instanceof z.ZodType) return schema;
  const { $schema: _, ...described } = describedBy(schema);
  return z.unknown().transform((value, context) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const issues = parsed.error?.issues ?? [];
    if (issues.length === 0) {
      context.addIssue({ code: "custom", message: parsed.error?.message ?? "it is not valid" });
    }
    for (const { message, path = [] } of issues) {
      context.addIssue({ code: "custom", message, path: [...path] });
    }
    return z.NEVER;
  }).meta(described);
}

/** What a foreign schema says of itself; nothing, if it cannot put itself into JSON Schema. */
function describedBy(schema: SafeParser): JsonSchema {
  try {
    return schema["~standard"]?.jsonSchema?.input?.({ target: "draft-2020-12" }) ?? {};
  } catch {
    // The standard has it throw for what JSON Schema cannot say. It validates all the same.
    return {};
  }
}

function requireOwnNames(types: readonly JobType[]): void {
  const reserved = new Set(builtinJobTypes().names());
  const seen = new Set<string>();
  for (const { name } of types) {
    if (reserved.has(name)) {
      throw new HandlersError(`"${name}" is a built-in job type; give yours another name.`);
    }
    if (seen.has(name)) throw new HandlersError(`two of its job types are named "${name}".`);
    seen.add(name);
  }
}
