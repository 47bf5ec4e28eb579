import assert from "node:assert/strict";
import { guardListeners } from "./guarded_signal.ts";

function guarded() {
  const control = new AbortController();
  const failures: string[] = [];
  guardListeners(control.signal, (failure) => failures.push((failure as Error).message));
  return { control, signal: control.signal, failures };
}

const throws = (message: string) => () => {
  throw new Error(message);
};

Deno.test("what listeners of a guarded signal throw is told and reaches nobody else, whatever kind they are", async () => {
  const { control, signal, failures } = guarded();
  const heard: string[] = [];
  signal.addEventListener("abort", throws("a function"));
  signal.addEventListener("abort", { handleEvent: throws("an object") });
  signal.addEventListener("abort", () => Promise.reject(new Error("late")));
  signal.onabort = throws("a property");
  signal.addEventListener("abort", (event) => void heard.push(event.type), { once: true });
  control.abort(new Error("stop"));
  await Promise.resolve();
  assert.deepEqual(failures, ["a function", "an object", "a property", "late"]);
  assert.deepEqual(heard, ["abort"]);
});

Deno.test("listeners of a guarded signal are called once each, and not when they were taken away", () => {
  const control = new AbortController();
  const heard: string[] = [];
  const early = () => void heard.push("early");
  control.signal.addEventListener("abort", early);
  guardListeners(control.signal, throws("nobody fails here"));
  const { signal } = control;
  const twice = () => void heard.push("twice");
  const gone = () => void heard.push("gone");
  signal.addEventListener("abort", twice);
  signal.addEventListener("abort", twice);
  signal.addEventListener("abort", gone);
  signal.removeEventListener("abort", gone);
  signal.removeEventListener("abort", early);
  signal.addEventListener("abort", null as unknown as EventListener);
  const replaced = () => void heard.push("replaced");
  signal.onabort = replaced;
  assert.equal(signal.onabort, replaced);
  signal.onabort = function () {
    heard.push(this === signal ? "property" : "of somebody else");
  };
  control.abort();
  assert.deepEqual(heard, ["twice", "property"]);
  signal.onabort = null;
  assert.equal(signal.onabort, null);
});

Deno.test("a guarded signal is joined and awaited like any other", async () => {
  const { control, signal, failures } = guarded();
  const joined = AbortSignal.any([signal]);
  const request = fetch("data:,never", { signal });
  const clone = new Request("http://localhost", { signal });
  control.abort(new Error("stop"));
  await assert.rejects(request, /stop/);
  assert.deepEqual([joined.aborted, clone.signal.aborted, failures], [true, true, []]);
});
