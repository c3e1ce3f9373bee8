/* The reader's answers: kept in the browser, exported to a file, imported from one. What an answer is, the file says that
   stands after this one: steps, NOUN, emptyTrial, finished, addSeconds, readStep, stepName. */
"use strict";
const byId = id => document.getElementById(id);
const study = JSON.parse(byId("study").textContent);
const STORE = `reader study ${study.id} `, IDLE_MS = 120000;
let answers = null, clock = 0;

function emptyAnswers(name, years) {
  return {format: 1, study: study.id, reader: {name, years}, started: new Date().toISOString(), step: 0,
    trials: Object.fromEntries(study.trials.map(trial => [trial.id, emptyTrial()]))};
}

const currentStep = () => steps[answers.step];
const countFinished = from => steps.filter(step => finished(step, from)).length;
const unfinishedTrials = () =>
  study.trials.filter(trial => steps.some(step => step.trial === trial && !finished(step, answers)));

/* Time counts while a case is on the screen; a pause without input counts as two minutes at most. */
function tick() {
  const now = performance.now(), passed = Math.min(now - clock, IDLE_MS);
  if (answers && clock && !byId("reading").hidden && steps[answers.step]) addSeconds(steps[answers.step], passed);
  clock = now;
}
const plus = (seconds, passed) => Math.round(seconds * 1000 + passed) / 1000;

const storeKey = name => STORE + name.trim().toLowerCase();

function save() {
  tick();
  try {
    localStorage.setItem(storeKey(answers.reader.name), JSON.stringify(answers));
  } catch {
    showStatus("This browser cannot save your progress. Export it before you close the page.");
  }
}

function savedAnswers() {
  const entries = [];
  try {
    for (let i = 0; i < localStorage.length; i++) {
      const key = localStorage.key(i);
      if (key.startsWith(STORE)) entries.push(parseAnswers(localStorage.getItem(key)));
    }
  } catch { /* no storage, no saved answers */ }
  return entries.filter(entry => typeof entry !== "string");
}

/* Return the answers of a file as answers to this study, or a message that says why they are none. */
function parseAnswers(text) {
  let content;
  try { content = JSON.parse(text); } catch { return "This file does not contain answers of a reader study."; }
  if (!content || typeof content !== "object" || !content.trials || typeof content.reader?.name !== "string")
    return "This file does not contain answers of a reader study.";
  if (content.study !== study.id) return "This file belongs to another study.";
  const parsed = emptyAnswers(content.reader.name, Number(content.reader.years) || 0);
  parsed.started = String(content.started);
  parsed.step = Math.min(Math.max(Math.trunc(content.step) || 0, 0), steps.length);
  for (const step of steps) {
    const from = content.trials[step.trial.id], to = parsed.trials[step.trial.id];
    to.comment = String(from?.comment ?? "");
    readStep(step, from, to);
  }
  return parsed;
}

async function exportAnswers() {
  save();
  const open = unfinishedTrials();
  if (open.length && !await confirmWith(`${open.length} of ${study.trials.length} cases are not finished.`,
    "The file will be marked as partial, and the analysis leaves out unfinished cases. Your progress stays in this browser.",
    "Export anyway")) return;
  const content = {...answers, exported: new Date().toISOString(), complete: !open.length,
    unfinished: open.map(trial => trial.id)};
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1)], {type: "application/json"}));
  const name = answers.reader.name.replace(/[^\p{L}\p{N}]+/gu, "_");
  link.download = `answers_${study.id}_${name}${open.length ? "_partial" : ""}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  showStatus(`Saved as ${link.download} in your downloads.`);
}

async function importAnswers(file) {
  const parsed = parseAnswers(await file.text());
  if (typeof parsed === "string") { showStatus(parsed); return; }
  const existing = savedAnswers().find(entry => storeKey(entry.reader.name) === storeKey(parsed.reader.name));
  if (existing && !await confirmWith(`This browser holds progress of ${existing.reader.name}: ` +
    `${countFinished(existing)} of ${steps.length} ${NOUN}.`,
    `The file holds ${countFinished(parsed)}. It will replace the progress in this browser.`, "Use the file")) return;
  answers = parsed;
  begin();
}
