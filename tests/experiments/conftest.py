"""Experiments of these tests draw nothing, and never measure how long they would take."""

import pytest

from hifisyn.evaluation import output_files
from hifisyn.training import logbook, loop, summary


@pytest.fixture(autouse=True, scope="module")
def no_pictures():
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (loop, "write_sheets"),
            (summary, "write_sheets"),
            (logbook, "draw"),
            (output_files, "comparison_sheet"),
            (output_files, "boxes"),
        ):
            patch.setattr(module, name, lambda *args, **kwargs: None)
        patch.setattr(loop, "WORTH_MEASURING", 10**9)
        yield
