// @ts-check
/**
 * What a view is: a function that takes its surroundings, starts what it needs, and returns how it
 * looks. It ends with its `signal`.
 *
 * @typedef {object} Context
 * @property {import("./router.js").Route} route
 * @property {import("./session.js").Session} session
 * @property {import("./live.js").Live} live
 * @property {AbortSignal} signal aborted when the view is left
 * @property {() => void} update draws the view again, with the next frame
 * @property {(title: string) => void} title names the window and the view
 *
 * @typedef {import("lit-html").TemplateResult | import("lit-html").SVGTemplateResult | typeof import("lit-html").nothing | string} Shown
 *
 * @typedef {(context: Context) => () => Shown} View
 */
export {};
