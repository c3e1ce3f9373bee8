/* From case to case, and the keys that all studies share; each has KEYS of its own, drawTrial, next and refocus. */
function begin() {
  showScreen("reading");
  save();
  goTo(answers.step);
}

function goTo(step) {
  tick();
  answers.step = clamp(step, 0, steps.length);
  save();
  if (answers.step === steps.length) { showEnd(); return; }
  showScreen("reading");
  drawTrial();
}

const SHARED = {
  Enter: () => next(), n: () => goTo(answers.step + 1), p: () => goTo(answers.step - 1),
  "+": () => zoomAt(1.25), "=": () => zoomAt(1.25), "-": () => zoomAt(0.8),
  w: () => { view.window -= 5; show(); }, W: () => { view.window += 5; show(); },
  l: () => { view.level -= 3; show(); }, L: () => { view.level += 3; show(); },
  r: () => resetView(), c: () => byId("comment").focus(), e: exportAnswers, "?": () => byId("help").showModal(),
};
const PANS = {ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};

addEventListener("keydown", event => {
  if (byId("reading").hidden || document.querySelector("dialog[open]")) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, textarea")) {
    if (event.key === "Escape") refocus();
    return;
  }
  if (event.key === "Enter" && event.target.matches("button")) return;
  const pan = event.shiftKey && PANS[event.key], act = KEYS[event.key] ?? SHARED[event.key];
  if (pan) { view.x += 0.1 * pan[0]; view.y += 0.1 * pan[1]; show(); }
  else if (act) act();
  else return;
  event.preventDefault();
});
for (const kind of ["keydown", "pointermove", "pointerdown", "wheel"]) addEventListener(kind, tick, {passive: true});
addEventListener("visibilitychange", () => { if (document.hidden) tick(); else clock = performance.now(); });
addEventListener("pagehide", () => { if (answers) save(); });
