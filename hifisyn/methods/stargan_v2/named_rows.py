"""Linear layers of several contrasts, drawn and computed as one, saved and loaded by name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class NamedRows(nn.Linear):
    """A linear layer a contrast as blocks of rows of one matrix; the state names them `T1.weight`, `T1.bias` and so on.

    So the layers of one training can begin those of another, whatever place the contrasts have there.

    Args:
        domains: names of the contrasts.
        inputs: entries that come in.
        outputs: entries that leave, for each contrast.
    """

    __call__: Callable[..., Tensor]

    def __init__(self, domains: Sequence[str], inputs: int, outputs: int) -> None:
        super().__init__(inputs, len(domains) * outputs)
        self.domains = tuple(domains)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs) to (N, contrasts, outputs)."""
        return super().forward(x).view(len(x), len(self.domains), -1)

    def _named(self, keep_vars: bool = False) -> Iterator[tuple[str, Tensor]]:
        """Yield the rows of each contrast, which share memory with the whole."""
        for kind, whole in self.named_parameters():
            rows = (whole if keep_vars else whole.detach()).chunk(len(self.domains))
            yield from ((f"{contrast}.{kind}", row) for contrast, row in zip(self.domains, rows, strict=True))

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        destination.update({prefix + name: rows for name, rows in self._named(keep_vars)})

    @torch.no_grad()
    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Tensor],
        prefix: str,
        local_metadata: Mapping[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        expected = {prefix + name: rows for name, rows in self._named()}
        for name, rows in expected.items():
            if name not in state_dict:
                missing_keys.extend([name] if strict else [])
            elif state_dict[name].shape != rows.shape:
                error_msgs.append(f"size mismatch for {name}: {tuple(state_dict[name].shape)}, not {tuple(rows.shape)}")
            else:
                rows.copy_(state_dict[name])
        if strict:
            unexpected_keys.extend(name for name in state_dict if name.startswith(prefix) and name not in expected)
