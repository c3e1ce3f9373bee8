"""InstaFormer's networks: published sizes, blur, boxes, tokens, against slow references."""

# mypy: no-check-untyped-defs
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import conv_transpose2d, layer_norm, pad

from hifisyn.methods.instaformer.blur import BlurDown, BlurUp
from hifisyn.methods.instaformer.blur_patchgan import BlurPatchGAN
from hifisyn.methods.instaformer.boxes import boxes_of
from hifisyn.methods.instaformer.encoders import BlurContentEncoder, BlurStyleEncoder
from hifisyn.methods.instaformer.generator import InstaFormerGenerator, patch_of, side_with_whole_patches
from hifisyn.methods.instaformer.layer import Layer, Style, StyleMLP, token_norm
from hifisyn.methods.instaformer.roi import Boxes, roi_align
from hifisyn.methods.instaformer.transformer import Aggregator

PUBLISHED_DECODER, DEAD_BOX_LAYER = 33_926_913, 1024 * 256 * 8 * 8 + 256


def count(network):
    return sum(p.numel() for p in network.parameters())


def some_boxes(*corners):
    return Boxes(torch.tensor([corners]), torch.ones(1, len(corners), dtype=torch.bool))


def test_parameters_are_those_published():
    with torch.device("meta"):
        model = InstaFormerGenerator(256)
        assert count(BlurPatchGAN()) == 2_763_585
    assert count(model.content_encoder) == 372_224
    assert count(model.style_encoder) == 374_280
    assert count(model.style_mlp) == 594_432
    assert count(model.aggregator.patch_embed) == count(model.aggregator.box_embed) == 9_309_184
    assert count(model.aggregator.layers) == 75_552_768
    assert count(model.aggregator) == 94_171_136
    assert count(model.decoder) == PUBLISHED_DECODER - DEAD_BOX_LAYER


def test_every_width_follows_the_first():
    with torch.device("meta"):
        model = InstaFormerGenerator(256, width=4)
    assert model.aggregator.layers[0].merge.weight.shape == (64, 64)
    assert model.style_mlp[0].weight.shape == (16, 8)
    assert model.decoder.patches.weight.shape == (64, 16, 8, 8)


@pytest.mark.parametrize(
    ("side", "n_down", "patch", "padded", "grid"),
    [
        (256, 2, 8, 256, 8),
        (216, 2, 8, 224, 7),
        (352, 2, 8, 352, 11),
        (161, 2, 8, 192, 6),
        (160, 2, 4, 160, 10),
        (96, 2, 4, 96, 6),
        (16, 2, 2, 16, 2),
        (18, 1, 2, 20, 5),
    ],
)
def test_six_tokens_remain_along_a_side_where_the_image_allows(side, n_down, patch, padded, grid):
    assert patch_of(side, n_down) == patch
    assert side_with_whole_patches(side, n_down) == padded
    model = InstaFormerGenerator(padded, 2, n_down, layers=1)
    assert (model.cells, model.grid) == (patch, grid)
    image = torch.zeros(1, 1, padded, padded)
    content, _ = model.encode(image)
    assert model(content, model.code(image), some_boxes([0.1, 0.2, 0.5, 0.6])).shape == image.shape


@pytest.mark.parametrize(("side", "logits"), [(256, 30), (128, 14), (32, 2), (16, 2)])
def test_the_discriminator_judges_patches(side, logits):
    assert BlurPatchGAN(side, 2)(torch.randn(1, 1, side, side)).shape == (1, 1, logits, logits)


def test_the_discriminator_has_the_norm_that_was_asked_for():
    images = torch.randn(2, 1, 32, 32)
    batch, instance = BlurPatchGAN(32, 4), BlurPatchGAN(32, 4, "instance")
    assert torch.allclose(instance(images)[:1], instance(images[:1]), atol=1e-5)
    assert not torch.allclose(batch(images)[:1], batch(images[:1]), atol=1e-2)


@pytest.mark.parametrize("side", [6, 7])
def test_blurred_halving(side):
    x = torch.randn(1, 2, side, side)
    made, wide = BlurDown(2)(x), pad(x, (1, 1, 1, 1), mode="reflect")
    taps = torch.outer(torch.tensor([1.0, 2, 1]), torch.tensor([1.0, 2, 1])) / 16
    half = math.ceil(side / 2)
    assert made.shape == (1, 2, half, half)
    for channel in range(2):
        for i in range(half):
            for j in range(half):
                seen = wide[0, channel, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
                assert made[0, channel, i, j].item() == pytest.approx((seen * taps).sum().item(), abs=1e-5)


def test_blurred_doubling():
    x = torch.randn(2, 3, 5, 5)
    taps = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 16
    wide = pad(x, (1, 1, 1, 1), mode="replicate")
    expected = conv_transpose2d(wide, taps.expand(3, 1, 4, 4), stride=2, padding=3, groups=3)
    assert torch.allclose(BlurUp()(x), expected, atol=1e-5)


def test_compared_features_are_the_padded_image_and_the_later_convolutions():
    encoder, image = BlurContentEncoder(4, 2), torch.randn(2, 1, 16, 16)
    content, features = encoder(image)
    assert content.shape == (2, 16, 4, 4)
    assert [f.shape[1] for f in features] == list(encoder.channels)
    assert torch.equal(features[0], pad(image, (3, 3, 3, 3), mode="reflect"))
    assert [f.shape[2] for f in features] == [22, 16, 8]
    assert features[1].min() < 0
    assert not torch.allclose(features[2].mean(dim=(2, 3)), torch.zeros(2, 16), atol=1e-3)
    norm, act, down = encoder.layers[-3:]
    assert torch.equal(down(act(norm(features[2]))), content)


def test_the_style_is_the_mean_over_the_image():
    encoder, image = BlurStyleEncoder(4, 2), torch.randn(2, 1, 16, 16)
    features = torch.nn.Sequential(*list(encoder)[:-3])(image)
    assert torch.allclose(encoder(image), encoder[-1](features.mean(dim=(2, 3))), atol=1e-6)


def slow_roi_align(feature, box, cells):
    """As the common kernel: coordinates not shifted by half a pixel, as many points as begun pixels."""
    side = feature.shape[-1]
    (top, left, bottom, right), made = (v * side for v in box), np.zeros((feature.shape[0], cells, cells))
    height, width = max(bottom - top, 1), max(right - left, 1)
    rows, columns = math.ceil(height / cells), math.ceil(width / cells)
    for i in range(cells):
        for j in range(cells):
            for a in range(rows):
                for b in range(columns):
                    y = min(max(top + (i + (a + 0.5) / rows) * height / cells, 0), side - 1)
                    x = min(max(left + (j + (b + 0.5) / columns) * width / cells, 0), side - 1)
                    u, v = min(int(y), side - 2), min(int(x), side - 2)
                    p, q = y - u, x - v
                    seen = (1 - p) * (1 - q) * feature[:, u, v] + (1 - p) * q * feature[:, u, v + 1]
                    seen += p * (1 - q) * feature[:, u + 1, v] + p * q * feature[:, u + 1, v + 1]
                    made[:, i, j] += seen / (rows * columns)
    return made


def test_roi_align_is_that_of_slow_loops():
    features = torch.randn(2, 3, 24, 24)
    corners = torch.tensor(
        [
            [[0.1, 0.2, 0.9, 0.45], [0.5, 0.5, 0.51, 0.52], [0.0, 0.0, 1.0, 1.0]],
            [[0.3, 0.0, 0.4, 1.0], [0.2, 0.8, 0.95, 1.0], [0.0, 0.0, 0.0, 0.0]],
        ]
    )
    made = roi_align(features, Boxes(corners, torch.ones(2, 3, dtype=torch.bool)), 4)
    for n in range(2):
        for b in range(3):
            expected = slow_roi_align(features[n].double().numpy(), corners[n, b].tolist(), 4)
            assert np.allclose(made[n, b].numpy(), expected, atol=1e-4)


def test_boxes_go_around_the_largest_structures():
    labels = torch.zeros(3, 20, 20, dtype=torch.int64)
    labels[0, 2:8, 3:9], labels[0, 10:13, 10:14], labels[0, 19, 19] = 1, 2, 3
    labels[1, 0:2, 0:4] = 5
    boxes = boxes_of(labels, 24, 20)
    assert boxes.there.tolist() == [[True, True], [True, False], [False, False]]
    # In an image of 20 pixels in the middle of 24 everything lies 2 pixels lower and further right.
    expected = torch.tensor([[4, 5, 10, 11], [12, 12, 15, 16]]) / 24
    assert torch.allclose(boxes.corners[0], expected)
    assert torch.allclose(boxes.corners[1, 0], torch.tensor([2, 2, 4, 6]) / 24)
    assert boxes_of(labels, 24, 1).corners.shape == (3, 1, 4)
    assert torch.allclose(boxes_of(labels, 24, 1).corners[0], expected[:1])


def test_there_are_no_boxes_without_structures():
    assert boxes_of(None, 24, 20) is None
    assert boxes_of(torch.zeros(1, 20, 20, dtype=torch.int64), 24, 20) is None
    assert boxes_of(torch.ones(1, 20, 20, dtype=torch.int64), 24, 0) is None


def test_the_norm_is_over_the_tokens():
    x, style = torch.randn(2, 9, 4), Style(torch.randn(2, 4), torch.randn(2, 4))
    made = token_norm(x, style)
    expected = layer_norm(x.double().transpose(1, 2), [9], eps=1e-6).transpose(1, 2)
    expected = expected * style.deviation[:, None] + style.mean[:, None]
    assert torch.allclose(made, expected.float(), atol=1e-5)
    there = torch.tensor([[True] * 9 + [False] * 3, [True] * 9 + [False] * 3])
    more = token_norm(torch.cat([x, 100 * torch.randn(2, 3, 4)], dim=1), style, there)
    assert torch.allclose(more[:, :9], made, atol=1e-5)


def test_a_layer_is_that_of_slow_loops():
    torch.manual_seed(0)
    layer, x = Layer(8), torch.randn(1, 5, 8)
    style = Style(torch.randn(1, 8), torch.randn(1, 8))
    with torch.no_grad():
        normed = token_norm(x, style)[0]
        queries, keys, values = layer.queries_keys_values(normed).split(8, dim=1)
        seen = torch.zeros(5, 8)
        for h in range(4):
            part = slice(2 * h, 2 * h + 2)
            share = (queries[:, part] @ keys[:, part].T / math.sqrt(2)).softmax(dim=1)
            seen[:, part] = share @ values[:, part]
        middle = x + layer.merge(seen)
        expected = middle + layer.mlp(token_norm(middle, style))
        assert torch.allclose(layer(x, style), expected, atol=1e-5)


def test_the_style_gives_the_mean_first():
    mlp, code = StyleMLP(8, 16, 6), torch.randn(2, 8)
    style = mlp.style(code)
    assert torch.equal(style.mean, mlp(code)[:, :6])
    assert torch.equal(style.deviation, mlp(code)[:, 6:])


def make_aggregator(**kind):
    torch.manual_seed(0)
    return Aggregator(4, 16, 4, 32, 2, **kind), torch.randn(2, 4, 16, 16), Style(torch.randn(2, 32), torch.randn(2, 32))


def test_missing_boxes_change_nothing_and_others_do():
    aggregator, content, style = make_aggregator()
    corners = torch.tensor([[[0.1, 0.2, 0.6, 0.9]], [[0.3, 0.3, 0.8, 0.8]]])
    with torch.no_grad():
        none = aggregator(content, style)
        assert none.shape == (2, 16, 32)
        missing = Boxes(corners, torch.zeros(2, 1, dtype=torch.bool))
        assert torch.allclose(aggregator(content, style, missing), none, atol=1e-5)
        one = aggregator(content, style, Boxes(corners, torch.tensor([[True], [False]])))
    assert not torch.allclose(one[0], none[0], atol=1e-3)
    assert torch.allclose(one[1], none[1], atol=1e-5)


def test_an_aggregator_without_boxes_says_so():
    aggregator, content, style = make_aggregator(boxes=False)
    with pytest.raises(ValueError, match="without"):
        aggregator(content, style, some_boxes([0.0, 0.0, 1.0, 1.0]))


def sinusoids(position, entries):
    angles = [position / 10000 ** (2 * k / entries) for k in range(entries // 2)]
    return [f(angle) for angle in angles for f in (math.sin, math.cos)]


def test_tokens_know_their_place():
    aggregator, content, _ = make_aggregator()
    coordinates = aggregator.coordinates
    # The second row, third column of patches of 4 pixels: between pixels 5 and 6, between 9 and 10.
    found = coordinates.of_patches()[1 * 4 + 2]
    row, column = (np.mean([sinusoids(p, 8), sinusoids(p + 1, 8)], axis=0) for p in (5, 9))
    size = sinusoids(3, 8)
    assert np.allclose(found, np.concatenate([row, column, size, size]), atol=1e-5)
    boxes = some_boxes([0.2, 0.5, 0.83, 0.72])
    expected = [sinusoids(int(15 * v), 8) for v in (0.515, 0.61, 0.63, 0.22)]
    assert np.allclose(coordinates.of_boxes(boxes)[0, 0], np.concatenate(expected), atol=1e-5)
    embedded = aggregator.box_embed(roi_align(content[:1], boxes, 4)[0]).flatten(1)
    assert torch.allclose(
        aggregator.box_tokens(content[:1], boxes)[0] - embedded, torch.tensor(expected).view(1, -1), atol=1e-5
    )


def test_like_patches_differ_by_their_place():
    aggregator, content, style = make_aggregator()
    with torch.no_grad():
        embedded = aggregator.patch_embed(torch.ones_like(content))
        tokens = aggregator(torch.ones_like(content), style).unflatten(1, (4, 4))
    assert torch.allclose(embedded[..., 1, 1], embedded[..., 2, 2], atol=1e-5)
    assert not torch.allclose(tokens[:, 1, 1], tokens[:, 2, 2], atol=1e-2)
    assert not torch.allclose(tokens[:, 1, 2], tokens[:, 2, 1], atol=1e-2)
