/**
 * The house rules as lint rules: which room may import which, that a room is entered by its door,
 * and that the pure rooms stay pure. ARCHITECTURE.md tells the reasons.
 *
 * @module
 */

/** What each room of `src/` may import, beside libraries. */
export const ROOM_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  json: [],
  raft: [],
  jobs: [],
  scheduler: ["jobs"],
  calendar: ["jobs"],
  storage: ["raft", "jobs"],
  security: [],
  observability: [],
  job_types: ["json"],
  config: [],
  http: ["security", "observability"],
  dashboard: [],
  api: ["json", "rpc", "http", "security", "observability"],
  rpc: ["raft", "jobs", "security", "observability"],
  worker: ["jobs", "job_types", "rpc", "security", "observability", "http"],
  master: [
    "calendar",
    "job_types",
    "raft",
    "jobs",
    "scheduler",
    "storage",
    "rpc",
    "http",
    "api",
    "dashboard",
    "security",
    "observability",
  ],
  sdk: ["jobs", "job_types", "json", "rpc", "worker", "security", "observability"],
  cli: [
    "calendar",
    "config",
    "master",
    "worker",
    "job_types",
    "json",
    "rpc",
    "security",
    "observability",
  ],
};

/** Rooms that know no clock, chance, network, disk or library. */
const PURE_ROOMS: readonly string[] = ["json", "raft", "jobs", "scheduler"];

/**
 * A room's door is its `mod.ts`. Some have a light one beside it, for whoever must not bring along what
 * the whole room needs; a room that other people's programs embed enters by those alone.
 */
const DOORS: readonly string[] = ["mod.ts", "light.ts"];
/** What is started by itself, again and again, must not bring along the rest of its room either. */
const OTHER_DOORS: Readonly<Record<string, readonly string[]>> = {
  worker: ["executor_process.ts"],
};
const EMBEDDED_ROOMS: readonly string[] = ["sdk"];

const IMPURE_GLOBALS = new Set([
  "Deno",
  "Date",
  "crypto",
  "performance",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "fetch",
  "console",
  "process",
  "localStorage",
]);

/** Where a file stands: its room, and its path inside `src/`. */
function placeOf(fileName: string): { room: string; isTest: boolean } | undefined {
  const match = /[\\/]src[\\/]([a-z_]+)[\\/]/.exec(fileName);
  if (match?.[1] === undefined || !(match[1] in ROOM_IMPORTS)) return undefined;
  return { room: match[1], isTest: /_test(_support)?\.ts$/.test(fileName) };
}

/** The room that a relative specifier leads to, and whether by its door; data files are no room. */
function targetOf(
  specifier: string,
): { room: string; byDoor: boolean; isHeavy: boolean } | undefined {
  const match = /^(?:\.\.\/)+([a-z_]+)\/(.+\.ts)$/.exec(specifier);
  if (match?.[1] === undefined || !(match[1] in ROOM_IMPORTS)) return undefined;
  const [, room, door = ""] = match;
  const isHeavy = door === "mod.ts" && !PURE_ROOMS.includes(room);
  const byDoor = DOORS.includes(door) || (OTHER_DOORS[room]?.includes(door) ?? false);
  return { room, byDoor, isHeavy };
}

const importRule: Deno.lint.Rule = {
  create(context) {
    const place = placeOf(context.filename);
    if (place === undefined) return {};
    const check = (node: Deno.lint.Node, specifier: string) => {
      const target = targetOf(specifier);
      if (target !== undefined && target.room !== place.room) {
        if (!ROOM_IMPORTS[place.room]?.includes(target.room) && !place.isTest) {
          context.report({
            node,
            message: `src/${place.room} may not import src/${target.room}`,
            hint: `declare a port in src/${place.room} and let src/master or src/cli join the two`,
          });
        } else if (!target.byDoor && !place.isTest) {
          context.report({
            node,
            message: `src/${target.room} is entered by its mod.ts`,
            hint: `export what you need from src/${target.room}/mod.ts`,
          });
        } else if (target.isHeavy && EMBEDDED_ROOMS.includes(place.room) && !place.isTest) {
          context.report({
            node,
            message: `src/${place.room} enters src/${target.room} by its light.ts`,
            hint: `export what you need from src/${target.room}/light.ts`,
          });
        }
      }
      if (PURE_ROOMS.includes(place.room) && !place.isTest && !specifier.startsWith(".")) {
        context.report({
          node,
          message: `src/${place.room} is pure and imports no library (${specifier})`,
          hint: "take what it gives as an argument, or move the code to src/storage or src/master",
        });
      }
    };
    return {
      ImportDeclaration: (node) => check(node, node.source.value),
      ImportExpression(node) {
        const { source } = node;
        if (source.type === "Literal" && typeof source.value === "string") {
          check(node, source.value);
        }
      },
      ExportNamedDeclaration: (node) => {
        if (node.source !== null) check(node, node.source.value);
      },
      ExportAllDeclaration: (node) => check(node, node.source.value),
    };
  },
};

const purityRule: Deno.lint.Rule = {
  create(context) {
    const place = placeOf(context.filename);
    if (place === undefined || place.isTest || !PURE_ROOMS.includes(place.room)) return {};
    const report = (node: Deno.lint.Node, name: string) =>
      context.report({
        node,
        message: `src/${place.room} is pure: ${name} is not for it`,
        hint: "time, identity and chance come in as arguments",
      });
    return {
      MemberExpression(node) {
        if (node.object.type !== "Identifier") return;
        if (IMPURE_GLOBALS.has(node.object.name)) report(node, node.object.name);
        const isRandom = node.object.name === "Math" && node.property.type === "Identifier" &&
          node.property.name === "random";
        if (isRandom) report(node, "Math.random");
      },
      CallExpression(node) {
        if (node.callee.type === "Identifier" && IMPURE_GLOBALS.has(node.callee.name)) {
          report(node, node.callee.name);
        }
      },
      NewExpression(node) {
        if (node.callee.type === "Identifier" && IMPURE_GLOBALS.has(node.callee.name)) {
          report(node, node.callee.name);
        }
      },
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "rooms",
  rules: { imports: importRule, purity: purityRule },
};

export default plugin;
