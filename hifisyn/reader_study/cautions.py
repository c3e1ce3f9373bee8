"""Where the findings of a study must be read with caution."""

from hifisyn.reader_study.findings import Findings

FEW_READERS, FEW_CASES, FEW_REPEATS = 3, 10, 5


def write_cautions(findings: Findings) -> list[str]:
    """Return a sentence for each caution."""
    cautions = []
    if findings.readers == 1:
        cautions.append("One reader: agreement between readers is unknown, and the ranks are one person's opinion.")
    elif findings.readers < FEW_READERS:
        cautions.append(f"{findings.readers} readers are few: another reader may rank differently.")
    if findings.cases < FEW_CASES:
        cautions.append(f"{findings.cases} cases are few: only large differences between models can be shown.")
    if any(test.k == 2 for test in findings.tests.values()):
        cautions.append("Friedman's test does not apply to two models; p is of Wilcoxon's signed-rank test over cases.")
    repeats = int(findings.repeats["trials"].max()) if len(findings.repeats) else 0
    if 0 < repeats < FEW_REPEATS:
        cautions.append(f"{repeats} repeated views are few: agreement within readers is a rough figure.")
    return cautions
