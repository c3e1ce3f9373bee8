import matplotlib.image
import numpy as np

from hifisyn.pictures import BRAIN, LABEL_COLOURS, label_colour
from hifisyn.quality.mosaic import GREY_LEVELS, Column, border, paint, to_grey, write_mosaic


def read(path):
    return np.rint(matplotlib.image.imread(path)[..., :3] * 255).astype(int)


def test_every_pixel_of_every_panel_is_in_the_picture(tmp_path):
    ramp = np.tile(np.linspace(-1, 1, 90), (40, 1))
    large, small = to_grey(ramp), to_grey(-ramp[:20, :30])
    line = np.zeros((40, 90), bool)
    line[7, :] = True
    write_mosaic(tmp_path / "m.png", [Column("a", [paint(large, line, BRAIN)]), Column("b", [small] * 3)], title="t")
    picture = read(tmp_path / "m.png")[54:]
    assert (picture == BRAIN).all(axis=-1).sum() == 90
    left = picture[:, : 90 + 8]
    rows = np.flatnonzero((left == BRAIN).all(axis=-1).any(axis=1))
    assert len(rows) == 1
    shown = left[rows[0] + 1, 4:94, 0]
    assert np.abs(shown - large[0, :, 0]).max() <= 255 / (GREY_LEVELS - 1)
    assert (picture[:, 98:, 0] > 0).sum() >= 3 * small.shape[0] * (small.shape[1] - 2)


def test_borders_lie_inside_the_larger_label():
    labels = np.array([[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 2, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]])
    expected = labels > 0
    assert (border(labels) == expected).all()
    assert not border(np.full((4, 4), 3)).any()


def test_long_titles_and_odd_letters_are_no_obstacle(tmp_path):
    write_mosaic(tmp_path / "m.png", [Column("<b>ä$x_1$</b>" * 9, [to_grey(np.zeros((9, 9)))])], title="Ω" * 400)
    assert read(tmp_path / "m.png").shape[1] == 9 + 8


def test_the_first_labels_have_colours_of_their_own_that_show_on_black():
    colours = [label_colour(value) for value in range(1, 15)]
    assert len(set(colours)) == 14
    assert colours[:7] == list(LABEL_COLOURS)
    for red, green, blue in colours:
        assert 0.2126 * red + 0.7152 * green + 0.0722 * blue > 70
