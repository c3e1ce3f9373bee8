/* Ranking with keys, mouse and drag. */
const letter = index => String.fromCharCode(65 + index);
let selected = 0, typed = {at: 0, index: -1}, shownTrial = null;

function drawTrial() {
  const {trial, question} = currentStep(), number = study.trials.indexOf(trial) + 1;
  if (trial !== shownTrial) {
    shownTrial = trial;
    const references = trial.references.map(r => tile(r.label, [r.png], "reference"));
    const candidates = trial.images.map((image, i) =>
      tile(letter(i), [image.png, trial.references[0].png], "candidate"));
    candidates.forEach((figure, i) => {
      const rank = document.createElement("span");
      rank.className = "rank";
      figure.firstChild.append(rank);
      figure.tabIndex = 0;
      figure.addEventListener("focus", () => select(i, false));
      figure.addEventListener("pointerdown", event => {
        const onImage = event.target.closest(".frame");
        if (event.button === 0 && !(onImage && view.zoom > 1)) drag(event, i);
      });
    });
    grid.replaceChildren(...references, ...candidates);
    resetView(["zoom", "x", "y"]);
  }
  byId("question").textContent = question.title;
  byId("question-help").textContent = question.help;
  byId("position").textContent = `Case ${number} of ${study.trials.length}, ` +
    `question ${study.questions.indexOf(question) + 1} of ${study.questions.length}: ` +
    `${trial.target} generated from ${trial.source}`;
  byId("comment").value = answers.trials[trial.id].comment;
  drawLanes();
  fillScreen();
  select(0);
}

function drawLanes() {
  const step = currentStep(), ranks = ranksOf(step), count = step.trial.images.length;
  const lanes = [lane(0, "no rank yet", "")];
  lanes[0].style.flexGrow = Math.max(2, count / 2);
  for (let rank = 1; rank <= count; rank++) lanes.push(lane(rank, rank, rank === 1 ? "best" : ""));
  const figures = grid.querySelectorAll(".candidate");
  step.trial.images.forEach((image, i) => {
    const rank = ranks[image.id] ?? 0, chip = document.createElement("button");
    chip.type = "button";
    chip.className = "chip";
    chip.textContent = letter(i);
    chip.tabIndex = -1;
    chip.classList.toggle("chosen", i === selected);
    chip.addEventListener("pointerdown", event => { if (event.button === 0) drag(event, i); });
    lanes[rank].append(chip);
    figures[i].querySelector(".rank").textContent = rank || "–";
    figures[i].classList.toggle("ranked", rank > 0);
    figures[i].setAttribute("aria-label", `Image ${letter(i)}, ${rank ? `rank ${rank}` : "no rank yet"}`);
  });
  byId("lanes").replaceChildren(...lanes);
  const done = countFinished(answers);
  byId("progress").value = done;
  byId("progress").max = steps.length;
  byId("done").textContent = `${done} of ${steps.length} rankings done`;
  byId("next").classList.toggle("ready", finished(step));
}

function lane(rank, title, words) {
  const box = document.createElement("div"), name = document.createElement("b"), soft = document.createElement("span");
  box.className = "lane";
  box.dataset.rank = rank;
  name.textContent = title;
  soft.textContent = words;
  box.append(name, soft);
  box.addEventListener("click", event => { if (!event.target.closest(".chip")) setRank(selected, rank); });
  return box;
}

function select(index, focus = true) {
  const figures = grid.querySelectorAll(".candidate");
  selected = (index + figures.length) % figures.length;
  figures.forEach((figure, i) => figure.classList.toggle("chosen", i === selected));
  document.querySelectorAll(".chip").forEach(chip =>
    chip.classList.toggle("chosen", chip.textContent === letter(selected)));
  if (focus) figures[selected].focus({preventScroll: true});
}

/* Set the rank of an image; 0 removes it. */
function setRank(index, rank) {
  const step = currentStep(), id = step.trial.images[index].id;
  if (rank) ranksOf(step)[id] = rank; else delete ranksOf(step)[id];
  showStatus("");
  save();
  drawLanes();
}

/* With ten images or more, two digits typed within a second are one number. */
function typeDigit(digit) {
  const {images} = currentStep().trial, before = ranksOf(currentStep())[images[selected].id] ?? 0;
  const soon = performance.now() - typed.at < 1000 && typed.index === selected;
  const rank = soon && before * 10 + digit <= images.length ? before * 10 + digit : digit;
  typed = {at: performance.now(), index: selected};
  if (rank < 1 || rank > images.length) { showStatus(`Ranks go from 1 to ${images.length}.`); return; }
  setRank(selected, rank);
  const next = images.findIndex(image => !ranksOf(currentStep())[image.id]);
  if (images.length < 10 && next >= 0) select(next);
}

function drag(event, index) {
  event.preventDefault();
  select(index);
  const ghost = byId("ghost");
  const laneAt = at => document.elementFromPoint(at.clientX, at.clientY)?.closest(".lane");
  const over = box => document.querySelectorAll(".lane").forEach(l => l.classList.toggle("over", l === box));
  follow(event, moved => {
    if (Math.hypot(moved.clientX - event.clientX, moved.clientY - event.clientY) < 5 && ghost.hidden) return;
    ghost.hidden = false;
    ghost.textContent = letter(index);
    ghost.style.translate = `${moved.clientX}px ${moved.clientY}px`;
    over(laneAt(moved));
  }, last => {
    const box = ghost.hidden ? null : laneAt(last);
    ghost.hidden = true;
    over(null);
    if (box) setRank(index, Number(box.dataset.rank));
  });
}

function next() {
  const open = currentStep().trial.images.filter(image => !ranksOf(currentStep())[image.id]).length;
  if (open) showStatus(`${open} ${open > 1 ? "images have" : "image has"} no rank yet. Press N to continue anyway.`);
  else goTo(answers.step + 1);
}

const refocus = () => select(selected);
const KEYS = {
  ArrowRight: () => select(selected + 1), ArrowLeft: () => select(selected - 1),
  Backspace: () => setRank(selected, 0), Delete: () => setRank(selected, 0),
  s: () => grid.classList.add("source"),
  ...Object.fromEntries([..."0123456789"].map(digit => [digit, () => typeDigit(Number(digit))])),
};
addEventListener("keyup", event => { if (event.key === "s") grid.classList.remove("source"); });
addEventListener("blur", () => grid.classList.remove("source"));
