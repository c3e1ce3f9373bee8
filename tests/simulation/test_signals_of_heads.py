"""Signals of simulated heads: the train against a pulse-by-pulse simulation, and which lesion is bright on what."""

import numpy as np
import pytest

from hifisyn.simulation import sequences
from hifisyn.simulation.label_maps import CLASSES
from hifisyn.simulation.mprage import GradientEchoTrain, train_signal
from hifisyn.simulation.mr_signal import Sequence, Tissue
from hifisyn.simulation.simulated_head import draw_values
from hifisyn.simulation.strokes import GROUP_OF
from hifisyn.simulation.tissue_parameters import PARAMETERS, draw_agent, draw_tissues


def pulse_by_pulse(tissue, s, cycles=40):
    """Bloch's longitudinal magnetisation, one pulse at a time, until it repeats."""
    m, seen = 1.0, 0.0

    def wait(m, ms):
        return 1 - (1 - m) * np.exp(-ms / tissue.T1)

    before = s.TI - (s.pulses // 2) * s.spacing
    for _ in range(cycles):
        m = wait(-m, before)
        for pulse in range(s.pulses):
            if pulse == s.pulses // 2:
                seen = m
            m = wait(m * np.cos(np.radians(s.flip)), s.spacing)
        m = wait(m, s.TR - before - s.pulses * s.spacing)
    return tissue.PD * seen * np.sin(np.radians(s.flip)) * np.exp(-s.TE / tissue.T2)


@pytest.mark.parametrize("t1", [646, 1607, 4300])
@pytest.mark.parametrize("pulses", [120, 161])
def test_the_train_is_what_its_pulses_make(t1, pulses):
    tissue = Tissue(t1, 80, 0.8)
    sequence = GradientEchoTrain(TR=2200, TE=3, TI=950, flip=9, spacing=7, pulses=pulses)
    assert train_signal(tissue, sequence) == pytest.approx(pulse_by_pulse(tissue, sequence), rel=1e-6)


def test_a_train_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="must fit"):
        train_signal(Tissue(800, 80, 0.8), GradientEchoTrain(TR=2200, TE=3, TI=300))


def test_spin_echo_saturation_and_flow_in_closed_form():
    tissues = {name: Tissue(1000, 100, 0.8) for name in PARAMETERS}
    echo = Sequence(TR=500, TE=20)
    found = sequences.signals(tissues, echo, {}, saturation=0.2, flow=0.75)
    pure = 0.8 * (1 - np.exp(-0.5)) * np.exp(-0.2)
    assert found["fluid"] == pytest.approx(pure)
    assert found["white_matter"] == pytest.approx(pure * 0.8)
    assert found["blood"] == pytest.approx(pure * 0.25)


def test_agent_brightens_only_what_takes_it_up():
    rng = np.random.default_rng(0)
    tissues, agent = draw_tissues(rng, 3.0), draw_agent(rng)
    plain, after = (
        sequences.signals(tissues, Sequence(TR=500, TE=10, contrast_agent=given), agent, 0.0, 0.0)
        for given in (False, True)
    )
    assert after["enhancing"] > 1.2 * plain["enhancing"]
    assert after["white_matter"] == plain["white_matter"]


def test_every_class_has_parameters_and_every_lesion_a_group():
    assert set(CLASSES) <= set(PARAMETERS)
    assert set(GROUP_OF) <= set(PARAMETERS)


@pytest.fixture(scope="module")
def drawn():
    return [draw_values(5, number) for number in range(60)]


@pytest.mark.parametrize("lesion", ["white_matter_lesion", "oedema", "solid_tumour", "infarct"])
def test_lesions_are_bright_on_t2_and_flair_and_dark_on_t1(drawn, lesion):
    for contrast, sign in (("T2", 1), ("FLAIR", 1), ("T1", -1)):
        right = [sign * (abs(v[contrast][lesion]) - abs(v[contrast]["white_matter"])) > 0 for v in drawn]
        assert np.mean(right) > 0.9, contrast


def test_fluid_is_what_radiologists_expect(drawn):
    for v in drawn:
        assert v["T2"]["fluid"] > 1.5 * v["T2"]["cortex"] > 1.5 * v["T2"]["white_matter"]
        assert abs(v["FLAIR"]["fluid"]) < 0.6 * v["FLAIR"]["white_matter"]
        assert v["T1"]["cortex"] < v["T1"]["white_matter"]
    assert np.mean([abs(v["T1"]["fluid"]) < v["T1"]["cortex"] for v in drawn]) > 0.95
    assert np.mean([v["T1"]["pallidum"] > v["T1"]["cortex"] for v in drawn]) > 0.9
    assert np.mean([v["FLAIR"]["cortex"] > v["FLAIR"]["white_matter"] for v in drawn]) > 0.7
