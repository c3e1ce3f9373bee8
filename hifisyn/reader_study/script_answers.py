"""The script of the page, first part: the reader's answers, kept in the browser, exported to a file and read back."""

SCRIPT_ANSWERS = r"""
"use strict";
const byId = id => document.getElementById(id);
const study = JSON.parse(byId("study").textContent);
const steps = study.trials.flatMap(trial => study.questions.map(question => ({trial, question})));
const STORE = `reader study ${study.id} `, IDLE_MS = 120000;
let answers = null, clock = 0;

function freshAnswers(name, years) {
  const empty = value => Object.fromEntries(study.questions.map(q => [q.key, value()]));
  const trials = study.trials.map(t => [t.id, {comment: "", seconds: empty(() => 0), ranks: empty(() => ({}))}]);
  return {format: 1, study: study.id, reader: {name, years}, started: new Date().toISOString(), step: 0,
    trials: Object.fromEntries(trials)};
}

const ranksOf = (step, from = answers) => from.trials[step.trial.id].ranks[step.question.key];
const finished = (step, from = answers) => step.trial.images.every(image => ranksOf(step, from)[image.id]);
const countFinished = from => steps.filter(step => finished(step, from)).length;
const unfinishedTrials = () =>
  study.trials.filter(trial => steps.some(step => step.trial === trial && !finished(step)));

/* Time counts while a case is on the screen; of a longer pause without any input only two minutes. */
function tick() {
  const now = performance.now(), passed = Math.min(now - clock, IDLE_MS);
  if (answers && clock && !byId("reading").hidden && steps[answers.step]) {
    const {trial, question} = steps[answers.step], seconds = answers.trials[trial.id].seconds;
    seconds[question.key] = Math.round(seconds[question.key] * 1000 + passed) / 1000;
  }
  clock = now;
}

const storeKey = name => STORE + name.trim().toLowerCase();

function save() {
  tick();
  try {
    localStorage.setItem(storeKey(answers.reader.name), JSON.stringify(answers));
  } catch {
    say("This browser cannot keep your progress. Export it before you close the page.");
  }
}

function saved() {
  const found = [];
  try {
    for (let i = 0; i < localStorage.length; i++) {
      const key = localStorage.key(i);
      if (key.startsWith(STORE)) found.push(checked(localStorage.getItem(key)));
    }
  } catch { /* no storage: nothing was kept */ }
  return found.filter(entry => typeof entry !== "string");
}

/* Return answers that fit this study, or in words what is wrong with the text. */
function checked(text) {
  let found;
  try { found = JSON.parse(text); } catch { return "This file holds no answers of a reader study."; }
  if (!found || typeof found !== "object" || !found.trials || typeof found.reader?.name !== "string")
    return "This file holds no answers of a reader study.";
  if (found.study !== study.id) return "This file belongs to another study.";
  const fresh = freshAnswers(found.reader.name, Number(found.reader.years) || 0);
  fresh.started = String(found.started);
  fresh.step = Math.min(Math.max(Math.trunc(found.step) || 0, 0), steps.length);
  for (const {trial, question} of steps) {
    const from = found.trials[trial.id], to = fresh.trials[trial.id];
    to.comment = String(from?.comment ?? "");
    to.seconds[question.key] = Number(from?.seconds?.[question.key]) || 0;
    for (const image of trial.images) {
      const rank = from?.ranks?.[question.key]?.[image.id];
      if (Number.isInteger(rank) && rank >= 1 && rank <= trial.images.length) to.ranks[question.key][image.id] = rank;
    }
  }
  return fresh;
}

async function exportAnswers() {
  save();
  const open = unfinishedTrials();
  if (open.length && !await ask(`${open.length} of ${study.trials.length} cases are not finished.`,
    "The file will be marked as partial, and the analysis leaves unfinished cases out. Your progress stays here.",
    "Export what there is")) return;
  const content = {...answers, exported: new Date().toISOString(), complete: !open.length,
    unfinished: open.map(trial => trial.id)};
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1)], {type: "application/json"}));
  const name = answers.reader.name.replace(/[^\p{L}\p{N}]+/gu, "_");
  link.download = `answers_${study.id}_${name}${open.length ? "_partial" : ""}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  say(`Saved as ${link.download}, where your browser puts downloads.`);
}

async function importAnswers(file) {
  const found = checked(await file.text());
  if (typeof found === "string") { say(found); return; }
  const here = saved().find(entry => storeKey(entry.reader.name) === storeKey(found.reader.name));
  if (here && !await ask(`This browser holds progress of ${here.reader.name}: ` +
    `${countFinished(here)} of ${steps.length} rankings.`,
    `The file holds ${countFinished(found)}. It takes the place of what is here.`, "Take the file")) return;
  answers = found;
  begin();
}
"""
