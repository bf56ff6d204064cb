// Notices when agent and customer seem to be mixed up, by what only an agent says.

/** Said by who takes a call at work, hardly ever by who makes one. */
const AGENT = [
  /\bthank(s| you) for (calling|contacting|waiting|holding)\b/, /\bhow (can|may) i (help|assist)\b/,
  /\bcan i (have|take|get) your (name|number|order|booking|postcode|date of birth)\b/,
  /\bis there anything else\b/, /\blet me (check|look) (that|this|it) (up )?for you\b/,
  /\bgracias por (llamar|su llamada)\b/, /\ben qué puedo ayudar/, /\balgo más en lo que\b/,
  /\bdanke für ihren anruf\b/, /\bwie kann ich (ihnen )?(weiter)?helfen\b/, /\bwas kann ich für sie tun\b/,
  /\bmerci (de votre|pour votre) appel\b/, /\b(comment|en quoi) puis-je vous aider\b/,
];
/** Only the beginning of a call is judged: about a minute and a half. */
const WITHIN_TICKS = 1100;

/**
 * Whether the customer's track sounds like the agent's, and the agent's does not.
 * @param {{party: string, start: number, text: string}[]} lines
 */
export function seemSwapped(lines) {
  const found = { agent: 0, customer: 0 };
  for (const { party, start, text } of lines) {
    if (start > WITHIN_TICKS) continue;
    const plain = text.toLowerCase();
    const hits = AGENT.filter((phrase) => phrase.test(plain)).length;
    if (party === "agent" || party === "customer") found[party] += hits;
  }
  return found.customer > 0 && found.agent === 0;
}
