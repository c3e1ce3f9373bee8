"""The slots of the Brain Memory Bank as a plan has them (HiFi-Syn Fig. 3): whose they are, who reads, who updates."""

from hifisyn.figures import style
from hifisyn.figures.svg import FAINT, PAPER, Box, Drawing, hex_colour
from hifisyn.methods.hifisyn.settings import HiFiSynSettings, MemorySettings
from hifisyn.plans import Plans
from hifisyn.settings import checked

GLOBAL = "global"
WIDTH, HEIGHT = 720, 400
LEFT, TOP, RIGHT = 150, 66, 712  # of the table of slots
ROW, GAP, BETWEEN = 30, 8, 10
GLOBAL_COLOUR = "#d9d9d9"


def slots_drawing(plans: Plans) -> str:
    """Return the drawing as SVG.

    Args:
        plans: of a HiFi-Syn with a bank.
    """
    settings = checked(HiFiSynSettings, plans.settings, within="settings")
    memory = settings.memory
    drawing = Drawing(WIDTH, HEIGHT, "Slots of the Brain Memory Bank")
    counts = {name: count for name, count in memory.slots.items() if count}
    counts |= {GLOBAL: memory.global_slots} if memory.global_slots else {}
    drawing.words(8, 20, f"Brain Memory Bank: {memory.total} slots", bold=True, anchor="start")
    spans = _table(drawing, counts, plans, settings)
    below = TOP + (ROW + GAP) * (1 + len(plans.modalities)) + 4
    pixel = _pixel_of(counts)
    _reads(drawing, spans, pixel, memory, below)
    _update(drawing, memory, pixel, below + 128)
    return drawing.text()


def _table(drawing: Drawing, counts: dict[str, int], plans: Plans, settings: HiFiSynSettings) -> dict[str, Box]:
    """Draw a row of keys and a row of values for each contrast; return where the slots of each class stand."""
    free = RIGHT - LEFT - BETWEEN * (len(counts) - 1)
    side = free / sum(counts.values())
    rows = [("keys", f"{settings.networks.content_width} entries", TOP)]
    for number, contrast in enumerate(plans.modalities, 1):
        rows.append((f"values {contrast}", f"{settings.memory.value_width} entries", TOP + number * (ROW + GAP)))
    for name, entries, top in rows:
        drawing.words(LEFT - 10, top + ROW / 2 - 2, name, anchor="end", bold=True)
        drawing.words(LEFT - 10, top + ROW / 2 + 13, entries, anchor="end")
    spans: dict[str, Box] = {}
    left = float(LEFT)
    for name, count in counts.items():
        spans[name] = Box(left, TOP, side * count, (ROW + GAP) * len(rows) - GAP)
        fill = GLOBAL_COLOUR if name == GLOBAL else hex_colour(style.structure_colour(plans.labels[name]), 0.7)
        for *_, top in rows:
            for slot in range(count):
                drawing.box(Box(left + slot * side + 1, top, side - 2, ROW), fill=fill)
        _name(drawing, spans[name], name, count)
        left += side * count + BETWEEN
    return spans


def _name(drawing: Drawing, span: Box, name: str, count: int) -> None:
    """Write the name of a class above its slots, and their number above that."""
    drawing.words(span.middle[0], TOP - 24, str(count), bold=True)
    drawing.words(span.middle[0], TOP - 8, name if 7 * len(name) < span.width + BETWEEN else name[:4] + ".")


def _pixel_of(counts: dict[str, int]) -> str:
    """Return the class of the pixel whose read is shown: grey matter where there is any."""
    return "GM" if "GM" in counts else next(iter(counts))


def _reads(drawing: Drawing, spans: dict[str, Box], pixel: str, memory: MemorySettings, top: float) -> None:
    """Mark the slots that a pixel reads in training, where its label is known, and in testing."""
    trained = [spans[name] for name in dict.fromkeys((pixel, GLOBAL)) if name in spans]
    tested = [span for name, span in spans.items() if memory.test_read == "all" or name == GLOBAL]
    share = f"{1 - memory.p_unlabelled:.0%} of the steps"
    for number, (title, note, marked) in enumerate(
        (
            (f"{pixel} pixel, training", share, trained),
            ("any pixel, testing", "label unseen", tested),
        )
    ):
        y = top + 14 + 44 * number
        drawing.words(LEFT - 10, y + 2, title, anchor="end", bold=False)
        drawing.words(LEFT - 10, y + 17, note, anchor="end", colour=FAINT)
        for span in marked:
            drawing.box(Box(span.left, y - 8, span.width, 20), ["reads"] if span.width > 40 else [], fill=PAPER)
    y = top + 14 + 44 * 2 - 8
    drawing.words(
        LEFT, y, f"weights: softmax of cos(query, key) / {memory.tau_r:g} over what is read (eq. 1);", anchor="start"
    )
    scale = " sqrt(V) x" if memory.scaled_read else ""
    drawing.words(LEFT, y + 17, f"S ={scale} their sum of the target's values (eq. 3)", anchor="start")


def _update(drawing: Drawing, memory: MemorySettings, pixel: str, top: float) -> None:
    """Say how a slot moves after a step."""
    lines = [
        f"After each step a {pixel} pixel moves the nearest {pixel} slot and the nearest global slot (eq. 4 to 6):",
        f"item = {memory.rho:g} x item + {1 - memory.rho:g} x mean of its pixels, then scaled to length 1"
        + ("; less of the first items." if memory.warm_up else "."),
        "The mean is weighted by softmax of cos(query, key) / "
        f"{memory.tau_u:g} over {'its own' if memory.update_pixels == 'assigned' else 'all'} pixels.",
    ]
    if memory.reseed_after:
        lines.append(f"A slot that no pixel chooses in {memory.reseed_after} steps begins anew from a random pixel.")
    for number, line in enumerate(lines):
        drawing.words(8, top + 14 + 18 * number, line, anchor="start", bold=False)
