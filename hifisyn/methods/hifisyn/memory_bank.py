"""The Brain Memory Bank: keys shared by the contrasts, values of each, read by every pixel (HiFi-Syn eq. 1 to 6).

Differs from the paper:
- The denominator of eq. 1 runs over pixels; a softmax over slots must run over the slots.
- Eq. 1 has no temperature. A cosine lies in [-1, 1], so without one 20 slots are read almost evenly; tau_r sharpens.
- B is printed as T x 256, as wide as content. Values have a width V of their own, and one table a contrast, since
  attributes belong to a contrast (MGUIT).
- With alpha_p = 0.01 as eq. 4 and 5 print it, the bank forgets 99 % of itself a step, against the text's "gradual".
  Here an item keeps rho, 0.99 unless the plan says otherwise, and less in its first updates: n / (n + 1).
- How items begin and what becomes of one that no pixel chooses is not said. A key begins as the query of a random
  pixel of its class, a value as the first prototype; a slot passed over for long starts over.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hifisyn.losses.contents import UNKNOWN
from hifisyn.methods.hifisyn.memory_update import (
    GLOBAL,
    SlotSums,
    UpdatePixels,
    UpdateSums,
    candidates,
    joint_key,
    moved,
    slot_sums,
    unit_sums,
)
from hifisyn.networks.precision import wide
from hifisyn.networks.ranks import from_first_rank
from hifisyn.networks.value_tables import counted_tables


class BankTable(NamedTuple):
    """What can be read: values (T, V), unit vectors, and known (T,) bool, which slots have one."""

    values: Tensor
    known: Tensor


class BrainMemoryBank(nn.Module):
    """T slots of a key and a value for each contrast. All state is buffers: saved with checkpoints, never optimised.

    Computes in float32, also under autocast: a slot changes by a hundredth of itself.

    Args:
        domains: names of the contrasts.
        slots: structural slots by label value.
        global_slots: slots that every pixel may read.
        key_width: C, channels of content.
        value_width: V, channels of the dense attributes.
        tau_r: temperature of the read.
        tau_u: temperature of the update.
        rho: share of the old item that an update keeps.
        warm_up: keep min(rho, n / (n + 1)) only, n updates of the item so far.
        reseed_after: steps after which a slot starts over that no pixel chose though its structure was there; 0: never.
        test_read: slots that are read without labels.
        scaled_read: S times sqrt(V), so that its entries have a variance of 1.
        update_pixels: see `slot_sums`.
        update_sums: see `joint_key`.
    """

    keys: Tensor
    slot_class: Tensor
    key_updates: Tensor
    age: Tensor

    def __init__(
        self,
        domains: Sequence[str],
        slots: Mapping[int, int],
        global_slots: int,
        key_width: int = 256,
        value_width: int = 128,
        *,
        tau_r: float = 0.1,
        tau_u: float = 0.1,
        rho: float = 0.99,
        warm_up: bool = True,
        reseed_after: int = 500,
        test_read: Literal["all", "global"] = "all",
        scaled_read: bool = True,
        update_pixels: UpdatePixels = "assigned",
        update_sums: UpdateSums = "unit",
    ) -> None:
        super().__init__()
        self.tau_r, self.tau_u, self.rho, self.warm_up = tau_r, tau_u, rho, warm_up
        self.update_pixels, self.update_sums = update_pixels, update_sums
        self.scale = math.sqrt(value_width) if scaled_read else 1.0
        self.reseed_after = reseed_after
        self.reads_global_alone = test_read == "global" and global_slots > 0
        classes = [value for value, count in slots.items() for _ in range(count)] + [GLOBAL] * global_slots
        total, contrasts = len(classes), len(domains)
        self.register_buffer("keys", normalize(torch.randn(total, key_width), dim=1))
        self.tables = counted_tables(domains, normalize(torch.randn(contrasts, total, value_width), dim=2))
        self.register_buffer("slot_class", torch.tensor(classes))
        self.register_buffer("key_updates", torch.zeros(total, dtype=torch.int64))
        self.register_buffer("age", torch.zeros(total, dtype=torch.int64))

    # Reading: eq. 1 to 3

    @property
    def values(self) -> Tensor:
        """A copy of the values of all contrasts, (contrasts, T, V)."""
        return torch.stack([table.values for table in self.tables.each()])

    @property
    def known(self) -> Tensor:
        """A copy of which slots have a value of each contrast, (contrasts, T) bool."""
        return torch.stack([table.known for table in self.tables.each()])

    def table(self, modality: str) -> BankTable:
        """Return the stored values b of a contrast."""
        stored = self.tables[modality]
        return BankTable(stored.values, stored.known)

    def retrieve(self, content: Tensor, table: BankTable, labels: Tensor | None) -> Tensor:
        """Return S_n = sqrt(V) * sum over t of w_{n,t} b^t (eq. 3), as a map (N, V, h, w).

        The gradient flows to content through w and to the table.

        Args:
            content: z^c, (N, C, h, w).
            table: values to read.
            labels: as in `weights`.
        """
        with torch.autocast(content.device.type, enabled=False):
            weights = self.weights(content, table.known, labels)
            retrieved = self.scale * (table.values.t() @ weights)
            return retrieved.view(*retrieved.shape[:2], *content.shape[2:])

    def weights(self, content: Tensor, known: Tensor, labels: Tensor | None) -> Tensor:
        """Return how much each pixel reads of each slot, w_{n,t} of eq. 1.

        Args:
            content: z^c, (N, C, h, w); its pixels are the queries q_n.
            known: (T,) bool, the slots that have a value; others are not read.
            labels: (N, P) int64: a pixel reads the slots of its class and the global ones, or as at test time where it
                is UNKNOWN. None: all as at test time, all slots or the global ones.

        Returns:
            (N, T, P), P = h * w, summing to 1 over T.
        """
        with torch.autocast(content.device.type, enabled=False):
            logits = self.similarity(content) / self.tau_r
            return logits.masked_fill(~self._allowed(labels, known), -torch.inf).softmax(dim=1)

    def similarity(self, content: Tensor) -> Tensor:
        """Return cos(q_n, k_t), (N, T, P), of content (N, C, h, w)."""
        with torch.autocast(content.device.type, enabled=False):
            return self.keys @ unit_pixels(content)

    def _allowed(self, labels: Tensor | None, known: Tensor) -> Tensor:
        is_global = self.slot_class == GLOBAL
        unlabelled = is_global if self.reads_global_alone else torch.ones_like(is_global)
        if labels is None:
            allowed = unlabelled[None, :, None] & known[None, :, None]
        else:
            structural, everywhere = candidates(labels, self.slot_class)
            unknown = (labels == UNKNOWN)[:, None, :]
            allowed = torch.where(unknown, unlabelled[None, :, None], structural | everywhere) & known[None, :, None]
        anything = known | ~known.any()
        return torch.where(allowed.any(dim=1, keepdim=True), allowed, anything[None, :, None])

    # Updating: eq. 4 to 6

    @torch.no_grad()
    def seed(
        self, contents: Sequence[Tensor], labels: Sequence[Tensor], foreground: Sequence[Tensor], rng: torch.Generator
    ) -> None:
        """Give each slot without a value, or passed over for too long, the query of a random pixel of its class.

        Its values belong to the old key, so every contrast forgets its own.

        Args:
            contents: a contrast's (N, C, h, w), for each contrast of the step.
            labels: (N, P) int64, for each.
            foreground: (N, P) bool, for each; a global slot begins there.
            rng: source of the choice.
        """
        stale = (self.age >= self.reseed_after) & (self.reseed_after > 0)
        waiting = stale | ~self.known.any(dim=0)
        queries = torch.cat([unit_pixels(c).transpose(1, 2).flatten(0, 1) for c in contents])  # (pixels, C)
        label = torch.cat([each.flatten() for each in labels])
        brain = torch.cat([each.flatten() for each in foreground])
        structural, everywhere = candidates(label[None], self.slot_class)
        fit = structural[0] | (everywhere[0] & (brain | ~brain.any()))  # (T, pixels)
        draw = torch.rand(fit.shape, generator=rng, device=rng.device).to(fit.device)
        picked = draw.masked_fill(~fit, -1).argmax(dim=1)
        key, offered = from_first_rank(queries[picked], fit.any(dim=1))
        fresh = waiting & offered
        self.keys.copy_(torch.where(fresh[:, None], key.to(self.keys.dtype), self.keys))
        self.key_updates.masked_fill_(fresh, 0)
        self.age.masked_fill_(fresh, 0)
        for table in self.tables.each():
            table.known &= ~fresh
            table.updates.masked_fill_(fresh, 0)

    def sums(self, content: Tensor, attributes: Tensor, labels: Tensor) -> SlotSums:
        """Return what one contrast's batch says about the slots; the gradient goes to the attributes alone.

        Args:
            content: z^c (N, C, h, w).
            attributes: A (N, V, h, w).
            labels: (N, P) int64.
        """
        content = content.detach()
        with torch.autocast(content.device.type, enabled=False):
            similarity = self.similarity(content)
            unit = unit_pixels(content), unit_pixels(attributes)
            return slot_sums(*unit, similarity, labels, self.slot_class, self.tau_u, self.update_pixels)

    def prototypes(self, sums: SlotSums, modality: str) -> BankTable:
        """Return P, the unit values of this batch; the stored one where a slot has no pixels."""
        stored = self.table(modality)
        values = torch.where(sums.present[:, None], normalize(sums.value, dim=1), stored.values)
        return BankTable(values, stored.known | sums.present)

    def blended(self, sums: SlotSums, modality: str) -> BankTable:
        """Return the values as the update of eq. 5 will leave them, with gradient to the attributes."""
        stored = self.table(modality)
        kept = self._kept(self.tables[modality].updates) * stored.known
        values = moved(stored.values, unit_sums(sums.value, self.update_sums), kept, sums.present)
        return BankTable(values, stored.known | sums.present)

    @torch.no_grad()
    def update(self, sums: Mapping[str, SlotSums]) -> None:
        """Move keys and values towards what a batch said (eq. 4 and 5); other contrasts' values stay."""
        new_key, present = joint_key(list(sums.values()), self.update_sums)
        self.keys.copy_(moved(self.keys, new_key, self._kept(self.key_updates), present))
        for modality, of_contrast in sums.items():
            values, known = self.blended(of_contrast, modality)
            table = self.tables[modality]
            table.values.copy_(values)
            table.known.copy_(known)
            table.updates += of_contrast.present
        self.key_updates += present
        offered = torch.stack([s.offered for s in sums.values()]).sum(dim=0) > 0
        self.age += offered
        self.age.masked_fill_(present, 0)

    @torch.no_grad()
    def forget(self, slots: Tensor) -> None:
        """Take the values of slots (T,) bool for unknown, in all contrasts, so that nothing reads them."""
        for table in self.tables.each():
            table.known &= ~slots

    def _kept(self, updates: Tensor) -> Tensor:
        full = torch.full(updates.shape, self.rho, device=updates.device)
        return torch.minimum(full, updates / (updates + 1)) if self.warm_up else full


def unit_pixels(features: Tensor) -> Tensor:
    """Return (N, C, h, w) as unit vectors (N, C, h * w) of at least single precision."""
    return normalize(wide(features.flatten(2)), dim=1)
