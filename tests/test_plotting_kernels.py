"""Figures of kernels."""

import numpy as np

from involution_utils import plotting


def images_of(figure):
    return [image for axis in figure.axes for image in axis.get_images()]


def test_maps_of_one_layer_share_a_scale_and_layers_do_not():
    rng = np.random.default_rng(0)
    maps = {"first": rng.random((3, 8, 8)), "second": 100 * rng.random((3, 4, 4))}
    drawn = images_of(plotting.kernel_maps(rng.random((3, 8, 8, 3)), maps))
    scales = [
        image.get_clim()
        for image in drawn
        if image.get_array().ndim == 2 and image.get_array().shape in [(8, 8), (4, 4)]
    ]
    assert len(set(scales[:3])) == len(set(scales[3:6])) == 1
    assert scales[0] != scales[3]


def test_rows_of_maps_can_share_the_scale_of_the_first():
    maps = {"before": np.linspace(0, 1, 32).reshape(2, 4, 4), "after": np.zeros((2, 4, 4))}
    drawn = images_of(plotting.kernel_maps(np.zeros((2, 8, 8, 3)), maps, share=True))
    scales = {image.get_clim() for image in drawn if image.get_array().shape == (4, 4)}
    assert len(scales) == 1
    assert np.ptp(scales.pop()) > 0.9


def test_kernels_at_scales_places_to_a_pooled_layer():
    kernels = np.arange(16.0).reshape(4, 4, 1, 1)
    drawn = images_of(plotting.kernels_at(np.zeros((8, 8, 3)), {"corner": (7, 2)}, kernels))
    assert drawn[1].get_array().item() == kernels[3, 1].item()


def test_marks_are_hollow_so_that_their_pixel_can_be_seen():
    axes = plotting.kernels_at(np.zeros((8, 8, 3)), {"a": (1, 1), "b": (5, 2)}, np.ones((8, 8, 3, 3))).axes[0]
    assert [line.get_markerfacecolor() for line in axes.lines] == ["none"] * 4
    assert {tuple(line.get_xydata()[0]) for line in axes.lines} == {(1, 1), (2, 5)}


def test_kernels_at_shows_the_result_last_without_a_kernel():
    result = np.full((8, 8, 3), 0.25)
    drawn = images_of(plotting.kernels_at(np.zeros((8, 8, 3)), {"a": (1, 1)}, np.ones((8, 8, 3, 3)), result))
    assert [image.get_array().shape for image in drawn[:3]] == [(8, 8, 3), (3, 3), (8, 8, 3)]
    assert (drawn[2].get_array() == result).all()


def test_a_limit_ends_the_colors_of_all_kernels():
    kernels = np.ones((8, 8, 3, 3))
    drawn = images_of(plotting.kernels_at(np.zeros((8, 8, 3)), {"a": (1, 1), "b": (2, 2)}, kernels, limit=0.5))
    assert [image.get_clim() for image in drawn[1:3]] == [(-0.5, 0.5)] * 2


def test_lesions_draws_each_measurement_once_hollow_until_the_normalization_is_estimated_anew():
    def measured(lesion, layer, reestimated, accuracy):
        names = ("lesion", "layer", "reestimated", "validation_accuracy")
        return dict(zip(names, (lesion, layer, reestimated, accuracy), strict=True))

    records = [measured("none", "all", False, 0.9), measured("none", "all", True, 0.91)]
    records += [measured("shuffled", "block_1_involution", False, 0.5), measured("dataset_mean", "all", True, 0.7)]
    other = [one | {"validation_accuracy": one["validation_accuracy"] / 2} for one in records]
    axes = plotting.lesions({"one": records, "other": other}).axes
    dots = [line for line in axes[0].lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in dots] == [0.5, 0.7]
    assert [line.get_markerfacecolor() == "white" for line in dots] == [True, False]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["block 1", "all"]
    assert [round(dot.get_ydata()[0]) for dot in dots] == [0, 1]
    assert np.ptp(axes[0].get_xlim()) == np.ptp(axes[1].get_xlim())  # losses compare by eye


def test_dots_of_five_lesions_of_a_layer_do_not_cover_each_other():
    names = ("dataset_mean", "image_mean", "position_mean", "shuffled", "zero")
    records = [{"lesion": name, "layer": "all", "reestimated": True, "validation_accuracy": 0.5} for name in names]
    none = [record | {"lesion": "none", "validation_accuracy": 0.9} for record in records[:1]]
    dots = [line for line in plotting.lesions({"one": none + records}).axes[0].lines if line.get_marker() == "o"]
    heights = sorted(dot.get_ydata()[0] for dot in dots)
    assert min(np.diff(heights)) > 0.1
    assert -0.5 < heights[0] < heights[-1] < 0.5
    assert len({dot.get_color() if dot.get_mfc() == "white" else dot.get_mfc() for dot in dots}) == 5


def test_a_tap_is_framed_in_the_kernel_of_its_place_alone():
    places, taps = {"a": (1, 1), "b": (2, 2)}, {"b": (0, 2)}
    axes = plotting.kernels_at(np.zeros((8, 8, 3)), places, np.ones((8, 8, 3, 3)), taps=taps).axes
    assert len(axes[1].patches) == 0
    (frame,) = axes[2].patches
    assert frame.get_xy() == (1.5, -0.5)


def test_by_layer_writes_each_number_at_its_dot():
    measures = {
        "share": {"trained": [0.5, 0.75], "untrained": [0.6, 0.25]},
        "rank": {"trained": [2, 3], "untrained": [7.04, 9]},
    }
    share, rank = plotting.by_layer(measures, ["1", "2"], {"share": [0.99, 0.9]}).axes
    assert sorted(text.get_text() for text in share.texts) == ["0.25", "0.50", "0.60", "0.75"]
    assert sorted(text.get_text() for text in rank.texts) == ["2.0", "3.0", "7.0", "9.0"]
    bars, trained, untrained = share.lines
    assert list(bars.get_ydata()) == [0.99, 0.9]
    assert list(trained.get_ydata()) == [0.5, 0.75]
    assert (trained.get_mfc() == "white", untrained.get_mfc()) == (False, "white")
    assert np.isnan(rank.lines[0].get_ydata()).all()  # no noise was given


def test_the_ladder_shows_which_generators_look_at_what():
    kernels = {}
    drawn = images_of(plotting.ladder())[:15]
    for number, image in enumerate(drawn):
        kernels["ABC"[number // 5], number % 5] = np.asarray(image.get_array())
    same = {rung: [np.allclose(kernels["A", rung], kernels[other, rung]) for other in "BC"] for rung in range(1, 5)}
    assert same == {1: [True, True], 2: [False, False], 3: [False, False], 4: [True, False]}
    for rung in (2, 3):
        assert all(kernels[name, rung].min() >= 0 and np.isclose(kernels[name, rung].sum(), 1) for name in "ABC")


def test_an_arrow_points_to_its_tap():
    taps = np.array([[5, 7], [1, 3]])
    (arrows,) = plotting.links(np.zeros((2, 2, 3)), taps).axes[0].collections
    assert arrows.U.tolist() == [1, 0, 0, -1]
    assert arrows.V.tolist() == [0, 1, -1, 0]
