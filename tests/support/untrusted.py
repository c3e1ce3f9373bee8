"""Cases with a registration that is not trusted, as their records say."""

from pathlib import Path

from hifisyn.files import write_json
from hifisyn.json_files import read_json
from hifisyn.preprocessing.registration_checks import Checks

TRUSTED = Checks(1.0, 0.98, 0.64, 0.28, 1.02, 1.08, 0.45)
DOUBTFUL = Checks(1.0, 0.98, 0.33, 0.28, 1.02, 1.03, 0.6)
FAILED = Checks(1.0, 0.98, 0.28, 0.28, 1.02, 1.01, 0.98)


def doubt(record: Path, modality: str, checks: Checks = DOUBTFUL) -> None:
    """Let a record, CASE.json of a store, say that the registration of a contrast is not trusted."""
    content = read_json(record)
    scans = content.setdefault("scans", {})
    scans.setdefault(modality, {})["checks"] = dict(vars(checks))
    write_json(record, content)
