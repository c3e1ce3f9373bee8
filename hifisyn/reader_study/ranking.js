/* An answer of a study that ranks: for each case and question a rank of every image. */
const steps = study.trials.flatMap(trial => study.questions.map(question => ({trial, question})));
const NOUN = "rankings";

function emptyTrial() {
  const perQuestion = value => Object.fromEntries(study.questions.map(q => [q.key, value()]));
  return {comment: "", seconds: perQuestion(() => 0), ranks: perQuestion(() => ({}))};
}

const ranksOf = (step, from = answers) => from.trials[step.trial.id].ranks[step.question.key];
const finished = (step, from = answers) => step.trial.images.every(image => ranksOf(step, from)[image.id]);
const stepName = step => `Case ${study.trials.indexOf(step.trial) + 1}, ${step.question.title.toLowerCase()}`;

function addSeconds({trial, question}, passed) {
  const {seconds} = answers.trials[trial.id];
  seconds[question.key] = plus(seconds[question.key], passed);
}

function readStep({trial, question}, from, to) {
  to.seconds[question.key] = Number(from?.seconds?.[question.key]) || 0;
  for (const image of trial.images) {
    const rank = from?.ranks?.[question.key]?.[image.id];
    if (Number.isInteger(rank) && rank >= 1 && rank <= trial.images.length) to.ranks[question.key][image.id] = rank;
  }
}
