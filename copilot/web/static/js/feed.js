// A call's entries from the server, in order, with what is known about the connection.

import { leaveWhenRefused } from "./session.js";

/**
 * Follows a call until it ends; the browser itself reconnects and names the last entry that it has.
 * @param {string} call id of the call
 * @param {{entries: (batch: object[]) => void, open: () => void, lost: () => void}} on
 * @returns {() => void} stops following
 */
export function follow(call, on) {
  const source = new EventSource(`/calls/${encodeURIComponent(call)}/live`);
  let waiting = [];
  let timer = 0;
  const flush = () => {
    timer = 0;
    const batch = waiting;
    waiting = [];
    if (batch.some((entry) => entry.event.type === "call_ended")) source.close();
    on.entries(batch);
  };
  leaveWhenRefused(source);
  source.onopen = on.open;
  source.onerror = () => on.lost();
  source.onmessage = (message) => {
    waiting.push(JSON.parse(message.data));
    timer ||= setTimeout(flush, 16);
  };
  return () => {
    source.close();
    clearTimeout(timer);
  };
}
