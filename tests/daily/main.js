// Main module: the built Worker, whose Cron trigger a test starts at any time.

import built from "./index.js";

export * from "./index.js";

const RealDate = Date;
let now;

globalThis.Date = class extends RealDate {
  static now() {
    return now ?? RealDate.now();
  }
};

export default {
  ...built,

  /** `POST /cron` starts the scheduled event at the time in the body, in milliseconds, and returns its outcome. */
  async fetch(request, env, context) {
    if (new URL(request.url).pathname !== "/cron") return built.fetch(request, env, context);
    now = Number(await request.text());
    const event = { scheduledTime: new RealDate(now), cron: "17 6 * * *" };
    const { outcome } = await context.exports.default.scheduled(event);
    now = undefined;
    return new Response(outcome);
  },
};
