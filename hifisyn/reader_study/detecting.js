/* One image at a time: is there a lesion, and where. A click, or the arrow keys, put a cross on it. */
const steps = study.trials.map(trial => ({trial}));
const NOUN = "images", STEP = 0.02, MIDDLE = [0.5, 0.5], SLIP = 5;

const emptyTrial = () => ({comment: "", seconds: 0, lesion: null, at: null});
const answerOf = (step, from = answers) => from.trials[step.trial.id];
const finished = (step, from = answers) => {
  const {lesion, at} = answerOf(step, from);
  return lesion === false || (lesion === true && at !== null);
};
const stepName = step => `Image ${steps.indexOf(step) + 1}`;

function addSeconds(step, passed) {
  const answer = answerOf(step);
  answer.seconds = plus(answer.seconds, passed);
}

function readStep(step, from, to) {
  to.seconds = Number(from?.seconds) || 0;
  if (typeof from?.lesion === "boolean") to.lesion = from.lesion;
  const inside = value => Number.isFinite(value) && value >= 0 && value <= 1;
  if (to.lesion && Array.isArray(from.at) && from.at.length === 2 && from.at.every(inside)) to.at = from.at;
}

function drawTrial() {
  const {trial} = currentStep();
  const figure = tile(trial.target, [trial.png], "candidate"), cross = document.createElement("div");
  cross.className = "cross";
  figure.querySelector(".frame").append(cross);
  figure.tabIndex = 0;
  figure.addEventListener("pointerdown", event => {
    const frame = event.target.closest(".frame");
    if (!frame || event.button !== 0) return;
    const box = frame.getBoundingClientRect();
    follow(event, () => {}, last => {
      const moved = Math.hypot(last.clientX - event.clientX, last.clientY - event.clientY);
      if (last.type !== "pointerup" || moved >= SLIP) return;
      put([((last.clientX - box.left) / box.width - view.x) / view.zoom,
        ((last.clientY - box.top) / box.height - view.y) / view.zoom]);
    });
  });
  grid.replaceChildren(figure);
  resetView(["zoom", "x", "y"]);
  byId("position").textContent = `Image ${answers.step + 1} of ${steps.length}: ${trial.target}`;
  byId("comment").value = answerOf(currentStep()).comment;
  drawAnswer();
  fillScreen();
  refocus();
}

function drawAnswer() {
  const step = currentStep(), {lesion, at} = answerOf(step), cross = grid.querySelector(".cross");
  cross.hidden = at === null;
  if (at) ["--cross-x", "--cross-y"].forEach((name, i) => cross.style.setProperty(name, at[i]));
  byId("yes").setAttribute("aria-pressed", lesion === true);
  byId("no").setAttribute("aria-pressed", lesion === false);
  byId("said").textContent = lesion === null ? "No answer yet." : !lesion ? "No lesion." :
    at ? "A lesion, where the cross is." : "A lesion: click its middle, or move a cross there with the arrow keys.";
  const done = countFinished(answers);
  byId("progress").value = done;
  byId("progress").max = steps.length;
  byId("done").textContent = `${done} of ${steps.length} images done`;
  byId("next").classList.toggle("ready", finished(step));
}

function say(lesion, at) {
  Object.assign(answerOf(currentStep()), {lesion, at});
  showStatus("");
  save();
  drawAnswer();
  refocus();
}

const put = place => say(true, place.map(value => Math.round(clamp(value, 0, 1) * 10000) / 10000));

/* The first arrow puts the cross into the middle of what is shown. */
function move(dx, dy) {
  const {at} = answerOf(currentStep()), step = STEP / view.zoom;
  if (at) put([at[0] + dx * step, at[1] + dy * step]);
  else put([(MIDDLE[0] - view.x) / view.zoom, (MIDDLE[1] - view.y) / view.zoom]);
}

function next() {
  const {lesion} = answerOf(currentStep());
  if (finished(currentStep())) goTo(answers.step + 1);
  else if (lesion) showStatus("Say where: click the lesion, or move the cross with the arrow keys.");
  else showStatus("Say whether there is a lesion: Y or a click on it, or N. Shift+N continues without an answer.");
}

const refocus = () => grid.querySelector(".candidate").focus({preventScroll: true});
const yes = () => say(true, answerOf(currentStep()).at), no = () => say(false, null);
const KEYS = {
  y: yes, n: no, N: () => goTo(answers.step + 1),
  ArrowLeft: () => move(-1, 0), ArrowRight: () => move(1, 0), ArrowUp: () => move(0, -1), ArrowDown: () => move(0, 1),
  Backspace: () => say(null, null), Delete: () => say(null, null),
};
byId("yes").addEventListener("click", yes);
byId("no").addEventListener("click", no);
