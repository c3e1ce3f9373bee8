"""The content of some pixels of each structure, which are the queries of the Brain Memory Bank (HiFi-Syn eq. 1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hifisyn.errors import UserError
from hifisyn.inference.predictor import Predictor
from hifisyn.slices import SliceStore

PER_STRUCTURE = 200
CASES, SLICES = 10, 6

Encode = Callable[[np.ndarray, str], np.ndarray]


@dataclass(frozen=True)
class Queries:
    """P pixels.

    Attributes:
        content: z^c of each, (P, C) float32, not normalised; or its dense attributes.
        structure: (P,) int64, its label value.
        modality: (P,) str, the contrast that it was seen in.
        case: (P,) str.
    """

    content: np.ndarray
    structure: np.ndarray
    modality: np.ndarray
    case: np.ndarray

    @property
    def cases(self) -> int:
        """How many cases the pixels come from."""
        return len(set(self.case.tolist()))

    def brain(self) -> "Queries":
        """Return those of labelled structures: background is one grey value, so its queries are nearly one point."""
        return self.at(self.structure > 0)

    def few(self, values: Sequence[int], per_structure: int = 2) -> "Queries":
        """Return the first queries of some structures in the first contrast, if possible of other cases.

        Which come first is a matter of the seed of the sample, not of a choice.

        Args:
            values: of the structures; those without queries are left out.
            per_structure: queries of each.
        """
        chosen: list[int] = []
        for value in values:
            own = np.flatnonzero((self.structure == value) & (self.modality == self.modality[0]))
            _, first = np.unique(self.case[own], return_index=True)
            order = dict.fromkeys([*sorted(first.tolist()), *range(len(own))])
            chosen += own[list(order)[:per_structure]].tolist()
        return self.at(np.array(chosen, dtype=np.int64))

    def at(self, places: np.ndarray) -> "Queries":
        """Return those at places, or where a mask is true."""
        return Queries(self.content[places], self.structure[places], self.modality[places], self.case[places])


def queries_of(
    predictor: Predictor,
    store: SliceStore,
    cases: Sequence[str],
    *,
    per_structure: int = PER_STRUCTURE,
    seed: int = 0,
    attributes: bool = False,
) -> Queries:
    """Encode a balanced sample of pixels with an encoder of a model; the same seed gives the same pixels.

    Args:
        predictor: the model.
        store: slices of the cases.
        cases: some of them are used, evenly chosen; those without labels are left out.
        per_structure: pixels of each structure, each seen in every contrast of the model that its case has.
        seed: of the choice.
        attributes: encode the dense attributes A(n), of which the bank's values are made, in place of the content.

    Raises:
        UserError: the model has no such encoder, or no case has labels.
    """
    usable = [case for case in cases if store.record(case)["labelled"]]
    if not usable:
        raise UserError(f"none of {len(cases)} cases has labels", hint="add label maps").at(store.folder)
    chosen = [usable[i] for i in sorted({round(i) for i in np.linspace(0, len(usable) - 1, CASES)})]
    plans = predictor.plans
    return sample(
        attribute_encoder(predictor) if attributes else content_encoder(predictor),
        store,
        chosen,
        predictor.model.domains,
        tuple(plans.labels.values()),
        crop=plans.slices.crop,
        stride=2 ** plans.settings["networks"]["n_down"],
        per_structure=per_structure,
        seed=seed,
    )


def content_encoder(predictor: Predictor) -> Encode:
    """Return E^c of a model: slices (N, H, W) in [-1, 1] of a modality to z^c (N, C, h, w), float32.

    Raises:
        UserError: the method has none.
    """
    import torch

    from hifisyn.networks.content_encoder import ContentEncoder

    encoder = getattr(predictor.trainer.networks, "content_encoder", None)
    if not isinstance(encoder, ContentEncoder):
        raise UserError("the method has no content encoder").at(predictor.model.folder)
    known: ContentEncoder = encoder

    def encode(slices: np.ndarray, modality: str) -> np.ndarray:
        images = torch.from_numpy(np.ascontiguousarray(slices, dtype=np.float32))[:, None].to(predictor.device)
        with torch.inference_mode():
            return np.asarray(known(images, modality).float().cpu().numpy())

    return encode


def attribute_encoder(predictor: Predictor) -> Encode:
    """Return E^a of a model: slices (N, H, W) in [-1, 1] of a modality to the dense A (N, V, h, w), float32.

    Raises:
        UserError: the method has none, or no bank and so no dense attributes.
    """
    import torch

    from hifisyn.networks.attribute_encoder import AttributeEncoder

    encoder = getattr(predictor.trainer.networks, "attribute_encoder", None)
    if not isinstance(encoder, AttributeEncoder):
        raise UserError("the method has no attribute encoder").at(predictor.model.folder)
    known: AttributeEncoder = encoder

    def encode(slices: np.ndarray, modality: str) -> np.ndarray:
        images = torch.from_numpy(np.ascontiguousarray(slices, dtype=np.float32))[:, None].to(predictor.device)
        with torch.inference_mode():
            dense, _ = known(images, modality)
        if dense is None:
            raise UserError("the model has no dense attributes").at(predictor.model.folder)
        return np.asarray(dense.float().cpu().numpy())

    return encode


def sample(
    encode: Encode,
    store: SliceStore,
    cases: Sequence[str],
    domains: Sequence[str],
    values: Sequence[int],
    *,
    crop: int,
    stride: int,
    per_structure: int,
    seed: int,
) -> Queries:
    """Draw pixels of each label value, as many from each case that holds it, and encode them in every contrast.

    Content pixel (y, x) lies on image pixel (stride y, stride x) of the centre window, as in training.

    Args:
        encode: slices (N, crop, crop) of a modality to (N, C, h, w).
        store: slices of the cases.
        cases: labelled ones.
        domains: the contrasts.
        values: label values.
        crop: pixels along each side of the window.
        stride: image pixels a content pixel.
        per_structure: pixels of each value.
        seed: of the choice.

    Raises:
        UserError: the cases hold none of the values or none of the contrasts.
    """
    from hifisyn.training.validation import centre

    rng = np.random.default_rng(seed)
    maps = {case: centre(store.label(case), crop) for case in cases}
    slices = {case: label_slices(label, values) for case, label in maps.items()}
    small = {case: maps[case][slices[case]][:, ::stride, ::stride] for case in cases}
    places = {case: _places(small, case, values, per_structure, rng) for case in cases}
    parts: list[tuple[np.ndarray, np.ndarray, str, str]] = []
    for case, (s, y, x) in places.items():
        for modality in (m for m in domains if m in store.record(case)["modalities"] and len(s)):
            content = encode(centre(store.image(case, modality)[slices[case]], crop), modality)
            parts.append((content[s, :, y, x], small[case][s, y, x].astype(np.int64), modality, case))
    if not parts:
        raise UserError(f"{len(cases)} cases have no labelled pixels of {' or '.join(domains)}").at(store.folder)
    return Queries(
        np.concatenate([content for content, *_ in parts]),
        np.concatenate([structure for _, structure, *_ in parts]),
        np.concatenate([np.full(len(content), modality) for content, _, modality, _ in parts]),
        np.concatenate([np.full(len(content), case) for content, _, _, case in parts]),
    )


def label_slices(label: np.ndarray, values: Sequence[int], count: int = SLICES) -> list[int]:
    """Return slices of (S, H, W): some evenly spread over those with labels, and for each value its largest."""
    area = np.array([(label == value).reshape(len(label), -1).sum(axis=1) for value in values])
    named = np.flatnonzero(np.array([value > 0 for value in values]) @ area)
    if not named.size:
        return []
    spread = {int(named[round(i)]) for i in np.linspace(0, len(named) - 1, count)}
    return sorted(spread | {int(row.argmax()) for row in area if row.any()})


def _places(
    small: dict[str, np.ndarray], case: str, values: Sequence[int], per_structure: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return slice, row and column of the pixels that are taken of a case."""
    taken = []
    for value in values:
        holders = sum(bool((labels == value).any()) for labels in small.values())
        pixels = np.argwhere(small[case] == value)
        share = -(-per_structure // max(holders, 1))
        taken.append(pixels[rng.permutation(len(pixels))[:share]])
    s, y, x = np.concatenate(taken).T
    return s, y, x
