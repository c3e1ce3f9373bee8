"""The script of the page, last part: start, end, questions to the reader, and the buttons."""

SCRIPT_SCREENS = r"""
function say(text) {
  document.querySelectorAll(".said").forEach(line => { line.textContent = text; });
}

let answered = () => {};

// The event comes late: by then the next question may be open, which it does not answer.
byId("ask").addEventListener("close", () => {
  if (!byId("ask").open) answered(byId("ask").returnValue === "yes");
});

function ask(title, text, yes) {
  const dialog = byId("ask");
  answered(false);
  byId("ask-title").textContent = title;
  byId("ask-text").textContent = text;
  byId("ask-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  byId("ask-no").focus();
  return new Promise(done => { answered = done; });
}

function screen(name) {
  for (const id of ["start", "reading", "end"]) byId(id).hidden = id !== name;
  document.body.className = name;
  say("");
}

function showEnd() {
  screen("end");
  const open = steps.filter(step => !finished(step));
  byId("thanks").textContent = open.length ? "Not finished yet" : "All cases are done. Thank you.";
  byId("open-text").textContent = open.length ? `${open.length} of ${steps.length} rankings are not finished:` : "";
  byId("open").replaceChildren(...open.map(step => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.textContent = `Case ${study.trials.indexOf(step.trial) + 1}, ${step.question.title.toLowerCase()}`;
    button.addEventListener("click", () => go(steps.indexOf(step)));
    item.append(button);
    return item;
  }));
  byId("end-export").focus();
}

function showStart() {
  screen("start");
  byId("known").replaceChildren(...saved().map(entry => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.textContent = `Continue as ${entry.reader.name}: ${countFinished(entry)} of ${steps.length} rankings done`;
    button.addEventListener("click", () => { answers = entry; begin(); });
    item.append(button);
    return item;
  }));
  byId("before").hidden = !byId("known").childElementCount;
  byId("name").focus();
}

byId("who").addEventListener("submit", event => {
  event.preventDefault();
  const name = byId("name").value.trim(), years = Number(byId("years").value);
  if (!name) { say("Wanted your name or initials, found none."); return; }
  answers = saved().find(entry => storeKey(entry.reader.name) === storeKey(name)) ?? freshAnswers(name, years);
  answers.reader.years = years;
  begin();
});
byId("file").addEventListener("change", event => {
  if (event.target.files.length) importAnswers(event.target.files[0]);
  event.target.value = "";
});
byId("comment").addEventListener("input", event => {
  answers.trials[here().trial.id].comment = event.target.value;
  save();
});
byId("next").addEventListener("click", next);
byId("back").addEventListener("click", () => go(answers.step - 1));
byId("end-back").addEventListener("click", () => go(steps.length - 1));
byId("keys").addEventListener("click", () => byId("help").showModal());
document.querySelectorAll(".export").forEach(button => button.addEventListener("click", exportAnswers));
document.querySelectorAll(".leave").forEach(button => button.addEventListener("click", () => {
  save();
  answers = null;
  showStart();
}));
showStart();
"""
