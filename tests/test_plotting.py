"""Each figure draws the numbers that it was given where they belong, and says in words what it shows."""

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from involution_utils import ParameterError, plotting
from involution_utils.plotting import OKABE_ITO


def images_of(figure):
    return [image for axis in figure.axes for image in axis.get_images()]


def arrays_of(figure):
    return [np.asarray(image.get_array()) for image in images_of(figure)]


@pytest.mark.parametrize("alt", [" ", None, 3])
def test_a_figure_without_a_text_is_refused(alt):
    import matplotlib.pyplot

    with pytest.raises(ParameterError, match="`alt` must be a sentence"):
        plotting.show(matplotlib.pyplot.figure(), alt)


def test_show_returns_a_png_with_its_text_and_closes_a_figure_of_pyplot():
    import matplotlib.pyplot

    before = matplotlib.pyplot.get_fignums()
    shown = plotting.show(matplotlib.pyplot.figure(), "an empty page")
    data, metadata = shown._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == "an empty page"
    assert shown.data.startswith(b"\x89PNG")
    assert data["image/png"]
    assert matplotlib.pyplot.get_fignums() == before


def test_a_figure_says_what_it_shows_with_the_numbers_that_it_draws():
    history = {"loss": [3, 2], "val_loss": [3, 2.5], "accuracy": [0.1, 0.4], "val_accuracy": [0.1, 0.34567]}
    image, kernels = np.zeros((8, 8, 3)), np.ones((8, 8, 3, 3))
    texts = {
        "2 images: cat; dog, 3": plotting.image_grid([image, image], ["cat", "dog\n3"]),
        "A ends at a test accuracy of 0.35": plotting.curves({"A": history}),
        "ours 0.100 to 0.450, band 0.410 to 0.480": plotting.dot_plot(
            {"INN": ({"ours": [0.45, 0.1]}, (0.41, 0.48))}, ""
        ),
        "a − b 0.2 (0.1 to 0.3)": plotting.forest({"a − b": (0.2, 0.1, 0.3)}, "points"),
        "blur 0.0 and 5.0": plotting.error_frontier([(0, 3), (4, 0)], {"blur": (0, 5)}, ("wall", "face")),
        "each cell: kernel": plotting.matrices({"kernel": np.eye(2)}),
        "large: sum": plotting.kernel_maps(image[None], {"sum": kernels.sum((2, 3))[None]}),
        "of each: nose": plotting.kernels_at(image, {"nose": (1, 1)}, kernels),
        "row: truth": plotting.label_maps({"truth": [np.zeros((2, 2), int)]}, ["a"]),
        "two hidden numbers": plotting.layer_diagram(),
    }
    for words, figure in texts.items():
        assert words in plotting.show(figure).metadata["alt"]


def test_frames_lie_around_their_regions_and_are_named_once():
    figure = plotting.image_grid(np.zeros((2, 9, 9)), "ab", frames={"eye": np.s_[2:5, 1:8]})
    for axis in figure.axes[:2]:
        (frame,) = axis.patches
        assert (frame.get_y(), frame.get_x(), frame.get_height(), frame.get_width()) == (2, 1, 3, 7)
    assert [[text.get_text() for text in axis.texts] for axis in figure.axes[:2]] == [["eye"], []]


def test_matrices_show_no_negative_zero():
    (axis,) = plotting.matrices({"a": np.array([[-0.04, -0.06]])}, fmt="{:+.1f}").axes
    assert [text.get_text() for text in axis.texts[1:]] == ["+0.0", "-0.1"]


@pytest.mark.parametrize(("limit", "ends"), [(None, 3), (0.5, 0.5)])
def test_signed_matrices_share_a_scale_around_zero_that_a_limit_ends(limit, ends):
    drawn = images_of(plotting.matrices({"a": [[-1, 3]], "b": [[0, 0.5]]}, fmt="", signed=True, limit=limit))
    assert [image.get_clim() for image in drawn[:2]] == [(-ends, ends)] * 2


def test_numbers_can_be_read_on_their_color():
    for value, color in zip(plotting.matrices({"a": [[0, 1]]}).axes[0].texts[1:], ("white", "black"), strict=True):
        assert value.get_color() == color  # dark blue and yellow


def test_what_has_a_color_on_other_pages_keeps_it_and_nothing_else_takes_it():
    assert plotting.colors_of(["other", "involution"]) == {"other": OKABE_ITO[0], "involution": OKABE_ITO[1]}
    assert len(set(plotting.colors_of([*"abcdefgh"]).values())) == 8


def test_maps_of_one_row_share_a_scale_and_rows_do_not_unless_asked():
    rng = np.random.default_rng(0)
    maps = {"first": rng.random((3, 8, 8)), "second": 100 * rng.random((3, 4, 4))}
    for share in (False, True):
        drawn = images_of(plotting.kernel_maps(rng.random((3, 6, 6, 3)), maps, share))
        first, second = ({i.get_clim() for i in drawn if i.get_array().shape == (side, side)} for side in (8, 4))
        assert len(first) == len(second) == 1
        assert (first == second) == share


def test_kernels_at_scales_places_to_a_pooled_layer_and_marks_them_hollow():
    kernels = np.arange(16.0).reshape(4, 4, 1, 1)
    figure = plotting.kernels_at(np.zeros((8, 8, 3)), {"corner": (7, 2)}, kernels)
    assert arrays_of(figure)[1].item() == kernels[3, 1].item()
    assert [(*line.get_xydata()[0], line.get_markerfacecolor()) for line in figure.axes[0].lines] == [
        (2, 7, "none")
    ] * 2


def test_kernels_at_ends_the_colors():
    places = {"a": (1, 1), "b": (2, 2)}
    figure = plotting.kernels_at(np.zeros((8, 8, 3)), places, np.ones((8, 8, 3, 3)), limit=0.5)
    assert [image.get_clim() for image in images_of(figure)[1:3]] == [(-0.5, 0.5)] * 2


def test_a_class_has_the_color_of_the_legend_in_every_map_and_pictures_stay_as_they_are():
    picture = np.random.default_rng(0).random((4, 5, 3))
    small, large = np.array([[0, 2], [0, 0]]), np.full((6, 9), 2)
    rows = {"image": [picture, picture], "truth": [small, large]}
    figure = plotting.label_maps(rows, ("background", "disk", "ring"), ["small", "large"])
    colors = {patch.get_label(): patch.get_facecolor()[:3] for patch in figure.legends[0].get_patches()}
    first, _, one, other = arrays_of(figure)
    np.testing.assert_array_equal(first, picture)
    np.testing.assert_allclose([one[0, 1], other[5, 8], one[0, 0]], [*[colors["ring"]] * 2, colors["background"]])
    assert [axis.get_title() for axis in figure.axes] == ["small", "large", "", ""]
    assert [axis.get_ylabel() for axis in figure.axes] == ["image", "", "truth", ""]


def test_more_classes_than_colors_are_refused():
    with pytest.raises(ParameterError, match=r"`class_names` must be at most 8 names\. Received: class_names=9"):
        plotting.label_maps({"truth": [np.zeros((2, 2), int)]}, [*"abcdefghi"])


def test_curves_name_each_model_beside_its_test_curve():
    history = {"loss": [3, 2], "val_loss": [3, 2.5], "accuracy": [0.1, 0.4], "val_accuracy": [0.1, 0.3]}
    axes = plotting.curves({"A": history, "B": history | {"val_loss": [3, 1]}}).axes
    assert [(text.get_text(), text.xy) for text in axes[0].texts] == [("A", (2, 2.5)), ("B", (2, 1))]
    assert [line.get_ydata().tolist() for line in axes[1].lines[:2]] == [[0.1, 0.4], [0.1, 0.3]]


def test_a_dot_plot_shows_every_run_and_writes_those_beyond_the_panel_at_its_edge():
    rows = {"ours": [0.44, 0.45, 0.1], "published": [0.472], "this page": [0.99]}
    first, second = plotting.dot_plot({"CNN": ({"ours": [0.7]}, (0.69, 0.71)), "INN": (rows, (0.41, 0.48))}, "").axes
    assert [text.get_text() for text in second.texts if text.get_text()] == ["← 0.100", "0.990 →"]
    assert [line.get_xdata().tolist() for line in second.lines] == list(rows.values())
    assert np.ptp(first.get_xlim()) == pytest.approx(np.ptp(second.get_xlim()))


def test_a_forest_has_a_row_per_estimate():
    (axis,) = plotting.forest({"a": (0.2, 0.1, 0.3, 0), "b": (-0.1, -0.4, 0.2)}, "").axes
    bars = [each for each in axis.containers if isinstance(each, ErrorbarContainer)]
    ends = [bar.lines[2][0].get_segments()[0].ravel().tolist() for bar in bars]
    np.testing.assert_allclose(ends, [[0.1, 0, 0.3, 0], [-0.4, 1, 0.2, 1]])


def test_errors_are_drawn_where_they_are():
    front, ends = [(0, 3), (1, 1), (4, 0)], [(0, 5), (4, 0)]
    (axis,) = plotting.error_frontier(front, {"blur": (0, 5)}, ("wall", "face"), ends).axes
    curve, mixtures, _, blur = axis.lines
    assert (mixtures.get_xydata().tolist(), mixtures.get_linestyle()) == ([[0, 5], [4, 0]], "--")
    assert (curve.get_xydata().tolist(), blur.get_xydata().tolist()) == ([[0, 3], [1, 1], [4, 0]], [[0, 5]])
