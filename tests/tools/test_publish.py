"""What is published: the cards agree with the records and the images; the folder is whole; errors become sentences."""

import os
import re
import sys
import types

import keras
import numpy as np
import pytest

import involution_utils as iu
from involution_utils.models import PRETRAINED
from tools import publish


@pytest.mark.parametrize("name", PRETRAINED)
def test_a_card_says_what_the_records_say(name):
    text = (publish.ASSETS / f"{name}.md").read_text()
    assert text == publish.card(name), "python -m tools.publish cards"
    own, others = publish.find_records(name)
    assert f"| {100 * own.test_accuracy:.2f} % of 10,000 images" in text
    assert len(others) >= 3
    assert f"| {iu.parameters(iu.load_pretrained(name)):,} |" in text


def accuracy_on_the_card(name):
    return float(re.search(r"\| test accuracy \| ([\d.]+) %", (publish.ASSETS / f"{name}.md").read_text())[1])


@pytest.mark.parametrize("name", ["involution_classifier", pytest.param("small_rednet", marks=pytest.mark.long)])
def test_the_accuracy_on_the_images_is_the_cards(name):
    if not os.environ.get("CIFAR10_DIR"):
        pytest.skip("CIFAR10_DIR, the folder of the images, is not set")
    dataset = iu.load_dataset("cifar10")
    model, right = iu.load_pretrained(name), 0
    for start in range(0, len(dataset.x_test), 250):
        images = np.asarray(dataset.x_test[start : start + 250], "float32") / 255
        found = np.array(model.predict_on_batch(images)).argmax(-1)
        right += (found == np.ravel(dataset.y_test[start : start + 250])).sum()
    # CIFAR-10 with and without JPEG are not the same images.
    assert 100 * right / len(dataset.x_test) == pytest.approx(accuracy_on_the_card(name), abs=1)


def test_there_is_no_other_pretrained_model():
    with pytest.raises(iu.ParameterError, match='`name` must be "involution_classifier" or "small_rednet"'):
        iu.load_pretrained("rednet")


@pytest.fixture
def quick(monkeypatch):
    """Neither the export, which has tests of its own, nor the Space's page, which has too."""
    monkeypatch.setattr(publish, "export", lambda model, path: path.write_bytes(b"onnx"))
    monkeypatch.setattr(publish.space, "write", lambda folder: (folder / "index.html").write_text("a page"))


def test_the_folder_holds_a_model_that_keras_loads_and_a_card(tmp_path, quick):
    model, live = publish.build("involution_classifier", "me/inn", tmp_path)
    names = sorted(path.name for path in model.iterdir())
    assert names == ["README.md", "config.json", "metadata.json", "model.onnx", "model.weights.h5"]
    assert [path.name for path in live.iterdir()] == ["index.html"]
    loaded = keras.saving.load_model(model)  # what `hf://` does with the folder that it fetched
    shipped = iu.load_pretrained("involution_classifier")
    assert all(map(np.array_equal, loaded.get_weights(), shipped.get_weights()))
    card = (model / "README.md").read_text()
    front = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)[1]
    assert {"library_name: keras", "license: apache-2.0", "datasets: [cifar10]"} <= set(front.splitlines())
    assert 'keras.saving.load_model("hf://me/inn")' in card


@pytest.mark.long
def test_the_whole_folder_is_built(tmp_path):
    model, live = publish.build("small_rednet", "me/small-rednet", tmp_path)
    assert (model / "model.onnx").stat().st_size > 400_000
    assert (live / "index.html").stat().st_size > 400_000


class Hub(types.ModuleType):
    """In the place of huggingface_hub: keeps what would have gone."""

    def __init__(self, error=None):
        super().__init__("huggingface_hub")
        self.made, self.sent, self.error = [], {}, error

    def create_repo(self, repo_id, *, repo_type, exist_ok, space_sdk=None):
        self.made.append((repo_id, repo_type, exist_ok, space_sdk))

    def upload_folder(self, *, repo_id, folder_path, repo_type):
        if self.error:
            raise self.error
        self.sent[repo_id, repo_type] = sorted(path.name for path in folder_path.iterdir())
        return f"https://hub/{repo_id}"


def test_a_dry_run_lists_all_and_sends_nothing(monkeypatch, capsys, quick):
    hub = Hub()
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    publish.main(["model", "--repo", "me/inn", "--model", "involution_classifier", "--dry-run"])
    out = capsys.readouterr().out
    assert "model me/inn" in out
    assert "space me/inn-microscope" in out
    assert re.search(r"[\d,]+ bytes  model\.weights\.h5", out)
    assert "Nothing was uploaded." in out
    assert (hub.made, hub.sent) == ([], {})


def test_a_model_and_its_space_are_sent(monkeypatch, capsys, quick):
    hub = Hub()
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    publish.main(["model", "--repo", "me/inn", "--model", "involution_classifier"])
    assert hub.made == [("me/inn", "model", True, None), ("me/inn-microscope", "space", True, "static")]
    assert "model.onnx" in hub.sent["me/inn", "model"]
    assert hub.sent["me/inn-microscope", "space"] == ["index.html"]
    assert "at https://hub/me/inn\n" in capsys.readouterr().out


def test_an_error_of_the_hub_is_passed_on_in_a_sentence(monkeypatch, quick):
    monkeypatch.setitem(sys.modules, "huggingface_hub", Hub(ConnectionError("401 Unauthorized")))
    with pytest.raises(SystemExit, match=r"^me/inn was not published: 401 Unauthorized$"):
        publish.main(["model", "--repo", "me/inn", "--model", "involution_classifier"])


def test_the_real_library_takes_the_arguments(tmp_path):
    """The stub has the parameters that huggingface_hub has."""
    hub = pytest.importorskip("huggingface_hub")
    import inspect

    for name in ("create_repo", "upload_folder"):
        wanted = inspect.signature(getattr(Hub(), name)).parameters
        assert wanted.keys() <= inspect.signature(getattr(hub, name)).parameters.keys()


def test_without_the_library_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SystemExit, match=r'pip install "involution-utils\[publish\]"'):
        publish.upload(tmp_path, "me/inn", "model")


@pytest.mark.parametrize("repo", ["", "inn", "me/", "a/b/c"])
def test_a_repository_without_a_name_and_a_model_is_refused(repo, capsys):
    with pytest.raises(SystemExit):
        publish.main(["model", "--repo", repo])
    assert "REPO must be NAME/MODEL" in capsys.readouterr().err
