/**
 * Speaks with the inspector of a running process.
 *
 * @module
 */

/** A method of the inspector's protocol. */
export type Call = (method: string, params?: object) => Promise<unknown>;

/**
 * Connects, does it, and lets go.
 *
 * @param address `host:port`
 */
export async function inspected<Result>(
  address: string,
  what: (call: Call) => Promise<Result>,
): Promise<Result> {
  const targets = await (await fetch(`http://${address}/json`)).json();
  const socket = new WebSocket(targets[0].webSocketDebuggerUrl);
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  socket.onmessage = ({ data }) => {
    const { id, result, error } = JSON.parse(data);
    const waits = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) waits?.resolve(result);
    else waits?.reject(new Error(`the inspector refuses: ${error.message}`));
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  let calls = 0;
  try {
    return await what((method, params = {}) => {
      const id = ++calls;
      const answer = Promise.withResolvers<unknown>();
      waiting.set(id, answer);
      socket.send(JSON.stringify({ id, method, params }));
      return answer.promise;
    });
  } finally {
    socket.close();
  }
}
