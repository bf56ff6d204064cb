// The overlay's stylesheet: in a shadow root it neither touches the page nor is touched by it.

var copilotStyle = `
:host { all: initial !important; display: block !important; direction: ltr !important; unicode-bidi: isolate !important; }
:where(.box, .box *) { box-sizing: border-box; margin: 0; padding: 0; }
.box {
  color-scheme: light dark;
  --surface: #ffffff; --sunken: #efede8; --ink: #1b1c20; --soft: #565a65; --line: #dedbd3; --edge: #85827a;
  --agent: #0d7a72; --customer: #a9541a; --accent: #5747d1; --on-accent: #ffffff; --accent-soft: #ebe8fc;
  --bad: #b3261e; --bad-soft: #fbe6e4; --good: #1a7440; --wait: #a9541a;
  position: fixed; z-index: 2147483647; inset: auto 16px 16px auto; height: auto; overflow: visible;
  display: flex; flex-direction: column;
  width: min(368px, calc(100vw - 16px)); max-height: calc(100vh - 16px);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  color: var(--ink); background: var(--surface); border: 1px solid var(--edge); border-radius: 12px;
  box-shadow: 0 1px 2px rgb(0 0 0 / 20%), 0 10px 32px rgb(0 0 0 / 24%);
}
@media (prefers-color-scheme: dark) {
  .box {
    --surface: #1c1e23; --sunken: #2a2d35; --ink: #ececf0; --soft: #b1b5c0; --line: #3a3e48; --edge: #7b7f8b;
    --agent: #4cc7bb; --customer: #f0a468; --accent: #aca0ff; --on-accent: #17142e; --accent-soft: #2a2648;
    --bad: #ff9d95; --bad-soft: #43201d; --good: #79d69b; --wait: #f0a468;
  }
}
@media (prefers-contrast: more) {
  .box { --soft: var(--ink); --line: var(--ink); --edge: var(--ink); border-width: 2px; }
}
.bar { display: flex; align-items: center; gap: 1px; min-height: 41px; padding: 6px 6px 6px 10px; border-bottom: 1px solid var(--line); touch-action: none; cursor: grab; flex: none; }
.bar:active { cursor: grabbing; }
.state { display: flex; align-items: center; gap: 6px; flex: 1; min-width: 0; font-size: 13px; font-weight: 650; line-height: 1.15; }
.state b { font-weight: 650; overflow-wrap: anywhere; }
.sign { width: 12px; height: 12px; flex: none; border-radius: 50%; border: 3px solid var(--soft); }
.live .sign { background: var(--good); border-color: var(--good); }
.wait .sign { border-radius: 3px; border-color: var(--wait); transform: rotate(45deg); }
.bad .sign { border-radius: 2px; border-color: var(--bad); background: var(--bad); }
.meters { display: grid; gap: 3px; width: 62px; flex: none; margin: 0 6px; }
.meter { display: grid; grid-template-columns: 12px 1fr; align-items: center; gap: 4px; font-size: 10px; font-weight: 700; line-height: 1; color: var(--soft); }
.meter i { display: block; height: 7px; border-radius: 4px; background: var(--sunken); overflow: hidden; }
.meter i i { height: 100%; transform: scaleX(0); transform-origin: left; background: var(--customer); border-radius: 0; }
.meter:first-child i i { background: var(--agent); }
button, a.button {
  font: inherit; font-size: 14px; font-weight: 550; color: inherit; cursor: pointer; text-decoration: none;
  display: inline-flex; align-items: center; justify-content: center; gap: 6px;
  min-height: 32px; padding: 3px 7px; border-radius: 8px; border: 1px solid var(--edge); background: transparent;
}
.box button.icon { border-color: transparent; padding: 0; width: 28px; min-height: 28px; flex: none; }
button[aria-pressed="true"] { background: var(--accent-soft); border-color: var(--accent); }
button:hover { background: var(--sunken); }
button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button.main:hover { filter: brightness(1.1); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
svg { width: 16px; height: 16px; fill: none; stroke: currentcolor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
.notes { display: grid; gap: 8px; }
.notes:empty, .cards:empty { display: none; }
.body { display: flex; flex-direction: column; gap: 10px; padding: 12px; overflow-y: auto; overscroll-behavior: contain; }
.box .note { padding: 8px 10px; border-radius: 8px; background: var(--sunken); border-left: 4px solid var(--edge); font-size: 13.5px; overflow-wrap: anywhere; }
.box .note.alert { background: var(--bad-soft); border-left-color: var(--bad); }
.note strong { font-weight: 650; display: block; }
.note .row { margin-top: 6px; }
.row { display: flex; flex-wrap: wrap; gap: 5px; align-items: center; }
.card { display: grid; gap: 8px; }
.card.new { animation: arrive 160ms ease-out; }
.line { font-size: 19px; line-height: 1.32; font-weight: 650; letter-spacing: -0.005em; overflow-wrap: anywhere; text-wrap: pretty; }
.line.long { font-size: 16px; }
/* however long it is, the buttons stay in sight, and the page too */
.card .line { max-height: min(13em, 40vh); overflow-y: auto; overscroll-behavior: contain; }
.card .why { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; }
.card .row { position: sticky; bottom: -12px; margin: -4px 0 -12px; padding: 4px 0 12px; background: var(--surface); }
.meta, .why { font-size: 13px; color: var(--soft); overflow-wrap: anywhere; }
.meta { display: flex; gap: 8px; align-items: baseline; }
.meta .title { flex: 1; font-weight: 600; color: var(--ink); }
.meta .support { white-space: nowrap; padding: 0 8px; border-radius: 99px; background: var(--accent-soft); color: var(--ink); font-weight: 600; }
.why q { font-style: italic; }
kbd { font: inherit; font-size: 11px; padding: 0 5px; border: 1px solid currentcolor; border-radius: 4px; opacity: 0.85; }
.line, .title, .why, .why q, .caption { unicode-bidi: plaintext; }
.leaving { color: var(--soft); }
.leaving .line { font-weight: 500; text-decoration: line-through; text-decoration-thickness: 1px; }
.quiet { color: var(--soft); font-size: 13.5px; }
.caption { display: flex; gap: 8px; font-size: 14px; }
.caption svg { margin-top: 2px; flex: none; color: var(--accent); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.box.small { width: auto; border-radius: 99px; }
.box.small .bar { border: 0; padding: 8px; gap: 0; }
.box.small .body, .box.small .meters, .box.small .state b, .box.small button.icon:not(.grow) { display: none; }
.box.small button.grow { width: 34px; min-height: 34px; border-radius: 50%; position: relative; }
.box:not(.small) button.grow { display: none; }
.box.small .state { flex: none; display: none; }
.grow .sign { width: 16px; height: 16px; }
.grow em { position: absolute; top: -4px; right: -6px; min-width: 18px; height: 18px; padding: 0 4px; border-radius: 99px; background: var(--accent); color: var(--on-accent); font-size: 11px; font-style: normal; font-weight: 700; line-height: 18px; }
[hidden] { display: none !important; }
@keyframes arrive { from { opacity: 0; transform: translateY(6px); } }
@media (max-width: 350px) {
  .box:not(.small) .bar:has(.meters:not([hidden])) { flex-wrap: wrap; row-gap: 4px; }
  .box:not(.small) .bar:has(.meters:not([hidden])) .state { flex-basis: 100%; min-height: 20px; }
  .box:not(.small) .meters { margin-right: auto; }
}
@media (prefers-reduced-motion: reduce) { .box * { animation: none !important; transition: none !important; } }
@media (forced-colors: active) {
  .sign, .meter i i, .meter:first-child i i { forced-color-adjust: none; background: CanvasText; border-color: CanvasText; }
  .wait .sign, .grow.wait .sign { background: Canvas; }
  .meter > i { outline: 1px solid CanvasText; }
  button.main { border-width: 2px; }
  button[aria-pressed="true"] { forced-color-adjust: none; background: Highlight; color: HighlightText; }
}
`;
globalThis.copilotStyle = copilotStyle;
