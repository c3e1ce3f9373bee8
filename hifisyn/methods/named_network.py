"""The network of Paired and Adapted: the base model's for any contrasts, whose names its weights bear in the state."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hifisyn.base.contrasts import STACK, TISSUES
from hifisyn.base.unet import BaseNetwork
from hifisyn.intensities import OUTSIDE

EMPTY = "empty"  # what reads the plane of empty slots
FIRST, TOLD, LAST = "down.0.first.weight", "told.0.weight", ("last.weight", "last.bias")


class NamedNetwork(BaseNetwork):
    """`BaseNetwork` with a slot and a target a contrast, told which slots are filled, the pixel, and perhaps the look.

    In the state, what reads a slot or makes a target stands by itself, as in `down.0.first.T1.weight`: so the weights
    of one training, or the base model's, can begin one of other contrasts.

    Args:
        width: channels at full size.
        contrasts: names of the slots, and of the targets, in their order.
        look: whether it is told the tissue means of the targets: all means, then of each whether it is known. It then
            translates from the base model's weights just as that does.
    """

    def __init__(self, width: int, contrasts: Sequence[str], *, look: bool = False) -> None:
        count = len(contrasts)
        told = count + 1 + (2 * count * len(TISSUES) if look else 0)
        super().__init__(width, slots=count, told=told, targets=count)
        self.contrasts, self.look = tuple(contrasts), look
        if look:
            self.down[0].first = nn.Conv2d(count * STACK + 1, width, 3, padding=1, bias=False)
        after: Callable[..., object] = self.register_state_dict_post_hook  # untyped in the framework
        before: Callable[..., object] = self.register_load_state_dict_pre_hook
        after(_take_apart)
        before(_put_together)

    def forward(self, slices: Tensor, condition: Tensor) -> Tensor:
        """Synthesise every target, as `BaseNetwork` does.

        The base model has more slots, which are empty here: each is -1 but for the padding's zeros beyond the border.
        One plane stands for what they add; the slots count from there, so that one that is empty adds nothing more.
        """
        if not self.look:
            return super().forward(slices, condition)
        plane = torch.full_like(slices[:, :1], OUTSIDE)
        return super().forward(torch.cat([slices - OUTSIDE, plane], dim=1), condition)

    def wholes(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the weights that are parted by contrast, detached."""
        own = dict(self.named_parameters())
        yield from ((name, own[name].detach()) for name in (FIRST, TOLD, *LAST))


def named_parts(name: str, whole: Tensor, slots: Sequence[str], targets: Sequence[str]) -> dict[str, Tensor]:
    """Return the parts of a weight by the names that they have in the state; they share memory with it.

    What reads tissue means is part by part the targets', as in `told.0.T1.means.weight`.

    Args:
        name: in a `BaseNetwork`.
        whole: the weight.
        slots: of the network, in their order.
        targets: of the network, in their order.

    >>> list(named_parts("last.bias", torch.zeros(4), ["T1", "T2"], ["T1", "T2"]))
    ['last.T1.bias', 'last.T2.bias']
    >>> list(named_parts("told.2.bias", torch.zeros(64), ["T1", "T2"], ["T1", "T2"]))
    ['told.2.bias']
    """
    layer, _, kind = name.rpartition(".")
    count = len(slots)
    if name == FIRST:
        parts = {slot: whole[:, place * STACK : (place + 1) * STACK] for place, slot in enumerate(slots)}
        parts |= {EMPTY: whole[:, count * STACK :]} if whole.shape[1] > count * STACK else {}
    elif name == TOLD:
        parts = {slot: whole[:, place : place + 1] for place, slot in enumerate(slots)}
        parts["pixel"] = whole[:, count : count + 1]
        parts |= _look_parts(whole[:, count + 1 :], targets) if whole.shape[1] > count + 1 else {}
    elif name in LAST:
        parts = {target: whole[place :: len(targets)] for place, target in enumerate(targets)}  # image and error
    else:
        return {name: whole}
    return {f"{layer}.{part}.{kind}": tensor for part, tensor in parts.items()}


def _look_parts(look: Tensor, targets: Sequence[str]) -> dict[str, Tensor]:
    """Return what reads the tissue means of each target, and whether they are known."""
    each = len(TISSUES)
    known = look[:, len(targets) * each :]
    return {
        f"{target}.{name}": of_all[:, place * each : (place + 1) * each]
        for place, target in enumerate(targets)
        for name, of_all in (("means", look), ("known", known))
    }


def _take_apart(network: nn.Module, state: dict[str, Any], prefix: str, _metadata: object) -> None:
    assert isinstance(network, NamedNetwork)
    contrasts = network.contrasts
    for name, _ in network.wholes():
        parts = named_parts(name, state.pop(prefix + name), contrasts, contrasts)
        state.update({prefix + part: tensor for part, tensor in parts.items()})


def _put_together(
    network: nn.Module,
    state: dict[str, Any],
    prefix: str,
    _metadata: Mapping[str, Any],
    strict: bool,
    missing: list[str],
    _unexpected: list[str],
    errors: list[str],
) -> None:
    """Replace the parts in a state by wholes; what is not there keeps the value that the network has."""
    assert isinstance(network, NamedNetwork)
    for name, own in network.wholes():
        whole = own.clone()
        for part, tensor in named_parts(name, whole, network.contrasts, network.contrasts).items():
            given = state.pop(prefix + part, None)
            if given is None:
                missing.extend([prefix + part] if strict else [])
            elif given.shape != tensor.shape:
                errors.append(f"size mismatch for {prefix + part}: {tuple(given.shape)}, not {tuple(tensor.shape)}")
            else:
                with torch.no_grad():
                    tensor.copy_(given)
        state[prefix + name] = whole
