"""HiFi-Syn's pre-training as `Run` takes it: its losses, its bank, its file."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from hifisyn.base.contrasts import TARGETS
from hifisyn.base.heads import Heads
from hifisyn.base.run import Seen
from hifisyn.methods.content_masks import content_masks
from hifisyn.methods.hifisyn.networks import HiFiSynNetworks
from hifisyn.methods.hifisyn.passes import BankTables, Encoded, Passes
from hifisyn.methods.hifisyn.pretraining.batches import HeadBatch, HeadBatches
from hifisyn.methods.hifisyn.pretraining.settings import PretrainSettings
from hifisyn.methods.hifisyn.pretraining.validation import Validation
from hifisyn.methods.hifisyn.settings import HiFiSynSettings
from hifisyn.methods.hifisyn.supervised import brain_l1, content_distance
from hifisyn.training import networks_file
from hifisyn.training.source import METHOD, step_seed


class PretrainTask:
    """E^c, E^a, bank, mean code and G, of T1, T2 and FLAIR at once.

    Args:
        settings: of the training.
        seed: of weights and draws.
        heads: to train on.
        kept: to look at.
        device: to train on.
    """

    name = "hifisyn"
    weights = networks_file.NETWORKS

    def __init__(self, settings: PretrainSettings, seed: int, heads: Heads, kept: Heads, device: torch.device) -> None:
        self.settings, self.seed, self.device, self.plans = settings, seed, device, settings.plans()
        self.batches, self.validation = HeadBatches(heads, settings, seed), Validation(kept)
        own = HiFiSynSettings.model_validate(self.plans.settings)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = HiFiSynNetworks(self.plans, own, TARGETS).without_discriminators()
        self.network.to(device).train()
        self.passes = Passes(self.network, own.networks.content_noise)
        self.stride = own.networks.stride
        self.generator = torch.Generator(device)
        self._said: tuple[dict[str, Tensor], BankTables] | None = None

    def losses(self, step: int) -> dict[str, Tensor]:
        """Return the terms of a step."""
        s, rng = self.settings, self.generator
        rng.manual_seed(step_seed(self.seed, step, 0, METHOD))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=s.precision == "bfloat16"):
            return self.losses_of(self.batches.read(step).to(self.device))

    def losses_of(self, batch: HeadBatch) -> dict[str, Tensor]:
        """Return the terms of a batch."""
        s, rng = self.settings, self.generator
        unlabelled = torch.rand((), generator=rng, device=self.device) < s.p_unlabelled
        masks = content_masks(batch.seen, self.stride, unlabelled)
        encoded = self.passes.encode(batch.seen.images, rng)
        tables = self.passes.bank_tables(masks, encoded, rng)
        self._said = {m: e.code.detach() for m, e in encoded.items()}, tables
        made = self._translations(batch, masks.read_labels, encoded, tables)
        shown = TARGETS[batch.seen.iteration % len(TARGETS)]
        own, labels = tables.own[shown], masks.read_labels[shown]
        again = self.passes.translate(encoded[shown], own, encoded[shown].code, shown, labels)
        return {
            "translation": torch.stack([brain_l1(made[t], batch.truths[t], batch.brain) for t in TARGETS]).mean(),
            "reconstruction": s.reconstruction * brain_l1(again, batch.seen.images[shown], batch.brain),
            "content": s.content * content_distance({m: e.content for m, e in encoded.items()}),
        }

    def after_step(self) -> None:
        """Move bank and mean code, by what was computed before the weights moved."""
        if self._said is None:
            return
        codes, tables = self._said
        self._said = None
        self.network.running_code.update(codes)
        if self.passes.bank is not None:
            self.passes.bank.update(tables.sums)

    def look(self) -> Seen:
        """Translate slices of the heads that were kept."""
        found = self.validation.translate(self.network, self.device)
        return Seen(self.validation.measure(found), partial(self.validation.draw, found))

    def write(self, path: Path, card: dict[str, object]) -> str:
        """Write networks and bank; return the file's SHA-256."""
        return networks_file.write(path, self.network.state_dict(), self.plans, card)

    def _translations(
        self,
        batch: HeadBatch,
        labels: Mapping[str, Tensor],
        encoded: Mapping[str, Encoded],
        tables: BankTables,
    ) -> dict[str, Tensor]:
        """Return an image of each target, from the contrast whose turn it is."""
        made = {}
        for place, source in enumerate(TARGETS):
            target = TARGETS[(place + batch.turn) % len(TARGETS)]
            code, table = encoded[target].code, tables.own[target]
            if not batch.told:
                code, table = self.network.running_code(target).expand(len(code), -1), tables.shared[target]
            made[target] = self.passes.translate(encoded[source], table, code, target, labels[source])
        return made
