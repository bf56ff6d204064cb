// Who the agent is for the server: pairing by device code (RFC 8628), short tokens, sign-out.

import "./ext.js";
import { readPolicy } from "./prefs.js";

const CLIENT = "extension";
const DEVICE = "urn:ietf:params:oauth:grant-type:device_code";
/** A token that is good for less than this is renewed first. */
const SPARE_MS = 30_000;
const ANSWER_MS = 6000;
/** Where a voice may go without TLS: to this machine alone, as the extension's own policy has it. */
const LOCAL = /^http:\/\/(localhost|127\.0\.0\.1)(:|$)/;

/**
 * @typedef {{name: string, email: string, team: string, roles: string[]}} User
 * @typedef {{server: string, refresh: string, user: User}} Account `refresh` is empty where the server wants no sign-in
 * @typedef {{server: string, token: string, until: number}} Pass
 * @typedef {{server: string, device: string, code: string, page: string, whole: string, until: number,
 *   interval: number}} Pairing
 */

/** Why the server cannot be used, with the key of its text. */
export class AccountError extends Error {
  /** @param {string} code @param {string} [detail] */
  constructor(code, detail = "") {
    super(detail || code);
    this.code = code;
    this.detail = detail;
  }
}

/** The server that is used and who is signed in there. @returns {Promise<Account | undefined>} */
export async function account() {
  const [own, { server }] = await Promise.all([ext.load("local", "account"), readPolicy()]);
  return own && (!server || own.server === server) ? own : undefined;
}

/** Whether a call can be begun; `trouble` names the part of the options that helps. */
export async function meet() {
  const known = await account();
  return known ? {} : { trouble: "welcome" };
}

/**
 * Server and a token that is good for now.
 * @param {string} [refused] a token that the server does not take, whatever our clock says of it
 * @returns {Promise<{server?: string, token?: string | null, trouble?: string, detail?: string}>}
 */
export async function access(refused) {
  const known = await account();
  if (!known) return { trouble: "signedOut" };
  if (!known.refresh) return { server: known.server, token: null };
  /** @type {Pass | undefined} */
  const pass = await ext.load("session", "pass");
  const good = pass?.server === known.server && pass.token !== refused && pass.until > Date.now() + SPARE_MS;
  if (good) return { server: known.server, token: pass.token };
  try {
    return { server: known.server, token: await renew(known) };
  } catch (error) {
    if (!(error instanceof AccountError)) throw error;
    return { trouble: error.code, detail: error.detail };
  }
}

/** @type {Promise<string> | null} One at a time: an old refresh token used again would end it all. */
let renewing = null;

/** @param {Account} known */
function renew(known) {
  renewing ??= (async () => {
    const answer = await post(known.server, "token", { grant_type: "refresh_token", refresh_token: known.refresh, client_id: CLIENT });
    if (answer.error) {
      await forget();
      throw new AccountError("signedOut", answer.error_description);
    }
    return keep(known.server, answer);
  })().finally(() => { renewing = null; });
  return renewing;
}

/**
 * Looks whether a copilot answers there, and whether it wants a sign-in; throws an AccountError.
 * @param {string} server
 * @returns {Promise<boolean>} true: nobody needs to sign in
 */
export async function visit(server) {
  if (!server) throw new AccountError("badAddress");
  if (!server.startsWith("https:") && !LOCAL.test(server)) throw new AccountError("insecure");
  const response = await request(`${server}/auth/me`);
  if (response.status === 401) return false;
  const me = await response.json().catch(() => null);
  if (!response.ok || !me?.team) throw new AccountError("notCopilot", `HTTP ${response.status}`);
  await ext.save("local", "account", { server, refresh: "", user: me });
  return true;
}

/** Begins a pairing; the code is then approved in the console. @param {string} server @returns {Promise<Pairing>} */
export async function pair(server) {
  const answer = await post(server, "device", { client_id: CLIENT });
  if (!answer.device_code) throw new AccountError("notCopilot", answer.error_description);
  return {
    server, device: answer.device_code, code: answer.user_code, page: answer.verification_uri,
    whole: answer.verification_uri_complete ?? answer.verification_uri,
    until: Date.now() + 1000 * answer.expires_in, interval: answer.interval ?? 5,
  };
}

/**
 * Asks until the code is approved; throws an AccountError where it is refused or too old.
 * @param {Pairing} pairing @param {AbortSignal} stop
 * @returns {Promise<boolean>} false: stopped
 */
export async function approved(pairing, stop) {
  let seconds = pairing.interval;
  while (!stop.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
    if (stop.aborted) return false;
    if (Date.now() > pairing.until) throw new AccountError("codeExpired");
    const answer = await post(pairing.server, "token", { grant_type: DEVICE, device_code: pairing.device, client_id: CLIENT })
      .catch((error) => { if (error.code !== "unreachable") throw error; return { error: "authorization_pending" }; });
    switch (answer.error) {
      case undefined: await keep(pairing.server, answer); return true;
      case "authorization_pending": break;
      case "slow_down": seconds += 5; break;
      case "expired_token": throw new AccountError("codeExpired");
      case "access_denied": throw new AccountError("codeRefused");
      default: throw new AccountError("notCopilot", answer.error_description);
    }
  }
  return false;
}

/** Revokes the whole family of tokens, and forgets them even where the server does not answer. */
export async function signOut() {
  const known = await account();
  await forget();
  if (known?.refresh) await post(known.server, "revoke", { token: known.refresh }).catch(() => {});
}

async function forget() {
  await Promise.all([ext.save("local", "account", undefined), ext.save("session", "pass", undefined)]);
}

/** @param {string} server @param {any} answer @returns {Promise<string>} the token */
async function keep(server, { access_token: token, refresh_token: refresh, expires_in: seconds, user }) {
  if (!token || !refresh) throw new AccountError("notCopilot");
  const known = await account();
  await ext.save("local", "account", { server, refresh, user: user ?? known?.user });
  await ext.save("session", "pass", { server, token, until: Date.now() + 1000 * seconds });
  return token;
}

/** @param {string} server @param {string} what @param {Record<string, string>} form @returns {Promise<any>} */
async function post(server, what, form) {
  const response = await request(`${server}/auth/${what}`, { method: "POST", body: new URLSearchParams(form) });
  if (response.status >= 500 || response.status === 429) throw new AccountError("unreachable", `HTTP ${response.status}`);
  const answer = await response.json().catch(() => null);
  if (answer === null && !response.ok) throw new AccountError("notCopilot", `HTTP ${response.status}`);
  return response.ok ? answer ?? {} : { error: "refused", error_description: answer?.detail, ...answer };
}

/** @param {string} url @param {RequestInit} [more] */
async function request(url, more = {}) {
  const headers = { Accept: "application/json" };
  try {
    return await fetch(url, { headers, credentials: "omit", redirect: "error", signal: AbortSignal.timeout(ANSWER_MS), ...more });
  } catch {
    throw new AccountError(url.startsWith("https:") ? "unreachableSecure" : "unreachable");
  }
}
