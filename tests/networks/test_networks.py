# mypy: no-check-untyped-defs
from functools import partial

import pytest
import torch
from torch import nn

from hifisyn.methods.attentiongan.generator import AttentionGenerator
from hifisyn.methods.instaformer.decoder import TokenDecoder
from hifisyn.methods.mguit.generator import MguitGenerator
from hifisyn.methods.munit.decoder import MunitDecoder
from hifisyn.methods.stargan_v2.generator import StyledGenerator
from hifisyn.methods.uvcgan.vit_unet import VitUNet
from hifisyn.networks.attribute_encoder import AttributeEncoder
from hifisyn.networks.blocks import INRes, LReLUConv, PreActDown, UpLN
from hifisyn.networks.content_discriminator import ContentDiscriminator
from hifisyn.networks.content_encoder import ContentEncoder
from hifisyn.networks.generator import Generator
from hifisyn.networks.image_discriminator import ImageDiscriminator
from hifisyn.networks.initialisation import he_init, normal_init
from hifisyn.networks.precision import InSingle, wide
from hifisyn.networks.resnet import ResnetGenerator

PAIR = ("T1", "T2")


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def images(side, count=2, seed=0):
    return torch.rand(count, 1, side, side, generator=rng(seed)) * 2 - 1


@pytest.mark.parametrize(
    ("build", "published"),
    [
        (lambda: ContentEncoder(PAIR), 9_005_568),
        (lambda: AttributeEncoder(PAIR), 2_712_976),
        (lambda: AttributeEncoder(PAIR, kind="mguit").dense, 1_487_104),
        (lambda: Generator(PAIR, value_width=128), 21_733_090),
        (lambda: Generator(PAIR, value_width=64), 14_911_458),
        (lambda: Generator(PAIR, value_width=256), 39_800_034),
        (lambda: Generator(PAIR, value_width=0), 9_564_386),
        (lambda: ImageDiscriminator(PAIR), 2 * 25_146_881),
        (lambda: ImageDiscriminator(PAIR, side=256), 2 * 25_146_881),
        (lambda: ImageDiscriminator(PAIR, kind="multiscale"), 2 * 8_265_027),
        (lambda: ContentDiscriminator(PAIR), 10_683_649),
    ],
)
def test_published_parameter_counts(build, published):
    with torch.device("meta"):
        assert sum(p.numel() for p in build().parameters()) == published


@pytest.mark.parametrize(("n_down", "side"), [(1, 72), (2, 72), (3, 64), (4, 128)])
@pytest.mark.parametrize("kind", ["drit", "mguit"])
def test_shapes_follow_the_number_of_halvings(n_down, side, kind):
    x = images(side)
    content = ContentEncoder(PAIR, width=4, n_down=n_down, blocks=1)(x, "T1")
    dense, code = AttributeEncoder(PAIR, width=4, n_down=n_down, code=5, value_width=6, kind=kind)(x, "T2")
    small = side // 2**n_down
    assert content.shape == (2, 4 * 2**n_down, small, small)
    assert dense.shape == (2, 6, small, small)
    assert code.shape == (2, 5)
    rendered = Generator(PAIR, width=4, n_down=n_down, blocks=1, code=5, value_width=6)(content, dense, code, "T1")
    assert rendered.shape == x.shape
    assert rendered.abs().max() < 1


@pytest.mark.parametrize("side", [16, 20, 31, 64, 72, 96, 128, 216])
def test_discriminators_take_every_field_of_view(side):
    (logits,) = ImageDiscriminator(PAIR, side, width=2)(images(side), "T1")
    assert logits.shape == (2, 1, 2, 2)
    scales = ImageDiscriminator(PAIR, side, width=2, kind="multiscale")(images(side), "T1")
    assert len(scales) == 3
    assert [s.shape[2] for s in scales] == sorted((s.shape[2] for s in scales), reverse=True)


@pytest.mark.parametrize(("side", "logits"), [(8, 1), (18, 1), (36, 3), (54, 1), (64, 2), (128, 2)])
def test_content_discriminator_depth_follows_content(side, logits):
    network = ContentDiscriminator(PAIR, channels=2, side=side)
    assert network(torch.zeros(1, 2, side, side)).shape == (1, 1, logits, logits)


def test_each_logit_of_the_discriminator_sees_most_of_the_image():
    network = ImageDiscriminator(PAIR, 72, width=2)
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.1)
    x = images(72, 1).abs().requires_grad_()
    network(x, "T1")[0][0, 0, 0, 0].backward()
    assert (x.grad[0, 0, :48, :48] != 0).all()


def test_norm_of_up_block_is_layer_norm_over_channels_and_pixels():
    block = UpLN(4, 3)
    nn.init.uniform_(block[1].weight, generator=rng())
    nn.init.uniform_(block[1].bias, generator=rng(1))
    x = torch.randn(2, 4, 5, 5, generator=rng())
    up = block[0](x)
    affine = [p[:, None, None].expand(3, 10, 10) for p in (block[1].weight, block[1].bias)]
    torch.testing.assert_close(block(x), nn.functional.layer_norm(up, (3, 10, 10), *affine, eps=1e-5).relu())


def test_residual_block_keeps_the_spatial_mean():
    x = torch.randn(2, 6, 9, 9, generator=rng())
    y = INRes(6)(x)
    torch.testing.assert_close(y.mean((2, 3)), x.mean((2, 3)), atol=1e-6, rtol=0)
    assert (y - x).abs().mean() > 0.1


@pytest.mark.parametrize(("norm", "pool"), [(False, True), (True, True), (True, False)])
def test_downward_block_by_hand(norm, pool):
    block = PreActDown(3, 5, norm=norm, pool=pool)
    first, second = (m for m in block.branch if isinstance(m, nn.Conv2d))
    shortcut = next(m for m in block.shortcut if isinstance(m, nn.Conv2d))
    x = torch.randn(2, 3, 8, 8, generator=rng())

    def activated(y):
        y = (
            (y - y.mean((2, 3), keepdim=True)) / (y.var((2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()
            if norm
            else y
        )
        return nn.functional.pad(torch.where(y > 0, y, 0.2 * y), (1, 1, 1, 1), mode="reflect")

    def halved(y):
        return y.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).mean((3, 5)) if pool else y

    conv = nn.functional.conv2d
    main = conv(activated(conv(activated(x), first.weight, first.bias)), second.weight, second.bias)
    expected = halved(main) + conv(halved(x), shortcut.weight, shortcut.bias)
    torch.testing.assert_close(block(x), expected, atol=1e-5, rtol=1e-5)


def test_leaky_slope_of_plain_convolutions():
    layer = LReLUConv(1, 1, 1)
    nn.init.ones_(layer[0].weight)
    nn.init.zeros_(layer[0].bias)
    torch.testing.assert_close(layer(torch.tensor([[[[-2.0, 3.0]]]])), torch.tensor([[[[-0.02, 3.0]]]]))


def test_content_row_y_is_centred_on_image_row_y_times_stride():
    for n_down in (1, 2):
        branch = ContentEncoder(PAIR, width=2, n_down=n_down, blocks=1).branches["T1"][: n_down + 1]
        for module in branch.modules():
            for name, child in module.named_children():
                if isinstance(child, nn.InstanceNorm2d | nn.ReLU | nn.LeakyReLU):
                    setattr(module, name, nn.Identity())
            if isinstance(module, nn.Conv2d):
                nn.init.ones_(module.weight)
        x = torch.zeros(1, 1, 64, 64, requires_grad=True)
        branch(x)[0, 0, 7, 9].backward()
        weight = x.grad[0, 0]
        grid = torch.arange(64.0)
        assert (weight.sum(1) @ grid / weight.sum()).item() == pytest.approx(7 * 2**n_down, abs=1e-4)
        assert (weight.sum(0) @ grid / weight.sum()).item() == pytest.approx(9 * 2**n_down, abs=1e-4)


def test_only_the_last_block_of_content_is_shared():
    encoder = ContentEncoder(PAIR, width=4, n_down=1, blocks=1)
    x = images(16)
    encoder(x, "T1").sum().backward()
    assert all(p.grad is None for p in encoder.branches["T2"].parameters())
    assert all(p.grad is not None for p in encoder.shared.parameters())


def test_generator_uses_attributes_at_every_level():
    generator = Generator(PAIR, width=2, n_down=2, blocks=1, code=3, value_width=4)
    seen = {}
    for name, module in generator.branches["T2"].named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(lambda m, inputs, output, name=name: seen.update({name: inputs[0]}))
    retrieved, code = torch.randn(1, 4, 4, 4, generator=rng()), torch.randn(1, 3, generator=rng(1))
    generator(torch.randn(1, 8, 4, 4, generator=rng(2)), retrieved, code, "T2")
    for name, factor in (("ups.0.0", 1), ("ups.1.0", 2), ("last", 4)):
        m = seen[name][:, -7:]
        torch.testing.assert_close(m[:, :4], retrieved.repeat_interleave(factor, 2).repeat_interleave(factor, 3))
        torch.testing.assert_close(m[:, 4:], code[:, :, None, None].expand(-1, -1, *m.shape[2:]))
    residual = seen["residual.0.branch.0.0"]
    torch.testing.assert_close(residual[:, 8:12], retrieved)


def test_normal_initialisation_scales_with_width():
    for width, std in ((64, 0.02), (16, 0.04)):
        network = nn.Sequential(nn.Conv2d(width, 64, 3), nn.ConvTranspose2d(64, 32, 3), nn.Linear(4, 4))
        bias, linear = network[0].bias.clone(), network[2].weight.clone()
        normal_init(network, width)
        assert network[0].weight.std().item() == pytest.approx(std, rel=0.05)
        assert network[1].weight.std().item() == pytest.approx(std, rel=0.05)
        assert torch.equal(network[0].bias, bias)
        assert torch.equal(network[2].weight, linear)


def test_he_initialisation_tells_images_apart_where_the_normal_one_does_not():
    def mean_cosine(initialise):
        torch.manual_seed(0)
        encoder = AttributeEncoder(PAIR, width=8, n_down=1, value_width=8)
        initialise(encoder)
        dense, _ = encoder(images(32), "T1")
        unit = nn.functional.normalize(dense.transpose(0, 1).flatten(1), dim=0)
        return (unit.t() @ unit).mean().item()

    assert mean_cosine(lambda e: he_init(e, 0.2)) < mean_cosine(lambda e: normal_init(e, 64)) - 0.1


def test_he_initialisation_keeps_variance_through_leaky_layers():
    torch.manual_seed(0)
    network = nn.Sequential(*(layer for _ in range(6) for layer in LReLUConv(64, 64, 3, padding=1)))
    he_init(network, 0.01)
    out = network(torch.randn(4, 64, 12, 12, generator=rng()))
    assert 0.5 < out.pow(2).mean().item() < 2
    assert all(m.bias.abs().sum() == 0 for m in network if isinstance(m, nn.Conv2d))


def test_the_end_of_a_generator_is_not_rounded_in_mixed_precision():
    x = torch.linspace(-4, 4, 4096).view(1, 1, 64, 64).requires_grad_()
    layer = nn.Conv2d(1, 1, 1)
    nn.init.ones_(layer.weight)
    nn.init.constant_(layer.bias, 0.1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = InSingle(layer)(x).tanh()
    assert made.dtype == torch.float32
    assert len(made.unique()) == 4096
    made.sum().backward()
    assert x.grad is not None
    assert (x.grad > 1e-4).all()


GENERATORS = {
    "HiFi-Syn": lambda: partial(Generator(PAIR, width=4, value_width=0), retrieved=None, modality="T1"),
    "MGUIT": lambda: partial(MguitGenerator(PAIR, width=4, value_width=4), modality="T1"),
    "ResNet": lambda: ResnetGenerator(4, blocks=1),
    "attention": lambda: AttentionGenerator(4, blocks=1),
    "U-Net": lambda: VitUNet(4, blocks=1),
    "StarGAN v2": lambda: StyledGenerator(1, 4, 8),
    "MUNIT": lambda: MunitDecoder(4, blocks=1),
    "InstaFormer": lambda: TokenDecoder(4, patch=4, token=8),
}
INPUTS = {
    "HiFi-Syn": lambda: {"content": torch.rand(1, 16, 16, 16), "code": torch.rand(1, 8)},
    "MGUIT": lambda: {"content": torch.rand(1, 16, 16, 16), "style": torch.rand(1, 4, 16, 16)},
    "StarGAN v2": lambda: {"image": torch.rand(1, 1, 64, 64), "style": torch.rand(1, 8)},
    "MUNIT": lambda: {"content": torch.rand(1, 16, 16, 16), "style": torch.rand(1, 8)},
    "InstaFormer": lambda: {"tokens": torch.rand(1, 16, 8), "grid": 4},
}


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_make_images_of_more_than_8_bits(name):
    torch.manual_seed(0)
    generator = GENERATORS[name]()
    given = INPUTS.get(name, lambda: {"image": torch.rand(1, 1, 64, 64)})()
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        made = generator(**given)
    assert made.dtype == torch.float32
    assert len(made.unique()) > 0.9 * made.numel()


def test_what_is_wide_already_stays():
    assert wide(torch.zeros(1, dtype=torch.float64)).dtype == torch.float64
    assert wide(torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.float32
