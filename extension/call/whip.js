// One connection of a call over WebRTC, signalled by WHIP (RFC 9725).

import { Pulse, received } from "./pulse.js";
import { refusal, Trouble } from "./trouble.js";

const CONNECT_MS = 8000;
const POST_MS = 5000;
/** How long the last messages may take to leave. */
const FLUSH_MS = 200;
const PULSE_MS = 1000;

/**
 * @typedef {{server: string, token: string | null}} Access
 * @typedef {{agent: MediaStreamTrack, customer: MediaStreamTrack}} Tracks
 * @typedef {{message: (event: any) => void, earpiece: (track: MediaStreamTrack) => void, lost: () => void}} Hooks
 */

/** @param {Access} access @returns {Record<string, string>} */
export const bearer = ({ token }) => (token ? { Authorization: `Bearer ${token}` } : {});

/**
 * The answer to a request, which is made again with a new token where the server does not take the first.
 * @param {(refused?: string | null) => Promise<Access>} access
 * @param {(access: Access) => Promise<Response>} ask
 */
export async function asked(access, ask) {
  const first = await access();
  const response = await ask(first);
  return response.status === 401 && first.token ? ask(await access(first.token)) : response;
}

export class Connection {
  /** @param {Tracks} tracks @param {Hooks} hooks */
  constructor(tracks, hooks) {
    this.hooks = hooks;
    this.over = false;
    this.peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    const stream = new MediaStream();
    this.lines = {
      agent: this.peer.addTransceiver(tracks.agent, { direction: "sendonly", streams: [stream] }),
      customer: this.peer.addTransceiver(tracks.customer, { direction: "sendonly", streams: [stream] }),
      earpiece: this.peer.addTransceiver("audio", { direction: "recvonly" }),
    };
    this.channel = this.peer.createDataChannel("copilot");
    this.channel.onmessage = ({ data }) => hooks.message(JSON.parse(data));
    this.channel.onclose = () => this.#lose();
    this.peer.ontrack = ({ track }) => hooks.earpiece(track);
    /** @type {URL | null} */
    this.location = null;
  }

  get id() {
    return decodeURIComponent(this.location?.pathname.split("/").pop() ?? "");
  }

  /**
   * Resolves when sound flows; otherwise throws a Trouble and leaves nothing open.
   * @param {Access} access
   * @param {{consent: boolean, packs: string, resume: string}} more
   */
  async open(access, more) {
    try {
      await this.peer.setLocalDescription();
      const connected = this.#connected();
      connected.catch(() => {});
      const { location, answer } = await this.#post(access, more);
      this.location = location;
      await this.peer.setRemoteDescription({ type: "answer", sdp: answer });
      await connected;
    } catch (error) {
      this.drop();
      throw error;
    }
    this.#watch();
  }

  /** Tells the copilot; false where that cannot be now. @param {object} message */
  tell(message) {
    if (this.channel.readyState !== "open") return false;
    this.channel.send(JSON.stringify(message));
    return true;
  }

  /** Sends each party's sound as the other's. @param {Tracks} tracks */
  async carry(tracks) {
    await Promise.all([
      this.lines.agent.sender.replaceTrack(tracks.agent),
      this.lines.customer.sender.replaceTrack(tracks.customer),
    ]);
  }

  /** Ends the call on the server too, once it has what the agent did last. @param {Access} access */
  async hangUp(access) {
    this.over = true;
    try {
      for (let waited = 0; this.channel.bufferedAmount > 0 && waited < FLUSH_MS; waited += 10) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const signal = AbortSignal.timeout(POST_MS);
      if (this.location) await fetch(this.location, { method: "DELETE", keepalive: true, headers: bearer(access), signal });
    } catch {
      // the server is gone, and the call with it
    } finally {
      this.drop();
    }
  }

  /** The networks have changed: an address of this machine may be gone, and the way with it. */
  doubt() {
    this.pulse?.doubt(Date.now());
  }

  /** Closes this side without a word. */
  drop() {
    this.over = true;
    clearInterval(this.watching);
    this.peer.close();
  }

  /** @param {Access} access @param {{consent: boolean, packs: string, resume: string}} more */
  async #post(access, { consent, packs, resume }) {
    const query = new URLSearchParams({ consent: String(consent) });
    for (const [party, line] of Object.entries(this.lines)) query.set(party, line.mid ?? "");
    if (packs) query.set("packs", packs);
    if (resume) query.set("call", resume);
    const response = await fetch(`${access.server}/calls?${query}`, {
      method: "POST",
      headers: {
        "Content-Type": "application/sdp",
        Accept: "application/sdp, application/problem+json",
        ...bearer(access),
      },
      body: this.peer.localDescription?.sdp ?? "",
      signal: AbortSignal.timeout(POST_MS),
    }).catch(() => { throw new Trouble("unreachable"); });
    if (response.status !== 201) throw await refusal(response);
    const location = response.headers.get("Location");
    if (!location) throw new Trouble("notCopilot");
    return { location: new URL(location, response.url), answer: await response.text() };
  }

  #connected() {
    const { peer } = this;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Trouble("blocked")), CONNECT_MS);
      peer.onconnectionstatechange = () => {
        if (peer.connectionState === "connected") resolve(undefined);
        else if (peer.connectionState === "failed") reject(new Trouble("blocked"));
        else return;
        clearTimeout(timer);
      };
    });
  }

  /** ICE takes five seconds to say that it is disconnected, and fifteen to fail. */
  #watch() {
    const pulse = (this.pulse = new Pulse(Date.now()));
    this.watching = setInterval(async () => {
      if (!pulse.beats(received(await this.lines.agent.sender.getStats()), Date.now())) this.#lose();
    }, PULSE_MS);
    this.peer.onconnectionstatechange = () => {
      if (this.peer.connectionState !== "connected") this.#lose();
    };
  }

  #lose() {
    if (this.over) return;
    this.drop();
    this.hooks.lost();
  }
}
