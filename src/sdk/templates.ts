/**
 * How jobs of a kind are usually submitted, under a name: the presets of the original's client library,
 * and one's own.
 *
 * @module
 */

import type { SubmitOptions } from "./submit_options.ts";

/** A job type (or none yet) and options that each submission may overrule. It never changes. */
export class JobTemplate {
  /** The job type; undefined: to be named with {@linkcode withType}. */
  readonly type: string | undefined;
  /** What jobs of this template ask for. */
  readonly options: SubmitOptions;

  /** A template of those options. */
  constructor(options: SubmitOptions = {}, type?: string) {
    this.options = options;
    this.type = type;
  }

  /** The same for another job type. */
  withType(type: string): JobTemplate {
    return new JobTemplate(this.options, type);
  }

  /** The same with another priority; higher first. */
  withPriority(priority: number): JobTemplate {
    return this.with({ priority });
  }

  /** The same with other attempts after the first. */
  withMaxRetries(maxRetries: number): JobTemplate {
    return this.with({ maxRetries });
  }

  /** The same with further options. */
  with(options: SubmitOptions): JobTemplate {
    return new JobTemplate({ ...this.options, ...options }, this.type);
  }
}

/** Priority 10, five retries. */
export const highPriority: JobTemplate = new JobTemplate({ priority: 10, maxRetries: 5 });
/** Priority 5, three retries: what a submission that says nothing gets. */
export const standard: JobTemplate = new JobTemplate({ priority: 5, maxRetries: 3 });
/** Priority 1, two retries. */
export const lowPriority: JobTemplate = new JobTemplate({ priority: 1, maxRetries: 2 });
/** Priority 7, ten retries. */
export const quickRetry: JobTemplate = new JobTemplate({ priority: 7, maxRetries: 10 });
/** Priority 5, one attempt. */
export const noRetry: JobTemplate = new JobTemplate({ priority: 5, maxRetries: 0 });

/** Jobs of `image_processing`: three retries. */
export function imageProcessing(priority = 5): JobTemplate {
  return new JobTemplate({ priority, maxRetries: 3 }, "image_processing");
}

/** Jobs of `web_scraping`: five retries, and behind others by default. */
export function webScraping(priority = 3): JobTemplate {
  return new JobTemplate({ priority, maxRetries: 5 }, "web_scraping");
}

/** Jobs of `data_analysis`: two retries. */
export function dataAnalysis(priority = 5): JobTemplate {
  return new JobTemplate({ priority, maxRetries: 2 }, "data_analysis");
}
