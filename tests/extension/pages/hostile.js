// Plays the customer; throws out what is not the page's own; keeps all keys and clicks to itself.
document.getElementById("remote").play();
globalThis.thrown = 0;
const own = new Set(document.documentElement.children);
let patience = 3;
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) {
    for (const node of addedNodes) {
      if (own.has(node) || patience-- <= 0) continue;
      node.remove();
      thrown += 1;
    }
  }
}).observe(document.documentElement, { childList: true });
for (const type of ["click", "pointerdown", "keydown"]) {
  document.addEventListener(type, (event) => { if (event.target.localName !== "call-copilot") event.preventDefault(); });
}
