// The softphone: consent, sound, one call at a time, and what to do when something fails.

import { Cards } from "./cards.js";
import { byId, el, readWords } from "./dom.js";
import { follow } from "./feed.js";
import { Meter } from "./meters.js";
import { Playbook } from "./playbook.js";
import { Sources } from "./sources.js";
import { clock, TICKS_PER_SECOND } from "./time.js";
import { Transcript } from "./transcript.js";
import { CallError, placeCall } from "./whip.js";

const AFTER_SAMPLE_MS = 4000;
const RECONNECT_MS = [300, 600, 1200, 2500, 5000, 5000, 5000, 10_000, 10_000, 10_000];
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Softphone {
  constructor() {
    this.form = byId("setup");
    this.call = null;
    this.sources = null;
    this.stopFollowing = () => {};
    this.cards = new Cards(
      { cards: byId("cards"), quiet: byId("quiet"), murmur: byId("murmur") },
      readWords(),
      (inquiry, how) => this.call?.touch(inquiry, how) ?? false);
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.start(); });
    this.form.addEventListener("change", () => this.#choose());
    byId("hang-up").addEventListener("click", () => this.hangUp());
    byId("listen").addEventListener("change", () => this.#listen());
    document.addEventListener("keydown", (event) => this.#key(event));
    addEventListener("pagehide", () => this.call?.hangUp());
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#listDevices());
    setInterval(() => this.#tell(), 500);
    this.#choose();
  }

  async start() {
    this.#trouble(null);
    this.#show("wait", "Connecting");
    this.#calling(true);
    this.sources = new Sources();
    this.#listen();
    try {
      this.parties = await this.#open();
      await this.#place();
      await this.sources.play(() => setTimeout(() => this.hangUp(), AFTER_SAMPLE_MS));
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      await this.#end();
      this.#show("bad", "Not connected");
      this.#trouble(error.message, error.retryAfter);
    }
  }

  async hangUp() {
    const call = this.call;
    this.call = null;
    await call?.hangUp();
    await this.#end();
    this.#show("ended", "Ended");
  }

  async #place(resume) {
    this.call = await placeCall(
      {
        agent: this.parties.agent.track, customer: this.parties.customer.track, earpiece: byId("earpiece"),
        packs: document.getElementById("packs")?.value, resume,
      },
      { message: (event) => this.cards.take(event), lost: () => this.#reconnect() });
    this.started ??= performance.now();
    this.#show("live", "Connected");
    const link = byId("live-link");
    link.href = `/calls/${encodeURIComponent(this.call.id)}`;
    link.hidden = false;
    if (this.followed !== this.call.id) this.#follow(this.call.id);
  }

  /** Shows what the copilot hears, from its own log. */
  #follow(id) {
    this.stopFollowing();
    this.followed = id;
    byId("captions").replaceChildren();
    const transcript = new Transcript(byId("captions"));
    const playbook = new Playbook(readWords().rules);
    this.stopFollowing = follow(id, {
      entries: (batch) => {
        for (const { tick, event } of batch) {
          if (event.type === "call_started") {
            transcript.begin(event.policy);
            playbook.begin(event.policy.playbook);
          }
          if (event.type === "ticked") playbook.tick(tick, event);
          if (event.type === "heard") transcript.hear(event);
        }
        const scroll = byId("captions-scroll");
        scroll.scrollTop = scroll.scrollHeight;
      },
      open: () => {},
      lost: () => {},
    });
  }

  async #reconnect() {
    let id = this.call?.id;
    this.call = null;
    this.cards.clear();
    this.#show("wait", "Reconnecting");
    for (const pause of RECONNECT_MS) {
      await wait(pause);
      if (!this.sources) return;
      try {
        await this.#place(id);
        this.#trouble(null);
        return;
      } catch (error) {
        if (!(error instanceof CallError)) throw error;
        if (error.gone) id = undefined;
        this.#trouble(`${error.message} Trying again …`);
      }
    }
    await this.#end();
    this.#show("bad", "Not connected");
    this.#trouble("The connection to the copilot is lost. Start again when it runs.");
  }

  /** Opens both parties' sound as the form says. */
  async #open() {
    const isSample = this.form.elements.source.value === "sample";
    const customer = byId("customer-device").value;
    const agentIsMicrophone = !isSample;
    const customerIsMicrophone = !isSample && customer !== "sample";
    this.meters = [
      new Meter(byId("agent-meter"), byId("agent-heard"), agentIsMicrophone),
      new Meter(byId("customer-meter"), byId("customer-heard"), customerIsMicrophone),
    ];
    const agent = agentIsMicrophone
      ? await this.sources.microphone(byId("agent-device").value)
      : await this.sources.recording("agent");
    const other = customerIsMicrophone
      ? await this.sources.microphone(customer)
      : await this.sources.recording("customer");
    this.#listDevices();
    this.meters[0].watch(agent);
    this.meters[1].watch(other);
    return { agent, customer: other };
  }

  async #end() {
    this.call?.drop();
    this.call = null;
    this.cards.clear();
    for (const meter of this.meters ?? []) meter.stop();
    this.started = undefined;
    this.followed = undefined;
    const sources = this.sources;
    this.sources = null;
    await sources?.close();
    this.#calling(false);
  }

  #calling(on) {
    this.form.hidden = on;
    byId("hearing").hidden = !on;
    byId("bar").hidden = false;
    byId("hang-up").hidden = !on;
    byId("listen").parentElement.hidden = !on || this.form.elements.source.value === "microphone";
    byId("live-link").textContent = on ? "Live page" : "What happened";
    if (on) byId("live-link").hidden = true;
  }

  #show(kind, label) {
    const badge = byId("state");
    badge.className = `badge badge-${kind}`;
    badge.textContent = label;
  }

  #tell() {
    if (this.started === undefined) return;
    byId("clock").textContent = clock(((performance.now() - this.started) / 1000) * TICKS_PER_SECOND);
  }

  #trouble(message, retryAfter) {
    const place = byId("trouble");
    place.hidden = !message;
    if (!message) return;
    const again = retryAfter ? ` Another try makes sense in ${retryAfter} s.` : "";
    place.replaceChildren(el("strong", {}, message), again);
  }

  #listen() {
    if (this.sources) this.sources.audible = byId("listen").checked;
  }

  #choose() {
    const isMicrophone = this.form.elements.source.value === "microphone";
    byId("devices").hidden = !isMicrophone;
    if (isMicrophone) this.#listDevices();
  }

  async #listDevices() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const inputs = devices.filter((one) => one.kind === "audioinput" && one.deviceId && one.label);
    for (const select of [byId("agent-device"), byId("customer-device")]) {
      const chosen = select.value;
      for (const old of select.querySelectorAll("[data-device]")) old.remove();
      for (const { deviceId, label } of inputs) {
        select.append(el("option", { value: deviceId, "data-device": true }, label));
      }
      if ([...select.options].some((option) => option.value === chosen)) select.value = chosen;
    }
  }

  #key(event) {
    const isTyping = event.target.matches?.("input:not([type=checkbox], [type=radio]), select, textarea");
    if (!byId("use-keys").checked || isTyping || event.ctrlKey || event.altKey || event.metaKey) return;
    const act = { u: () => this.cards.use(), d: () => this.cards.dismiss(), s: () => this.cards.openSource() }[event.key.toLowerCase()];
    if (act && this.cards.current) {
      event.preventDefault();
      act();
    }
  }
}

new Softphone();
