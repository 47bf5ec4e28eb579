// @ts-check
/** Which address means which view. Each is fetched when it is first wanted. */

/** @typedef {import("./view.js").View} View */
/** @typedef {() => Promise<View>} Loader */

/** @type {Readonly<Record<string, { list: Loader, one?: Loader, parts?: Readonly<Record<string, Loader>> }>>} */
const VIEWS = {
  "": { list: () => import("./views/overview.js").then((room) => room.overviewView) },
  jobs: {
    list: () => import("./views/jobs.js").then((room) => room.jobsView),
    one: () => import("./views/job.js").then((room) => room.jobView),
    parts: { graph: () => import("./views/job_graph.js").then((room) => room.jobGraphView) },
  },
  queues: { list: () => import("./views/queues.js").then((room) => room.queuesView) },
  batches: {
    list: () => import("./views/batches.js").then((room) => room.batchesView),
    one: () => import("./views/batch.js").then((room) => room.batchView),
  },
  schedules: {
    list: () => import("./views/schedules.js").then((room) => room.schedulesView),
    one: () => import("./views/schedule.js").then((room) => room.scheduleView),
  },
  workers: {
    list: () => import("./views/workers.js").then((room) => room.workersView),
    one: () => import("./views/worker.js").then((room) => room.workerView),
  },
  "dead-letters": {
    list: () => import("./views/dead_letters.js").then((room) => room.deadLettersView),
  },
  audit: { list: () => import("./views/audit.js").then((room) => room.auditView) },
};

/** @type {Loader} */
const lost = () => import("./views/lost.js").then((room) => room.lostView);

/**
 * @param {import("./router.js").Route} route
 * @returns {Loader}
 */
export function viewLoader({ path: [section = "", name, part, ...more] }) {
  const views = Object.hasOwn(VIEWS, section) ? VIEWS[section] : undefined;
  if (views === undefined || more.length > 0) return lost;
  if (name === undefined) return views.list;
  if (part === undefined) return views.one ?? lost;
  const { parts = {} } = views;
  return Object.hasOwn(parts, part) ? parts[part] ?? lost : lost;
}
