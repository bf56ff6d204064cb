// Who a customer is by the address of the call's own tab: rules that people write, and nothing of the page.

/** The longest id that the server takes. */
const MOST = 200;
/** The part without a rule of its own, where the URL Pattern Standard would take everything that follows. */
const BARE = /:customer(?![\w(])/g;
/** A question mark that begins parameters; behind an asterisk the standard takes it for "or nothing". */
const QUERY = /\?(?=[\w.-]+=)/;

/** Why a rule cannot be used, with the key of its text. */
export class RuleError extends Error {
  /** @param {"rulePattern" | "ruleSite" | "rulePart"} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/**
 * The URL pattern of a rule, as `https://phone.example.com/call/:customer` or `https://crm.example.com/*?id=:customer`; a
 * parameter may stand among others, and what the rule leaves out may be anything. Throws a RuleError.
 * @param {string} rule
 */
export function patternOf(rule) {
  const { protocol, hostname, port, pathname, search, hash } = parsed(rule);
  if (!/^https?$/.test(protocol) || !/^[\w.-]+$/.test(hostname)) throw new RuleError("ruleSite");
  if (![pathname, search, hash].some((part) => part.includes(":customer"))) throw new RuleError("rulePart");
  const ends = (/** @type {string} */ part) => part.replace(BARE, ":customer([^&\\/?#]+)");
  return new URLPattern({
    protocol, hostname, port, pathname,
    search: search && search !== "*" ? `{*&}?${ends(search)}{&*}?` : "*",
    hash: hash && hash !== "*" ? ends(hash) : "*",
  });
}

/** The site that a rule is for, as an origin; throws a RuleError. @param {string} rule */
export function siteOf(rule) {
  const { protocol, hostname, port } = patternOf(rule);
  return `${protocol}://${hostname}${port && `:${port}`}`;
}

/** The customer that an address names; empty where no rule finds one. @param {string[]} rules @param {string | undefined} url */
export function customerIn(rules, url) {
  for (const rule of url ? rules : []) {
    const found = usable(rule)?.exec(url);
    const parts = found && [found.pathname, found.search, found.hash].find(({ groups }) => groups.customer);
    if (parts) return plain(parts.groups.customer ?? "", parts === found.search);
  }
  return "";
}

/** The team's rules, and the agent's own for other sites. @param {string[]} team @param {string[]} own */
export function together(team, own) {
  const sites = team.map((rule) => usable(rule) && siteOf(rule));
  return [...team, ...own.filter((rule) => usable(rule) && !sites.includes(siteOf(rule)))];
}

/** @param {string} rule */
function parsed(rule) {
  try {
    return new URLPattern(rule.trim().replace(QUERY, "\\?"));
  } catch {
    throw new RuleError("rulePattern");
  }
}

/** @param {string} rule */
function usable(rule) {
  try {
    return patternOf(rule);
  } catch {
    return undefined;
  }
}

/** @param {string} part @param {boolean} form whether a plus stands for a space */
function plain(part, form) {
  const spaced = form ? part.replaceAll("+", " ") : part;
  let text = spaced;
  try {
    text = decodeURIComponent(spaced);
  } catch {
    // a percent sign that stands for itself
  }
  text = text.trim();
  return text.length <= MOST ? text : "";
}
