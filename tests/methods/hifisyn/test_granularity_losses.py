# mypy: no-check-untyped-defs
import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy

from hifisyn.losses import adversarial
from hifisyn.losses.contents import UNKNOWN, Contents, information_nce
from hifisyn.losses.pgd import draw_anchors, pixel_loss
from hifisyn.methods.hifisyn.ggd import global_loss
from hifisyn.methods.hifisyn.sgd import rank_weight, structure_difference, structure_loss

M, C, P = 4, 5, 30
STRUCTURES = torch.tensor([0, 1, 2, 3])
PAIR, FOUR = ("T1", "T2"), ("FLAIR", "T1", "T1ce", "T2")


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def contents(seed=0, subjects=(0, 1, 2, 3), labelled=True):
    g = rng(seed)
    original = torch.randn(M, C, P, generator=g, dtype=torch.float64)
    translated = original + torch.randn(M, C, P, generator=g, dtype=torch.float64)
    labels = torch.randint(0, 4, (M, P), generator=g) if labelled else torch.full((M, P), UNKNOWN)
    return Contents(original, translated, labels, torch.tensor(subjects))


def cosine(a, b):
    return float(a @ b) / float(a.norm() * b.norm())


def nce(positive, negatives, tau):
    return -math.log(math.exp(positive / tau) / sum(math.exp(s / tau) for s in [positive, *negatives]))


def slow_pixel_loss(c, anchors, tau, use_labels):
    """Eq. 7 by loops, both roles."""
    known = c.labels if use_labels else torch.full_like(c.labels, UNKNOWN)
    pool = anchors[:, : min(anchors.shape[1], 256 // (M - 1))]

    def one(m, query_of, key_of):
        losses = []
        for n in anchors[m].tolist():
            query, label = query_of[m, :, n], known[m, n]
            places = [(m, p) for p in range(P) if p != n]
            places += [(o, p) for o in range(M) if c.subjects[o] != c.subjects[m] for p in pool[o].tolist()]
            wrong = [(o, p) for o, p in places if label == UNKNOWN or known[o, p] != label]
            negatives = [cosine(query, key_of[o, :, p]) for o, p in wrong]
            losses.append(nce(cosine(query, key_of[m, :, n]), negatives, tau))
        return sum(losses) / len(losses)

    return [(one(m, c.original, c.translated) + one(m, c.translated, c.original)) / 2 for m in range(M)]


@pytest.mark.parametrize("use_labels", [True, False])
def test_pixel_loss_by_loops(use_labels):
    c = contents(subjects=(0, 1, 2, 0))
    c.labels[2] = UNKNOWN
    anchors = draw_anchors(torch.ones(M, P, dtype=torch.bool), 7, rng())
    expected = slow_pixel_loss(c, anchors, 0.2, use_labels)
    assert pixel_loss(c, anchors, 0.2, use_labels).tolist() == pytest.approx(expected)


def test_pixel_loss_of_constant_features_counts_negatives():
    c = contents(subjects=(5, 5, 5, 5), labelled=False)
    flat = Contents(torch.ones_like(c.original), torch.ones_like(c.original), c.labels, c.subjects)
    anchors = draw_anchors(torch.ones(M, P, dtype=torch.bool), 8, rng())
    assert pixel_loss(flat, anchors).tolist() == pytest.approx([math.log(P)] * M)
    others = Contents(flat.original, flat.translated, flat.labels, torch.arange(M))
    assert pixel_loss(others, anchors).tolist() == pytest.approx([math.log(P + 3 * 8)] * M)


def test_pixel_loss_vanishes_for_kept_contents_of_different_labels():
    eye = torch.eye(P).expand(M, P, P).contiguous()
    c = Contents(eye, eye, torch.arange(P).expand(M, P), torch.zeros(M, dtype=torch.int64))
    anchors = draw_anchors(torch.ones(M, P, dtype=torch.bool), P, rng())
    assert pixel_loss(c, anchors).max() < 1e-4


def test_pixel_loss_ignores_what_pixels_of_the_same_label_look_like():
    c = contents(labelled=False)
    one_label = Contents(c.original, c.translated, torch.zeros_like(c.labels), c.subjects)
    anchors = draw_anchors(torch.ones(M, P, dtype=torch.bool), 8, rng())
    assert pixel_loss(one_label, anchors).tolist() == pytest.approx([0] * M, abs=1e-12)


def test_other_subjects_pixels_stay_below_256_an_image():
    count = 300
    flat = torch.ones(2, 2, count)
    c = Contents(flat, flat, torch.full((2, count), UNKNOWN), torch.tensor([0, 1]))
    anchors = draw_anchors(torch.ones(2, count, dtype=torch.bool), 300, rng())
    assert pixel_loss(c, anchors).tolist() == pytest.approx([math.log(count + 256)] * 2)


def test_gradient_of_every_contrast_reaches_both_sides():
    for loss in (
        lambda c: pixel_loss(c, draw_anchors(torch.ones(M, P, dtype=torch.bool), 8, rng())),
        lambda c: structure_loss(c, STRUCTURES),
        lambda c: global_loss(c),
    ):
        c = contents()
        c.original.requires_grad_()
        c.translated.requires_grad_()
        loss(c).sum().backward()
        assert (c.original.grad.abs().sum((1, 2)) > 0).all()
        assert (c.translated.grad.abs().sum((1, 2)) > 0).all()


def test_anchors_are_distinct_and_mostly_foreground():
    foreground = torch.zeros(50, 400, dtype=torch.bool)
    foreground[:, :200] = True
    anchors = draw_anchors(foreground, 40, rng())
    assert all(len(set(row)) == 40 for row in anchors.tolist())
    assert 0.85 < (anchors < 200).float().mean() < 0.95
    assert 0.85 < (anchors[:, :10] < 200).float().mean() < 0.95
    assert torch.equal(anchors, draw_anchors(foreground, 40, rng()))
    assert not torch.equal(anchors, draw_anchors(foreground, 40, rng(1)))


@pytest.mark.parametrize("everywhere", [True, False])
def test_anchors_where_all_is_foreground_or_nothing(everywhere):
    anchors = draw_anchors(torch.full((2, 30), everywhere), 256, rng())
    assert sorted(anchors[0].tolist()) == list(range(30))


def slow_structure_loss(c, tau, push, inside):
    """Eq. 8 to 11 by loops, both roles."""

    def regions(content):
        found = {}
        for m in range(M):
            for s in STRUCTURES.tolist():
                where = c.labels[m] == s
                if where.sum() >= 4:
                    found[m, s] = content[m][:, where].mean(1)
        return found

    both = {"original": regions(c.original), "translated": regions(c.translated)}
    losses = []
    for m in range(M):
        mine = [s for image, s in both["original"] if image == m]
        d = {s: float((c.original - c.translated)[m][:, c.labels[m] == s].abs().mean()) for s in mine}
        ranked = sorted(mine, key=lambda s: -d[s])
        total = 0.0
        for s in mine:
            w = math.exp(-0.5 * ranked.index(s))
            for role, other in (("original", "translated"), ("translated", "original")):
                anchor = both[role][m, s]
                positive = cosine(anchor, both[other][m, s])
                negatives = [
                    cosine(anchor, r)
                    for either in both.values()
                    for (image, structure), r in either.items()
                    if (image == m and structure != s)
                    or (c.subjects[image] != c.subjects[m] and (push or structure != s))
                ]
                loss = nce(positive, negatives, tau)
                total += (loss + (1 - w) * positive / tau if inside else w * loss) / 2
        losses.append(total / max(len(mine), 1))
    return losses


@pytest.mark.parametrize("same_structure", ["push", "ignore"])
@pytest.mark.parametrize("inside", [False, True])
def test_structure_loss_by_loops(same_structure, inside):
    c = contents(subjects=(0, 1, 2, 0))
    c.labels[0, c.labels[0] == 2] = 1
    c.labels[1, :27] = 0
    c.labels[1, 27:] = 3
    c.labels[3] = UNKNOWN
    expected = slow_structure_loss(c, 0.2, same_structure == "push", inside)
    loss = structure_loss(c, STRUCTURES, 0.2, same_structure=same_structure, weight_inside=inside)
    assert loss.tolist() == pytest.approx(expected)
    assert loss[3] == 0


def test_rank_weights_fall_with_the_difference():
    c = contents()
    masks = (c.labels[:, None, :] == STRUCTURES[None, :, None]).double()
    difference = structure_difference(c, masks)
    valid = torch.ones(M, 4, dtype=torch.bool)
    valid[0, 1] = False
    weight = rank_weight(difference, valid)
    for m in range(M):
        order = difference[m][valid[m]].argsort(descending=True)
        expected = [1, math.exp(-0.5), math.exp(-1), math.exp(-1.5)][: len(order)]
        assert weight[m][valid[m]][order].tolist() == pytest.approx(expected)


def test_a_single_structure_has_weight_one():
    assert rank_weight(torch.tensor([[0.0, 3.0]]), torch.tensor([[True, False]]))[0, 0] == 1


def test_rank_does_not_depend_on_the_size_of_a_structure():
    original = torch.zeros(1, 2, 20)
    translated = torch.zeros(1, 2, 20)
    translated[:, :, :16] = 0.1
    translated[:, :, 16:] = 0.2
    labels = torch.tensor([[0] * 16 + [1] * 4])
    masks = (labels[:, None, :] == torch.tensor([0, 1])[None, :, None]).float()
    difference = structure_difference(Contents(original, translated, labels, torch.tensor([0])), masks)
    torch.testing.assert_close(difference, torch.tensor([[0.1, 0.2]]))


def test_printed_rank_weight_pushes_pairs_apart_that_ours_pulls_together():
    cos = torch.linspace(-1, 1, 2001, dtype=torch.float64)
    positive, negative = cos / 0.2, torch.zeros(2001, 1, dtype=torch.float64)
    everything = torch.ones_like(negative, dtype=torch.bool)
    w = math.exp(-1.0)
    ours = w * information_nce(positive, negative, everything)
    printed = information_nce(positive, negative, everything, pull=w * positive)
    assert cos[ours.argmin()] == 1
    assert cos[printed.argmin()].item() == pytest.approx(0.2 * math.log(w / (1 - w)), abs=1e-3)


def test_structures_without_labels_or_with_few_pixels_cost_nothing():
    c = contents(labelled=False)
    assert structure_loss(c, STRUCTURES).tolist() == [0] * M
    c.labels[:, :3] = 2
    c.original.requires_grad_()
    loss = structure_loss(c, STRUCTURES).sum()
    loss.backward()
    assert loss == 0
    assert torch.isfinite(c.original.grad).all()


def slow_global_loss(c, tau):
    """Eq. 12 by loops, both roles."""
    roles = (c.original, c.translated)
    losses = []
    for m in range(M):
        positive = cosine(c.original[m].flatten(), c.translated[m].flatten())
        total = 0.0
        for role in roles:
            others = [k[o] for k in roles for o in range(M) if c.subjects[o] != c.subjects[m]]
            total += nce(positive, [cosine(role[m].flatten(), o.flatten()) for o in others], tau) / 2
        losses.append(total)
    return losses


@pytest.mark.parametrize("subjects", [(0, 1, 2, 3), (0, 1, 1, 0)])
def test_global_loss_by_loops(subjects):
    c = contents(subjects=subjects)
    assert global_loss(c, 0.1).tolist() == pytest.approx(slow_global_loss(c, 0.1))


def test_global_loss_without_another_person_is_nothing():
    assert global_loss(contents(subjects=(4, 4, 4, 4))).tolist() == pytest.approx([0] * M)


def test_global_loss_sees_what_pooling_would_not():
    c = contents()
    zero_mean = [x - x.mean(2, keepdim=True) for x in (c.original, c.translated)]
    loss = global_loss(Contents(*zero_mean, c.labels, c.subjects))
    assert loss.std() > 0
    assert loss.mean() < math.log(7)


def test_contrasts_in_reduced_precision_are_computed_in_single():
    c = contents()
    rough = Contents(c.original.bfloat16(), c.translated.bfloat16(), c.labels, c.subjects)
    exact = Contents(rough.original.double(), rough.translated.double(), c.labels, c.subjects)
    anchors = draw_anchors(torch.ones(M, P, dtype=torch.bool), 8, rng())
    for loss in (lambda x: pixel_loss(x, anchors), lambda x: structure_loss(x, STRUCTURES), global_loss):
        with torch.autocast("cpu", torch.bfloat16):
            found = loss(rough)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), loss(exact), atol=1e-4, rtol=1e-4)


def test_adversarial_losses_are_binary_cross_entropies():
    real = [torch.randn(2, 1, 3, 3, generator=rng()), torch.randn(2, 1, 2, 2, generator=rng(1))]
    fake = [torch.randn(2, 1, 3, 3, generator=rng(2)), torch.randn(2, 1, 2, 2, generator=rng(3))]

    def slow(logits, target):
        return sum(binary_cross_entropy(x.sigmoid(), torch.full_like(x, target)) for x in logits)

    torch.testing.assert_close(adversarial.discriminator_loss(real, fake), slow(real, 1.0) + slow(fake, 0.0))
    torch.testing.assert_close(adversarial.generator_loss(fake), slow(fake, 1.0))
    told = adversarial.content_discriminator_loss({"T1": real[0], "T2": fake[0]}, PAIR)
    torch.testing.assert_close(told, slow(real[:1], 0.0) + slow(fake[:1], 1.0))
    hidden = adversarial.content_adversarial_loss({"T1": real[0], "T2": fake[0]}, PAIR)
    torch.testing.assert_close(hidden, slow([real[0]], 0.5) + slow([fake[0]], 0.5))
    torch.testing.assert_close(adversarial.mean_probability(real[:1]), real[0].sigmoid().mean())


def test_adversarial_losses_at_chance():
    logits = torch.zeros(3, 1, 2, 2)
    assert adversarial.discriminator_loss([logits], [logits]).item() == pytest.approx(2 * math.log(2))
    contents = {"T1": logits, "T2": logits}
    assert adversarial.content_adversarial_loss(contents, PAIR).item() == pytest.approx(2 * math.log(2))


def test_the_content_encoder_is_driven_to_indecision_from_either_side():
    for start in (-3.0, 3.0):
        logits = torch.full((1, 1, 1, 1), start, requires_grad=True)
        adversarial.content_adversarial_loss({"T1": logits, "T2": torch.zeros(1, 1, 1, 1)}, PAIR).backward()
        assert torch.sign(logits.grad).item() == math.copysign(1, start)


def test_contents_of_more_contrasts_are_told_apart_by_a_class_each():
    logits = {m: torch.randn(2, 4, 3, 2, generator=rng(i), dtype=torch.float64) for i, m in enumerate(("T2", "FLAIR"))}
    told = hidden = 0.0
    for m, maps in logits.items():
        place = {"FLAIR": 0, "T2": 3}[m]
        for values in maps.permute(0, 2, 3, 1).reshape(-1, 4).tolist():
            chances = [math.exp(v) / sum(math.exp(w) for w in values) for v in values]
            told -= math.log(chances[place]) / 12
            hidden -= sum(math.log(chance) / 4 for chance in chances) / 12
    assert adversarial.content_discriminator_loss(logits, FOUR).item() == pytest.approx(told, rel=1e-12)
    assert adversarial.content_adversarial_loss(logits, FOUR).item() == pytest.approx(hidden, rel=1e-12)


@pytest.mark.parametrize("domains", [FOUR[:3], FOUR])
def test_contents_of_more_contrasts_at_chance(domains):
    logits = {m: torch.full((2, len(domains), 2, 2), 5.0, requires_grad=True) for m in domains[1:3]}
    chance = pytest.approx(2 * math.log(len(domains)))
    assert adversarial.content_discriminator_loss(logits, domains).item() == chance
    loss = adversarial.content_adversarial_loss(logits, domains)
    assert loss.item() == chance
    for gradient in torch.autograd.grad(loss, list(logits.values())):
        assert torch.allclose(gradient, torch.zeros(()), atol=1e-7)


def test_the_content_discriminator_may_be_sure_and_the_encoder_leads_it_back():
    sure = {m: torch.full((1, 3, 1, 1), -20.0) for m in ("FLAIR", "T1ce")}
    sure["FLAIR"][:, 0], sure["T1ce"][:, 2] = 20.0, 20.0
    assert adversarial.content_discriminator_loss(sure, FOUR[:3]).item() == pytest.approx(0, abs=1e-6)
    sure["T1ce"].requires_grad_()
    adversarial.content_adversarial_loss(sure, FOUR[:3]).backward()
    assert torch.sign(sure["T1ce"].grad).flatten().tolist() == [-1, -1, 1]


def test_class_logits_in_reduced_precision_are_compared_in_single():
    logits = {m: torch.randn(2, 3, 4, 4, generator=rng(i)).bfloat16() for i, m in enumerate(PAIR)}
    exact = {m: x.double() for m, x in logits.items()}
    with torch.autocast("cpu", torch.bfloat16):
        found = adversarial.content_discriminator_loss(logits, ("T1", "T2", "PD"))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), adversarial.content_discriminator_loss(exact, ("T1", "T2", "PD")))


def test_logits_far_off_keep_a_gradient():
    logits = torch.full((1, 1, 1, 1), -200.0, requires_grad=True)
    adversarial.generator_loss([logits]).backward()
    assert logits.grad.item() == pytest.approx(-1)
