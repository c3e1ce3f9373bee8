"""InstaFormer's aggregator: content patches and boxes attend to one another under norms that carry the style."""

import itertools

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from hifisyn.methods.instaformer.layer import Layer, Style
from hifisyn.methods.instaformer.roi import Boxes, roi_align
from hifisyn.methods.instaformer.sinusoid import sinusoid
from hifisyn.networks.module import Layers, TensorModule

DEEP = 6


class Aggregator(TensorModule):
    """Content and style to tokens.

    Args:
        content: channels C of the content, 256 as published.
        side: its pixels along each side, a multiple of `patch`.
        patch: pixels along each side of a patch, a power of two, 8 as published.
        token: entries of a token, 1024 as published.
        layers: of the transformer, 6 as published.
        boxes: whether there are box tokens.
    """

    def __init__(
        self, content: int, side: int, patch: int = 8, token: int = 1024, layers: int = DEEP, *, boxes: bool = True
    ) -> None:
        super().__init__()
        self.side, self.patch = side, patch
        self.patch_embed = _embed(content, token, patch)
        self.box_embed = _embed(content, token, patch) if boxes else None
        self.layers = nn.ModuleList(Layer(token) for _ in range(layers))
        self.coordinates = _Coordinates(side, patch, token)

    def forward(self, content: Tensor, style: Style, boxes: Boxes | None = None) -> Tensor:
        """Aggregate content (N, C, side, side) to one token a patch, (N, T, token); boxes only attend along."""
        tokens = self.patch_embed(content).flatten(2).transpose(1, 2) + self.coordinates.of_patches()
        patches, there = tokens.shape[1], None
        if boxes is not None:
            tokens = torch.cat([tokens, self.box_tokens(content, boxes)], dim=1)
            there = torch.cat([boxes.there.new_ones(len(content), patches), boxes.there], dim=1)
        for layer in self.layers:
            tokens = layer(tokens, style, there)
        return tokens[:, :patches]

    def box_tokens(self, content: Tensor, boxes: Boxes) -> Tensor:
        """Return one token (N, B, token) a box."""
        if self.box_embed is None:
            raise ValueError("boxes must go to an aggregator with boxes (got one without)")
        inside = roi_align(content, boxes, self.patch)
        embedded = self.box_embed(inside.flatten(0, 1)).flatten(1)
        return embedded.view(*inside.shape[:2], -1) + self.coordinates.of_boxes(boxes)


class _Coordinates(nn.Module):
    """Where a token lies and how large it is: sinusoids of row, column, height and width, a quarter of it each."""

    table: Tensor
    each_process_its_own = True

    def __init__(self, side: int, patch: int, token: int) -> None:
        super().__init__()
        self.side, self.patch = side, patch
        self.register_buffer("table", sinusoid(side, token // 4), persistent=False)

    def of_patches(self) -> Tensor:
        """Return (T, token), row by row; the place is interpolated between the two pixels in the patch's middle."""
        grid = self.side // self.patch
        places = interpolate(self.table.T[None], size=grid, mode="linear")[0].T
        size = self.table[self.patch - 1].expand(grid, grid, -1)
        rows, columns = places[:, None].expand_as(size), places[None].expand_as(size)
        return torch.cat([rows, columns, size, size], dim=2).flatten(0, 1)

    def of_boxes(self, boxes: Boxes) -> Tensor:
        """Return (N, B, token) of the boxes' middles and sizes, rounded down to pixels."""
        top, left, bottom, right = boxes.corners.unbind(dim=2)
        numbers = torch.stack([(top + bottom) / 2, (left + right) / 2, bottom - top, right - left], dim=2)
        return self.table[(numbers * (self.side - 1)).long()].flatten(2)


def _embed(content: int, token: int, patch: int) -> Layers:
    """Return what makes one token of a patch: convolutions of stride 2, nothing between them, then one of 1x1."""
    halvings = patch.bit_length() - 1
    widths = [content, *[token // 2] * (halvings - 1), token]
    strided = (nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(widths))
    return Layers(*strided, nn.Conv2d(token, token, 1))
