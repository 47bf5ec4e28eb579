/**
 * The files of the page, as texts inside of the program. They are listed one by one, because only what
 * is imported gets into the bundle; `mod_test.ts` says when one is forgotten.
 *
 * @module
 */

import litHtml from "lit-html" with { type: "text" };
import litDirective from "lit-html/directive.js" with { type: "text" };
import litDirectiveHelpers from "lit-html/directive-helpers.js" with { type: "text" };
import litRepeat from "lit-html/directives/repeat.js" with { type: "text" };
import announce from "./web/announce.js" with { type: "text" };
import api from "./web/api.js" with { type: "text" };
import app from "./web/app.js" with { type: "text" };
import feed from "./web/feed.js" with { type: "text" };
import format from "./web/format.js" with { type: "text" };
import graphLayout from "./web/graph_layout.js" with { type: "text" };
import history from "./web/history.js" with { type: "text" };
import iconSvg from "./web/icon.svg" with { type: "text" };
import indexHtml from "./web/index.html" with { type: "text" };
import jobFamily from "./web/job_family.js" with { type: "text" };
import jobFollower from "./web/job_follower.js" with { type: "text" };
import jobPages from "./web/job_pages.js" with { type: "text" };
import lit from "./web/lit.js" with { type: "text" };
import live from "./web/live.js" with { type: "text" };
import router from "./web/router.js" with { type: "text" };
import session from "./web/session.js" with { type: "text" };
import shell from "./web/shell.js" with { type: "text" };
import stream from "./web/stream.js" with { type: "text" };
import theme from "./web/theme.js" with { type: "text" };
import themeFirst from "./web/theme_first.js" with { type: "text" };
import timing from "./web/timing.js" with { type: "text" };
import view from "./web/view.js" with { type: "text" };
import views from "./web/views.js" with { type: "text" };
import wire from "./web/wire.js" with { type: "text" };
import partsAsk from "./web/parts/ask.js" with { type: "text" };
import partsChart from "./web/parts/chart.js" with { type: "text" };
import partsChartScale from "./web/parts/chart_scale.js" with { type: "text" };
import partsExactJson from "./web/parts/exact_json.js" with { type: "text" };
import partsFilters from "./web/parts/filters.js" with { type: "text" };
import partsFinder from "./web/parts/finder.js" with { type: "text" };
import partsIcons from "./web/parts/icons.js" with { type: "text" };
import partsJobActions from "./web/parts/job_actions.js" with { type: "text" };
import partsJobRows from "./web/parts/job_rows.js" with { type: "text" };
import partsJsonTree from "./web/parts/json_tree.js" with { type: "text" };
import partsLogLines from "./web/parts/log_lines.js" with { type: "text" };
import partsMeter from "./web/parts/meter.js" with { type: "text" };
import partsMoment from "./web/parts/moment.js" with { type: "text" };
import partsPage from "./web/parts/page.js" with { type: "text" };
import partsResult from "./web/parts/result.js" with { type: "text" };
import partsSealed from "./web/parts/sealed.js" with { type: "text" };
import partsStates from "./web/parts/states.js" with { type: "text" };
import partsStatus from "./web/parts/status.js" with { type: "text" };
import partsTable from "./web/parts/table.js" with { type: "text" };
import partsTimeline from "./web/parts/timeline.js" with { type: "text" };
import partsToast from "./web/parts/toast.js" with { type: "text" };
import partsValueTable from "./web/parts/value_table.js" with { type: "text" };
import partsVirtualRows from "./web/parts/virtual_rows.js" with { type: "text" };
import stylesBase from "./web/styles/base.css" with { type: "text" };
import stylesJob from "./web/styles/job.css" with { type: "text" };
import stylesParts from "./web/styles/parts.css" with { type: "text" };
import stylesShell from "./web/styles/shell.css" with { type: "text" };
import stylesStates from "./web/styles/states.css" with { type: "text" };
import stylesViews from "./web/styles/views.css" with { type: "text" };
import viewsAudit from "./web/views/audit.js" with { type: "text" };
import viewsBatch from "./web/views/batch.js" with { type: "text" };
import viewsBatches from "./web/views/batches.js" with { type: "text" };
import viewsDeadLetters from "./web/views/dead_letters.js" with { type: "text" };
import viewsJob from "./web/views/job.js" with { type: "text" };
import viewsJobGraph from "./web/views/job_graph.js" with { type: "text" };
import viewsJobs from "./web/views/jobs.js" with { type: "text" };
import viewsLogin from "./web/views/login.js" with { type: "text" };
import viewsLost from "./web/views/lost.js" with { type: "text" };
import viewsOverview from "./web/views/overview.js" with { type: "text" };
import viewsQueues from "./web/views/queues.js" with { type: "text" };
import viewsSchedule from "./web/views/schedule.js" with { type: "text" };
import viewsSchedules from "./web/views/schedules.js" with { type: "text" };
import viewsWorker from "./web/views/worker.js" with { type: "text" };
import viewsWorkers from "./web/views/workers.js" with { type: "text" };

/** Of the package that draws the page, as it is. */
export const LIBRARY: Readonly<Record<string, string>> = {
  "lit/lit-html.js": litHtml,
  "lit/directive.js": litDirective,
  "lit/directive-helpers.js": litDirectiveHelpers,
  "lit/directives/repeat.js": litRepeat,
};

/** Our own. */
export const OWN: Readonly<Record<string, string>> = {
  "announce.js": announce,
  "api.js": api,
  "app.js": app,
  "feed.js": feed,
  "format.js": format,
  "graph_layout.js": graphLayout,
  "history.js": history,
  "icon.svg": iconSvg,
  "index.html": indexHtml,
  "job_family.js": jobFamily,
  "job_follower.js": jobFollower,
  "job_pages.js": jobPages,
  "lit.js": lit,
  "live.js": live,
  "router.js": router,
  "session.js": session,
  "shell.js": shell,
  "stream.js": stream,
  "theme.js": theme,
  "theme_first.js": themeFirst,
  "timing.js": timing,
  "view.js": view,
  "views.js": views,
  "wire.js": wire,
  "parts/ask.js": partsAsk,
  "parts/chart.js": partsChart,
  "parts/chart_scale.js": partsChartScale,
  "parts/exact_json.js": partsExactJson,
  "parts/filters.js": partsFilters,
  "parts/finder.js": partsFinder,
  "parts/icons.js": partsIcons,
  "parts/job_actions.js": partsJobActions,
  "parts/job_rows.js": partsJobRows,
  "parts/json_tree.js": partsJsonTree,
  "parts/log_lines.js": partsLogLines,
  "parts/meter.js": partsMeter,
  "parts/moment.js": partsMoment,
  "parts/page.js": partsPage,
  "parts/result.js": partsResult,
  "parts/sealed.js": partsSealed,
  "parts/states.js": partsStates,
  "parts/status.js": partsStatus,
  "parts/table.js": partsTable,
  "parts/timeline.js": partsTimeline,
  "parts/toast.js": partsToast,
  "parts/value_table.js": partsValueTable,
  "parts/virtual_rows.js": partsVirtualRows,
  "styles/base.css": stylesBase,
  "styles/job.css": stylesJob,
  "styles/parts.css": stylesParts,
  "styles/shell.css": stylesShell,
  "styles/states.css": stylesStates,
  "styles/views.css": stylesViews,
  "views/audit.js": viewsAudit,
  "views/batch.js": viewsBatch,
  "views/batches.js": viewsBatches,
  "views/dead_letters.js": viewsDeadLetters,
  "views/job.js": viewsJob,
  "views/job_graph.js": viewsJobGraph,
  "views/jobs.js": viewsJobs,
  "views/login.js": viewsLogin,
  "views/lost.js": viewsLost,
  "views/overview.js": viewsOverview,
  "views/queues.js": viewsQueues,
  "views/schedule.js": viewsSchedule,
  "views/schedules.js": viewsSchedules,
  "views/worker.js": viewsWorker,
  "views/workers.js": viewsWorkers,
};
