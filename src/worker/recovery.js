// Calls into the Wasm module, and its recovery. After a trap nothing is unwound, so the module's memory cannot be
// trusted: the next call gets a new instance. esbuild replaces the global `queueMicrotask` with the function in this
// file: see scripts/build.sh.

import { __wbg_reset_state, isInterrupted, start } from "./index.js";

/** Number of discarded instances. It identifies the current one. */
export let instanceId = 0;
/** Whether the next call starts an instance. The first one exists already. */
let isNew = true;
let isLost = false;
let isInside = false;
/** Runs of the executor of wasm-bindgen-futures that are due. */
const runs = [];
/** Functions that reject the promises that the instance has not settled yet. */
const unsettled = new Set();

/**
 * Calls the module, and then polls the tasks that the call has woken. The module itself must not call this function.
 */
export function enter(call) {
  // If an execution takes too long, the platform ends it immediately: neither `catch` nor `finally` runs.
  if (isInside) discardInstance({ name: "an execution was terminated" });
  if (isLost) {
    __wbg_reset_state();
    isLost = false;
    isNew = true;
  }
  isInside = true;
  try {
    if (isNew) start();
    isNew = false;
    const result = call();
    while (runs.length > 0) callWithRetry(runs.shift());
    return result;
  } catch (error) {
    if (!isLost && isFatal(error)) discardInstance(error);
    throw error;
  } finally {
    isInside = false;
  }
}

/** Whether the error has interrupted the module. Any other error precedes the call, or is its result. */
function isFatal(error) {
  return error instanceof WebAssembly.RuntimeError || isInterrupted();
}

/**
 * Makes a call that must reach the module, because a task waits for it. Retries the call once if the error did not
 * interrupt the module.
 */
function callWithRetry(call) {
  try {
    call();
  } catch (error) {
    if (isFatal(error)) throw error;
    try {
      call();
    } catch (again) {
      discardInstance(again);
      throw again;
    }
  }
}

function discardInstance(error) {
  const cause = error instanceof WebAssembly.RuntimeError ? error.message : error?.name;
  console.log(JSON.stringify({ code: "internal", reason: `the module was lost, and starts anew: ${cause}` }));
  isLost = true;
  instanceId += 1;
  runs.length = 0;
  for (const reject of unsettled) reject(error);
  unsettled.clear();
}

/** Wraps a function of the module for a promise or a timer. The wrapper does nothing once the instance is lost. */
export function wrapCallback(call) {
  const own = instanceId;
  const deliver = (values) => {
    // `enter` may have discarded the instance.
    if (own === instanceId) callWithRetry(() => call(...values));
  };
  return (...values) => {
    if (own !== instanceId) return;
    try {
      enter(() => deliver(values));
    } catch {
      // The instance is lost, and the log has the cause.
    }
  };
}

/** Schedules a run of the executor: at the end of the current call into the module, or immediately if there is none. */
export function queueMicrotask(run) {
  runs.push(run);
  if (!isInside) Promise.resolve().then(wrapCallback(() => {}));
}

/** Calls an asynchronous export. The promise also rejects if the instance is lost before it settles. */
export function callAsync(call) {
  try {
    return track(enter(call));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The outcome of `settled`. This function does not keep the arguments of the call alive, which can be large. */
function track(settled) {
  const own = instanceId;
  return new Promise((resolve, reject) => {
    unsettled.add(reject);
    const end = (settle) => (value) => {
      unsettled.delete(reject);
      // A trap before the first poll rejects the promise that the module was about to make.
      if (value instanceof WebAssembly.RuntimeError && own === instanceId) discardInstance(value);
      settle(value);
    };
    settled.then(end(resolve), end(reject));
  });
}
