/* The reader's answers: kept in the browser, exported to a file, imported from one. */
"use strict";
const byId = id => document.getElementById(id);
const study = JSON.parse(byId("study").textContent);
const steps = study.trials.flatMap(trial => study.questions.map(question => ({trial, question})));
const STORE = `reader study ${study.id} `, IDLE_MS = 120000;
let answers = null, clock = 0;

function emptyAnswers(name, years) {
  const perQuestion = value => Object.fromEntries(study.questions.map(q => [q.key, value()]));
  const trials = study.trials.map(t => [t.id, {comment: "", seconds: perQuestion(() => 0), ranks: perQuestion(() => ({}))}]);
  return {format: 1, study: study.id, reader: {name, years}, started: new Date().toISOString(), step: 0,
    trials: Object.fromEntries(trials)};
}

const ranksOf = (step, from = answers) => from.trials[step.trial.id].ranks[step.question.key];
const finished = (step, from = answers) => step.trial.images.every(image => ranksOf(step, from)[image.id]);
const countFinished = from => steps.filter(step => finished(step, from)).length;
const unfinishedTrials = () =>
  study.trials.filter(trial => steps.some(step => step.trial === trial && !finished(step)));

/* Time counts while a case is on the screen; a pause without input counts as two minutes at most. */
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
  for (const {trial, question} of steps) {
    const from = content.trials[trial.id], to = parsed.trials[trial.id];
    to.comment = String(from?.comment ?? "");
    to.seconds[question.key] = Number(from?.seconds?.[question.key]) || 0;
    for (const image of trial.images) {
      const rank = from?.ranks?.[question.key]?.[image.id];
      if (Number.isInteger(rank) && rank >= 1 && rank <= trial.images.length) to.ranks[question.key][image.id] = rank;
    }
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
    `${countFinished(existing)} of ${steps.length} rankings.`,
    `The file holds ${countFinished(parsed)}. It will replace the progress in this browser.`, "Use the file")) return;
  answers = parsed;
  begin();
}
