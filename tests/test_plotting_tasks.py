"""Figures of labels, signals and clips."""

import numpy as np
import pytest

from involution_utils import ParameterError, plotting

CLASSES = ("background", "disk", "ring")


def images_of(figure):
    return [image for axis in figure.axes for image in axis.get_images()]


def test_a_class_has_the_color_of_the_legend_in_every_map_whatever_its_size():
    small, large = np.array([[0, 2], [0, 0]]), np.full((6, 9), 2)
    figure = plotting.label_maps({"truth": [small, large]}, CLASSES, ["small", "large"])
    (legend,) = figure.legends
    wanted = dict(zip(CLASSES, [patch.get_facecolor() for patch in legend.get_patches()], strict=True))
    one, other = images_of(figure)
    for image in (one, other):
        ring = image.cmap(image.norm(2))
        assert np.allclose(ring, wanted["ring"])
    assert np.allclose(one.cmap(one.norm(0)), wanted["background"])
    assert [axis.get_title() for axis in figure.axes] == ["small", "large"]


def test_pictures_are_shown_as_they_are_beside_labels():
    picture = np.random.default_rng(0).random((4, 5, 3))
    drawn = images_of(plotting.label_maps({"image": [picture], "truth": [np.zeros((4, 5), int)]}, CLASSES))
    assert (drawn[0].get_array() == picture).all()


def test_more_classes_than_colors_are_refused():
    with pytest.raises(ParameterError, match=r"`class_names` must be at most 8 names\. Received: class_names=9"):
        plotting.label_maps({"truth": [np.zeros((2, 2), int)]}, [str(number) for number in range(9)])


@pytest.mark.parametrize(("classes", "columns", "wanted"), [(7, 4, 4), (3, 4, 3), (7, 1, 1), (8, 10, 8)])
def test_the_rows_of_the_legend_are_about_equally_long(classes, columns, wanted):
    picture = np.zeros((2, 2, 3))
    figure = plotting.label_maps({"image": [picture] * columns}, [str(n) for n in range(classes)], size=1.6)
    assert figure.legends[0]._ncols == wanted


def test_a_column_has_the_maps_of_the_images_and_below_them_the_mean_of_all():
    rng = np.random.default_rng(0)
    images, maps = rng.random((5, 8, 8, 3)), {"one": rng.random((5, 4, 4)), "other": 10 * rng.random((5, 4, 4))}
    figure = plotting.maps_and_means(images, maps, [3, 1])
    drawn = [np.asarray(image.get_array()) for image in images_of(figure)[:8]]  # the rest is color bars
    expected = [images[3], maps["one"][3], maps["other"][3], images[1], maps["one"][1], maps["other"][1]]
    for found, wanted in zip(drawn, [*expected, maps["one"].mean(0), maps["other"].mean(0)], strict=True):
        np.testing.assert_array_equal(found, wanted)
    one, other = ({images_of(figure)[n].get_clim() for n in column} for column in ((1, 4, 6), (2, 5, 7)))
    assert len(one) == len(other) == 1
    assert one != other
    assert "5 images" in figure.axes[6].texts[0].get_text()


def test_shaded_steps_lie_on_a_band_with_one_entry_in_the_legend():
    figure = plotting.signal({"noisy": np.arange(6.0)}, shaded={"flat": [True, True, False, False, True, False]})
    bands = [patch.get_bbox() for patch in figure.axes[0].patches]
    assert [(band.x0, band.x1) for band in bands] == [(-0.5, 1.5), (3.5, 4.5)]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["noisy", "flat"]


def test_a_kernel_stands_below_its_step_the_first_tap_on_top():
    kernels = np.zeros((5, 3))
    kernels[4, 0] = 1
    top, strip, _ = plotting.signal({"noisy": np.arange(5.0), "clean": np.ones(5)}, kernels, "volts").axes
    (image,) = strip.get_images()
    assert image.get_array()[0, 4] == 1
    assert image.get_extent() == [-0.5, 4.5, 1.5, -1.5]  # tap -1 between -1.5 and -0.5, above
    assert [list(line.get_ydata()) for line in top.lines] == [[0, 1, 2, 3, 4], [1] * 5]
    assert top.get_ylabel() == "volts"


def test_curves_alone_need_one_panel():
    assert len(plotting.signal({"noisy": np.arange(5.0)}).axes) == 1


def test_clips_are_strips_of_frames_on_one_scale():
    frames = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((3, 3), np.uint8)
    figure = plotting.clips({"left": frames, "right": 2 * frames}, every=2)
    drawn = images_of(figure)
    assert [image.get_array()[0, 0] for image in drawn] == [0, 2, 0, 4]
    assert {image.get_clim() for image in drawn} == {(0, 255)}
    assert [axis.get_title() for axis in figure.axes[:2]] == ["frame 0", "frame 2"]
