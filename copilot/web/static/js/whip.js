// One call over WebRTC: both parties' sound out, cards and the earpiece in, signalled by WHIP (RFC 9725).

import { csrf } from "./session.js";

/** Something that the person at the page can act on. */
export class CallError extends Error {
  /**
   * @param {string} message
   * @param {{retryAfter?: number, gone?: boolean}} [more] `retryAfter`: seconds after which another try makes
   *   sense; `gone`: the call to resume is over
   */
  constructor(message, { retryAfter, gone } = {}) {
    super(message);
    this.retryAfter = retryAfter;
    this.gone = gone ?? false;
  }
}

const CONNECT_MS = 10_000;

/**
 * Places a call; resolves when sound flows.
 * @param {{agent: MediaStreamTrack, customer: MediaStreamTrack, earpiece: HTMLAudioElement, packs?: string,
 *   resume?: string}} parts `packs`: names of the knowledge bases in use, all when empty
 * @param {{message: (event: object) => void, lost: () => void}} on
 */
export async function placeCall(parts, on) {
  const call = new Call(parts, on);
  try {
    await call.open(parts.resume);
    return call;
  } catch (error) {
    call.drop();
    throw error;
  }
}

class Call {
  constructor({ agent, customer, earpiece, packs }, on) {
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.peer = peer;
    this.on = on;
    this.packs = packs;
    this.over = false;
    const stream = new MediaStream();
    this.lines = {
      agent: peer.addTransceiver(agent, { direction: "sendonly", streams: [stream] }),
      customer: peer.addTransceiver(customer, { direction: "sendonly", streams: [stream] }),
      earpiece: peer.addTransceiver("audio", { direction: "recvonly" }),
    };
    this.channel = peer.createDataChannel("copilot");
    this.channel.onmessage = (message) => on.message(JSON.parse(message.data));
    this.channel.onclose = () => this.#lose();
    peer.ontrack = ({ track }) => { earpiece.srcObject = new MediaStream([track]); };
  }

  get id() {
    return decodeURIComponent(this.location.pathname.split("/").pop());
  }

  async open(resume) {
    await this.peer.setLocalDescription();
    const { location, answer } = await this.#post(resume);
    this.location = location;
    await this.peer.setRemoteDescription({ type: "answer", sdp: answer });
    await this.#connected();
  }

  /** @param {number} inquiry @param {"used" | "dismissed" | "opened"} how */
  touch(inquiry, how) {
    if (this.channel.readyState !== "open") return false;
    this.channel.send(JSON.stringify({ type: "card_touched", inquiry, how }));
    return true;
  }

  async hangUp() {
    this.drop();
    try {
      await fetch(this.location, { method: "DELETE", keepalive: true, headers: csrf() });
    } catch {
      // The server is gone, and the call with it.
    }
  }

  /** Closes this side without a word to the server. */
  drop() {
    this.over = true;
    this.peer.close();
  }

  async #post(resume) {
    const query = new URLSearchParams({ consent: "true" });
    for (const [party, line] of Object.entries(this.lines)) query.set(party, line.mid);
    if (this.packs) query.set("packs", this.packs);
    if (resume) query.set("call", resume);
    let response;
    try {
      response = await fetch(`/calls?${query}`, {
        method: "POST",
        headers: {
          "Content-Type": "application/sdp", Accept: "application/sdp, application/problem+json", ...csrf(),
        },
        body: this.peer.localDescription.sdp,
      });
    } catch {
      throw new CallError("The copilot does not answer. Is it still running?", { retryAfter: 3 });
    }
    if (response.status !== 201) throw await refusal(response);
    return {
      location: new URL(response.headers.get("Location"), response.url),
      answer: await response.text(),
    };
  }

  #connected() {
    const peer = this.peer;
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new CallError(why));
      const timer = setTimeout(() => fail(
        "The sound did not get through within 10 s. A firewall or a browser policy may block WebRTC."), CONNECT_MS);
      peer.onconnectionstatechange = () => {
        if (peer.connectionState === "connected") {
          clearTimeout(timer);
          peer.onconnectionstatechange = () => { if (peer.connectionState === "failed") this.#lose(); };
          resolve();
        } else if (peer.connectionState === "failed") {
          clearTimeout(timer);
          fail("The connection for sound failed.");
        }
      };
    });
  }

  #lose() {
    if (this.over) return;
    this.drop();
    this.on.lost();
  }
}

async function refusal(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || undefined;
  const problem = await response.json().catch(() => ({}));
  const detail = problem.detail ?? problem.title ?? `The copilot answered ${response.status}.`;
  if (response.status === 503) return new CallError(`All lines are in use. ${detail}`, { retryAfter: retryAfter ?? 5 });
  return new CallError(detail, { retryAfter, gone: response.status === 404 });
}
