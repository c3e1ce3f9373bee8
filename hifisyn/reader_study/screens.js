/* The start and end screens, dialogs, and buttons. */
function showStatus(text) {
  document.querySelectorAll(".status").forEach(line => { line.textContent = text; });
}

let resolveAnswer = () => {};

// The event comes late: by then the next dialog may be open, which it must not answer.
byId("ask").addEventListener("close", () => {
  if (!byId("ask").open) resolveAnswer(byId("ask").returnValue === "yes");
});

function confirmWith(title, text, yes) {
  const dialog = byId("ask");
  resolveAnswer(false);
  byId("ask-title").textContent = title;
  byId("ask-text").textContent = text;
  byId("ask-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  byId("ask-no").focus();
  return new Promise(done => { resolveAnswer = done; });
}

function showScreen(name) {
  for (const id of ["start", "reading", "end"]) byId(id).hidden = id !== name;
  document.body.className = name;
  showStatus("");
}

function showEnd() {
  showScreen("end");
  const open = steps.filter(step => !finished(step));
  byId("thanks").textContent = open.length ? "Not finished yet" : "All cases are done. Thank you.";
  byId("open-text").textContent = open.length ? `${open.length} of ${steps.length} ${NOUN} are not finished:` : "";
  byId("open").replaceChildren(...open.map(step => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.textContent = stepName(step);
    button.addEventListener("click", () => goTo(steps.indexOf(step)));
    item.append(button);
    return item;
  }));
  byId("end-export").focus();
}

function showStart() {
  showScreen("start");
  byId("saved").replaceChildren(...savedAnswers().map(entry => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.textContent = `Continue as ${entry.reader.name}: ${countFinished(entry)} of ${steps.length} ${NOUN} done`;
    button.addEventListener("click", () => { answers = entry; begin(); });
    item.append(button);
    return item;
  }));
  byId("continue").hidden = !byId("saved").childElementCount;
  byId("name").focus();
}

byId("who").addEventListener("submit", event => {
  event.preventDefault();
  const name = byId("name").value.trim(), years = Number(byId("years").value);
  if (!name) { showStatus("Enter your name or initials."); return; }
  answers = savedAnswers().find(entry => storeKey(entry.reader.name) === storeKey(name)) ?? emptyAnswers(name, years);
  answers.reader.years = years;
  begin();
});
byId("file").addEventListener("change", event => {
  if (event.target.files.length) importAnswers(event.target.files[0]);
  event.target.value = "";
});
byId("comment").addEventListener("input", event => {
  answers.trials[currentStep().trial.id].comment = event.target.value;
  save();
});
byId("next").addEventListener("click", next);
byId("back").addEventListener("click", () => goTo(answers.step - 1));
byId("end-back").addEventListener("click", () => goTo(steps.length - 1));
byId("keys").addEventListener("click", () => byId("help").showModal());
document.querySelectorAll(".export").forEach(button => button.addEventListener("click", exportAnswers));
document.querySelectorAll(".leave").forEach(button => button.addEventListener("click", () => {
  save();
  answers = null;
  showStart();
}));
showStart();
