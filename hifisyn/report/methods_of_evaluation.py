"""The sentences of a methods paragraph on what was measured and tested, with the sources of the measures."""

from collections.abc import Sequence

from hifisyn.columns import CASE, DIRECTION, MODEL, SLICE
from hifisyn.downstream.measures import border_measures
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.evaluation.adapted_rows import adapted_rows, competes, rows_of_base, what_adapted_are
from hifisyn.evaluation.case_measures import CONFIDENCE, LESIONS, STRUCTURE
from hifisyn.evaluation.ceilings import ceiling_rows, what_ceilings_are
from hifisyn.evaluation.untrained import base_rows, what_base_is
from hifisyn.metrics.lesions import BRIGHT_SDS, RIM_MM
from hifisyn.preprocessing.steps import Tool
from hifisyn.report.collect import Facts
from hifisyn.report.collect_tasks import Downstream
from hifisyn.report.references import Citations
from hifisyn.report.results import FEWEST_MODELS
from hifisyn.report.words import counted, listed

ALPHA = 0.05


def evaluation(facts: Facts, cite: Citations) -> list[str]:
    """Return the sentences on image quality: on whom, by what, beside what."""
    table = facts.evaluated
    if table.empty:
        return []
    cases = sorted(set(table[CASE]))
    who = "held-out test" if facts.split == "test" else "validation"
    extras = [f"MS-SSIM {cite('ssim', 'ms_ssim')}"] if "ms_ssim" in table else []
    extras += ["the normalised mean squared error"] if "nmse" in table else []
    measures = listed(["PSNR", f"SSIM {cite('ssim')}", *extras])
    words = [
        f"Models were evaluated on {counted(facts.data.subjects(cases), f'{who} subject')} "
        f"({counted(len(cases), 'session')}) by {measures}, over whole slices and inside the brain, data range 2.",
        "Slices were averaged in their session, then sessions in their subject; spreads are over subjects.",
    ]
    base = base_rows(table[MODEL])
    baselines = [name for name in dict.fromkeys(table[MODEL]) if name not in (*facts.labels, *base)]
    if baselines:
        words.append(f"Baselines that change intensities only: {'; '.join(baselines)}.")
    if base:
        words.append(f"Not trained here: {what_base_is(base)[:-1]}; its tests are a family of their own.")
    if ceilings := ceiling_rows(table[MODEL]):
        words.append(what_ceilings_are(ceilings))
    if adapted := adapted_rows(table[MODEL]):
        words.append(what_adapted_are(adapted))
    return words


def details(facts: Facts, cite: Citations) -> list[str]:
    """Return the sentences on structure and sharpness, lesions and confidence, each where it was measured."""
    table, words = facts.evaluated, []
    known = {name for name in (*STRUCTURE, *LESIONS, *CONFIDENCE) if name in table and table[name].notna().any()}
    if known & set(STRUCTURE):
        words.append(
            f"Structure and sharpness were described by normalised mutual information {cite('nmi')}, the blur effect "
            f"{cite('blur')} of scikit-image {cite('scikit-image')}, the ratio of high-frequency energy, synthetic to "
            "true, and the stripes that offsets between slices leave in coronal and sagittal planes."
        )
    if known & set(LESIONS):
        bright = (
            f", and by the volume of FLAIR elsewhere above mean + {BRIGHT_SDS:g} standard deviations of white matter"
        )
        words.append(
            "Lesions were described by the sign and size of their contrast to the white matter "
            f"{RIM_MM[0]:g} to {RIM_MM[1]:g} mm around them{bright if 'bright_ml' in known else ''}."
        )
    if known & set(CONFIDENCE):
        words.append(
            "The error that a method expects was compared with the error that it made by their ratio in ten bins of "
            f"expected error {cite('calibration')}, the area under the sparsification error curve {cite('ause')} and "
            "Spearman's correlation."
        )
    return [*words, "These measures were not tested."] if words else []


def tests(facts: Facts, cite: Citations) -> list[str]:
    """Return the sentences on the tests of image quality."""
    table = facts.evaluated
    if table.empty or table[MODEL].nunique() < 2:
        return []
    words = [
        f"Each method was compared with {facts.reference} by the two-sided Wilcoxon signed-rank test "
        f"{cite('wilcoxon')}, paired by {facts.unit}, with Holm's correction {cite('holm')} and bootstrap intervals "
        f"of differences {cite('bca')}."
    ]
    if facts.unit == SLICE:
        return [*words, "Slices of a subject are not independent, so these p-values are too small."]
    subjects = facts.data.subjects(set(table[CASE]))
    family = table[~table[MODEL].isin([*rows_of_base(table[MODEL]), *ceiling_rows(table[MODEL])])]
    tests = int(family.groupby(DIRECTION)[MODEL].nunique().max()) - 1
    least = min(2.0 ** (1 - subjects) * tests, 1.0)
    if least > ALPHA:
        words.append(
            f"With {counted(subjects, 'subject')} and {counted(tests, 'test')} p is at least {least:.2g} after the "
            f"correction, so none could reach {ALPHA:g}."
        )
    ranked = [label for label in facts.labels if competes(label)]
    models = table[table[MODEL].isin(ranked)].groupby(DIRECTION)[MODEL].nunique()
    if models.max() >= FEWEST_MODELS:
        words.append(
            f"Models were ranked within each subject and compared by Friedman's test {cite('friedman')} with Nemenyi's "
            f"post-hoc test {cite('nemenyi')}."
        )
    return words


def downstream(facts: Facts, cite: Citations) -> list[str]:
    """Return the sentences on downstream tasks."""
    words = []
    if tissue := facts.downstream_of(DownstreamTask.TISSUE):
        tools = sorted({str(entry.settings.get("tool") or "the same tool") for entry in tissue})
        programs = {entry.settings.get("program") for entry in tissue}
        cited = [program for program in (Tool.FAST, Tool.ATROPOS) if program in programs]
        source = f" {cite(*cited)}" if cited else ""
        measures = [f"Dice {cite('dice')}", f"volumetric similarity {cite('vs')}"]
        if any(border_measures(entry.cases) for entry in tissue):
            measures.append(f"the 95th percentile of the distances of their borders (HD95) {cite('hd95')}")
        words.append(
            f"Real and synthetic scans were segmented into tissues with {listed(tools)}{source} and compared by "
            f"{listed(measures)}."
        )
    if lesion := facts.downstream_of(DownstreamTask.LESION):
        words.append(
            f"{_networks(lesion)} {cite('nnunet')}, trained on real scans of the training subjects, segmented "
            f"lesions on real and on synthetic scans; both were compared with the reference by Dice {cite('dice')}."
        )
    if augment := facts.downstream_of(DownstreamTask.AUGMENT):
        words.append(
            f"{_networks(augment)} {cite('nnunet')} was trained on real scans alone, and on real scans and "
            f"synthetic copies, and compared on real scans by Dice {cite('dice')}."
        )
    return words


def _networks(entries: Sequence[Downstream]) -> str:
    """Return the networks of a task, each with its training in brackets."""
    settings = [entry.settings for entry in entries]
    trained = sorted({(str(s.get("network") or "nnU-Net"), str(s.get("training") or "")) for s in settings})
    return listed([f"{network} ({training})" if training else network for network, training in trained])
