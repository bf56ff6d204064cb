// The server and a token for it, as the worker has them.

import "../ext.js";
import { Trouble } from "./trouble.js";

/**
 * Throws a Trouble.
 * @param {string | null} [refused] @returns {Promise<import("./whip.js").Access>}
 */
export async function access(refused) {
  const found = await ext.send({ to: "worker", what: "access", refused });
  if (!found?.server) throw new Trouble(found?.trouble ?? "signedOut", { detail: found?.detail });
  return found;
}
