"""Weights are named by role and contrast: what one training learnt of a contrast begins another one's."""

# mypy: no-check-untyped-defs
import pytest
import torch
from torch import nn

from hifisyn.methods.hifisyn.memory_bank import BrainMemoryBank
from hifisyn.methods.mguit.class_memory import ClassMemory
from hifisyn.methods.mguit.generator import MguitGenerator
from hifisyn.methods.stargan_v2.heads import DomainHeads
from hifisyn.methods.stargan_v2.mapping import MappingNetwork
from hifisyn.methods.stargan_v2.named_rows import NamedRows
from hifisyn.networks.attribute_encoder import AttributeEncoder
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.content_discriminator import ContentDiscriminator
from hifisyn.networks.content_encoder import ContentEncoder
from hifisyn.networks.generator import Generator
from hifisyn.networks.image_discriminator import ImageDiscriminator
from hifisyn.networks.image_pool import ImagePools
from hifisyn.networks.patchgan import PatchGAN
from hifisyn.networks.running_code import RunningCode

PAIR = ("T1", "T2")
SIDE = 32


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5))


def place(domains):
    return torch.full((2,), domains.index("T1"))


IMAGE, CONTENT = drawn(2, 1, SIDE, SIDE), drawn(2, 16, 8, 8)
STYLE, CODE = drawn(2, 6, 8, 8), drawn(2, 5)
# How to build each for some contrasts, and what it says about T1.
NETWORKS = {
    "by modality": (lambda d: ByModality(d, lambda: PatchGAN(SIDE, 2)), lambda n, d: n["T1"](IMAGE)),
    "content encoder": (lambda d: ContentEncoder(d, 4, 2, 1), lambda n, d: n(IMAGE, "T1")),
    "attribute encoder": (lambda d: AttributeEncoder(d, 4, 2, 5, 6, "mguit"), lambda n, d: n(IMAGE, "T1")[0]),
    "code": (lambda d: AttributeEncoder(d, 4, 2, 5, 6, "mguit"), lambda n, d: n.code(IMAGE, "T1")),
    "generator": (lambda d: Generator(d, 4, 2, 1, 5, 6), lambda n, d: n(CONTENT, STYLE, CODE, "T1")),
    "discriminator": (lambda d: ImageDiscriminator(d, SIDE, 4), lambda n, d: n(IMAGE, "T1")[0]),
    "MGUIT generator": (lambda d: MguitGenerator(d, 4, 2, 1, 6), lambda n, d: n(CONTENT, STYLE, "T1")),
    "heads": (lambda d: DomainHeads(d, 3, SIDE, 2), lambda n, d: n(IMAGE, place(d))),
    "mapping": (lambda d: MappingNetwork(d, 5, 3, 2), lambda n, d: n(CODE, place(d))),
    "bank": (lambda d: BrainMemoryBank(d, {0: 2}, 1, 16, 6), lambda n, d: n.retrieve(CONTENT, n.table("T1"), None)),
    "memory": (lambda d: ClassMemory(d, {0: 3}, 16, 6), lambda n, d: n.read(CONTENT, "T1", None)),
}


def learnt(build, domains):
    """A network whose whole state differs from a fresh one's."""
    torch.manual_seed(1)
    network = build(domains)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor += 0.1
    return network


@pytest.mark.parametrize("domains", [("T1", "FLAIR"), ("FLAIR", "T1"), ("FLAIR", "T2", "T1")])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_contrast_is_carried_over_by_name_wherever_its_place(name, domains):
    build, say = NETWORKS[name]
    old = learnt(build, PAIR)
    torch.manual_seed(2)
    new = build(domains)
    before = {key: value.clone() for key, value in new.state_dict().items()}
    carried = {key: value for key, value in old.state_dict().items() if key in before}
    result = new.load_state_dict(carried, strict=False)
    assert set(before) - set(carried) == {key for key in before if "FLAIR" in key.split(".")}
    assert not result.unexpected_keys
    with torch.no_grad():
        torch.testing.assert_close(say(new, domains), say(old, PAIR))
    for key in set(before) - set(carried):
        assert torch.equal(new.state_dict()[key], before[key]), key


@pytest.mark.parametrize("name", NETWORKS)
def test_a_state_comes_back_whole(name):
    build, _ = NETWORKS[name]
    old = learnt(build, ("T1", "T2", "PD"))
    torch.manual_seed(2)
    new = build(("T1", "T2", "PD"))
    new.load_state_dict({key: value.clone() for key, value in old.state_dict().items()})
    tensors = [(*network.parameters(), *network.buffers()) for network in (old, new)]
    assert all(torch.equal(a, b) for a, b in zip(*tensors, strict=True))


def test_names_tell_the_contrast():
    assert set(ByModality(PAIR, lambda: nn.Linear(1, 1, bias=False)).state_dict()) == {"T1.weight", "T2.weight"}
    assert set(RunningCode(PAIR).state_dict()) == {f"codes.{m}.{part}" for m in PAIR for part in ("mean", "steps")}
    assert {key.split(".")[1] for key in ImagePools(PAIR, 2, 4).state_dict()} == set(PAIR)
    heads = DomainHeads(PAIR, 3, SIDE, 2).heads.state_dict()
    assert set(heads) == {"T1.weight", "T1.bias", "T2.weight", "T2.bias"}


def test_networks_of_contrasts_share_nothing_and_keep_their_order():
    networks = ByModality(("T2", "T1"), lambda: nn.Linear(1, 1))
    assert list(networks) == ["T2", "T1"]
    assert [id(n) for n in networks.each()] == [id(networks["T2"]), id(networks["T1"])]
    networks["T1"](torch.ones(1)).backward()
    assert networks["T2"].weight.grad is None


def test_named_rows_are_drawn_and_computed_as_one_layer():
    torch.manual_seed(0)
    whole = nn.Linear(4, 6)
    torch.manual_seed(0)
    rows, x = NamedRows(("T1", "T2", "PD"), 4, 2), drawn(5, 4)
    assert torch.equal(rows(x), whole(x).view(5, 3, 2))
    state = rows.state_dict()
    assert torch.equal(state["T2.weight"], whole.weight[2:4])
    assert torch.equal(state["T2.bias"], whole.bias[2:4])
    assert torch.allclose(rows(x)[:, 2], x @ state["PD.weight"].T + state["PD.bias"])


def test_the_state_of_named_rows_is_the_weights_themselves():
    rows = NamedRows(PAIR, 4, 2)
    rows.state_dict()["T2.weight"].fill_(7)  # as a broadcast to other processes does
    assert (rows.weight[2:] == 7).all()
    assert not (rows.weight[:2] == 7).any()
    assert not any(tensor.requires_grad for tensor in rows.state_dict().values())


def test_named_rows_say_what_does_not_fit():
    rows = nn.Sequential(NamedRows(PAIR, 4, 2))
    state = rows.state_dict()
    with pytest.raises(RuntimeError, match=r"Missing key.*0\.T2\.bias"):
        rows.load_state_dict({key: value for key, value in state.items() if key != "0.T2.bias"})
    with pytest.raises(RuntimeError, match=r"Unexpected key.*0\.PD\.bias"):
        rows.load_state_dict(state | {"0.PD.bias": torch.zeros(2)})
    with pytest.raises(RuntimeError, match=r"size mismatch for 0\.T1\.weight"):
        rows.load_state_dict(state | {"0.T1.weight": torch.zeros(1, 4)}, strict=False)


def test_two_contrasts_share_a_logit_and_more_have_one_each():
    pair, three = (ContentDiscriminator(d, 4, 18) for d in (PAIR, ("T1", "T2", "PD")))
    content = drawn(2, 4, 18, 18)
    assert list(pair.last) == ["T2"]
    assert pair(content).shape == (2, 1, 1, 1)
    logits = three(content)
    assert logits.shape == (2, 3, 1, 1)
    for number, m in enumerate(("T1", "T2", "PD")):
        assert torch.equal(logits[:, number : number + 1], three.last[m](three.layers(content)))


def test_what_tells_contents_apart_is_carried_over_by_name():
    old = learnt(lambda d: ContentDiscriminator(d, 4, 18), ("T1", "T2", "PD"))
    new = ContentDiscriminator(("PD", "FLAIR", "T1"), 4, 18)
    carried = {key: value for key, value in old.state_dict().items() if key in new.state_dict()}
    new.load_state_dict(carried, strict=False)
    content = drawn(2, 4, 18, 18)
    assert torch.equal(new(content)[:, [2, 0]], old(content)[:, [0, 2]])
