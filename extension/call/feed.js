// A call's log as server-sent events, read with a header that an EventSource cannot send.

import { bearer } from "./whip.js";
import { refusal, Trouble } from "./trouble.js";

/** A live call has an entry each 80 ms; without one for so long the network is lost: a server that
 * dies is noticed at once. */
const SILENT_MS = 5000;

/**
 * Splits a stream of text into the data of its events (WHATWG HTML, 9.2.6); comments and all other
 * fields are passed over.
 */
export class Events {
  #rest = "";
  /** @type {string[]} */
  #data = [];

  /** @param {string} text @returns {string[]} */
  take(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    const found = [];
    for (const line of lines) {
      const plain = line.endsWith("\r") ? line.slice(0, -1) : line;
      if (plain === "" && this.#data.length) found.push(this.#data.splice(0).join("\n"));
      else if (plain.startsWith("data:")) this.#data.push(plain.slice(5).replace(/^ /, ""));
    }
    return found;
  }
}

/**
 * Follows a call from its first entry until it ends; throws a Trouble when the connection is lost.
 * @param {import("./whip.js").Access} access
 * @param {string} call
 * @param {(batch: any[]) => void} hear
 * @param {AbortSignal} stop
 */
export async function follow(access, call, hear, stop) {
  const silence = new AbortController();
  const signal = AbortSignal.any([stop, silence.signal]);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENT_MS);
  };
  heard();
  try {
    const url = `${access.server}/calls/${encodeURIComponent(call)}/live`;
    const response = await fetch(url, { headers: { Accept: "text/event-stream", ...bearer(access) }, signal });
    if (response.status === 204) return;
    if (!response.ok || !response.body) throw await refusal(response);
    const events = new Events();
    for await (const text of texts(response.body)) {
      heard();
      const batch = events.take(text).map((data) => JSON.parse(data));
      if (!batch.length) continue;
      hear(batch);
      if (batch.some(({ event }) => event.type === "call_ended")) return;
    }
    throw new Trouble("unreachable");
  } catch (error) {
    if (stop.aborted) return;
    throw error instanceof Trouble ? error : new Trouble("unreachable");
  } finally {
    clearTimeout(timer);
  }
}

/** The stream as text, piece by piece. @param {ReadableStream<Uint8Array>} body */
export async function* texts(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield decoder.decode(value, { stream: true });
  }
}
