"""The figures of the page by group, as data that the page carries itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hifisyn.columns import CASE
from hifisyn.figures.drawn_figure import FigureGroup
from hifisyn.pages.data_uri import picture_uri
from hifisyn.paths import ANALYSIS, RANKS_PNG, READER_STUDY
from hifisyn.report.collect import Facts
from hifisyn.report.section import Missing

PNG_BYTES, WIDTH_PIXELS, JPEG_QUALITY = 250_000, 1500, 86
OVERLAYS = 2  # of each task and direction
SMALL_GROUP = "Downstream tasks"
TITLES: dict[str, str] = {
    FigureGroup.COMPARISON: "Source, synthetic, target and error",
    FigureGroup.SEGMENTATION: "Segmentations side by side",
    FigureGroup.CONFIDENCE: "Confidence",
    FigureGroup.AFFINITY: "What content queries read",
    FigureGroup.EMBEDDING: "Content queries",
    FigureGroup.CURVES: "Training",
}


@dataclass(frozen=True)
class Picture:
    """A picture for the page.

    Attributes:
        path: of the PNG.
        title: a few words.
        caption: what it shows.
        group: pictures of one group stand together.
        link: address relative to the page, if the picture lies beside it; else "".
    """

    path: Path
    title: str
    caption: str
    group: str
    link: str = ""

    @cached_property
    def uri(self) -> str:
        """The picture as data; "" where it cannot be read."""
        return picture_uri(self.path, width=WIDTH_PIXELS, quality=JPEG_QUALITY, png_bytes=PNG_BYTES)


@dataclass(frozen=True)
class PictureGroup:
    """Pictures that stand together; small ones beside each other."""

    title: str
    small: bool
    pictures: tuple[Picture, ...]


def pictures(facts: Facts, shown: Sequence[Picture], *, drawn: bool) -> tuple[PictureGroup, ...] | Missing:
    """Return the pictures by group, without those that cannot be read; `drawn`: whether figures were to be drawn."""
    if not shown and drawn:
        return Missing("There is nothing to draw yet", f"hifisyn_train {facts.name} T1 T2 fold0")
    if not shown:
        return Missing("No figures were drawn", f"hifisyn_report -d {facts.name} --overwrite")
    return tuple(
        PictureGroup(
            TITLES.get(group, group),
            group == SMALL_GROUP,
            tuple(one for one in shown if one.group == group and one.uri),
        )
        for group in dict.fromkeys(one.group for one in shown)
    )


def overlays(facts: Facts) -> list[Picture]:
    """Return a few overlays of each downstream task, and the pictures of ablations and of a reader study."""
    found = [
        Picture(
            entry.picture, f"Ablation, {entry.name.replace('_', ' ')}", f"Compared on {entry.split} cases.", "Ablation"
        )
        for entry in facts.ablations
        if entry.picture.is_file()
    ]
    ranks = facts.roots.results / facts.name / READER_STUDY / ANALYSIS / RANKS_PNG
    if ranks.is_file():
        found.append(Picture(ranks, "Ranks by readers", "Mean ranks of a blinded study, 1 is best.", "Reader study"))
    for entry in facts.downstream:
        cases = [picture for picture in entry.pictures if picture.stem in set(entry.cases.get(CASE, ()))]
        for path in cases[:OVERLAYS]:
            title = f"{entry.task.capitalize()}, {entry.direction}: {path.stem}"
            caption = f"Model {entry.label}; segmented by {entry.settings.get('tool') or 'the tool of the task'}."
            found.append(Picture(path, title, caption, SMALL_GROUP))
    return found
