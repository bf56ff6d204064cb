// What can go wrong in a call, as something that a person can act on.

/**
 * @typedef {"unreachable" | "unreachableSecure" | "full" | "blocked" | "signedOut" | "forbidden" | "refused" | "microphone"
 *   | "tab" | "gone" | "notCopilot" | "broken" | "updated"} Code each has its texts in _locales: `trouble_CODE`
 */

export class Trouble extends Error {
  /**
   * @param {Code} code
   * @param {{detail?: string, retryAfter?: number}} [more] `detail`: what the other side said;
   *   `retryAfter`: seconds after which another try makes sense
   */
  constructor(code, { detail = "", retryAfter } = {}) {
    super(detail || code);
    this.code = code;
    this.detail = detail;
    this.retryAfter = retryAfter;
  }

  /** Whether the same again may succeed without anybody doing anything. */
  get passes() {
    return ["unreachable", "unreachableSecure", "full", "blocked"].includes(this.code);
  }
}

/**
 * What an answer that is no success means.
 * @param {Response} response
 * @returns {Promise<Trouble>}
 */
export async function refusal(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || undefined;
  const problem = await response.json().catch(() => ({}));
  const detail = problem.detail ?? problem.error_description ?? problem.title ?? `HTTP ${response.status}`;
  /** @type {Partial<Record<number, Code>>} */
  const codes = { 401: "signedOut", 403: "forbidden", 404: "gone", 502: "unreachable", 503: "full", 504: "unreachable" };
  return new Trouble(codes[response.status] ?? "refused", { detail, retryAfter });
}
