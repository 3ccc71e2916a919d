"""Archives, folders and pickles, whole, damaged and forged."""

import hashlib
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from small_cifar10 import (
    BATCHES,
    ROWS,
    assert_good,
    assert_recovers,
    files,
    make_archive,
    write_folder,
)

from involution_utils.data import DatasetError, cifar10

# ---- archives and pickles --------------------------------------------------------------------------------------------


def test_archive_with_members_outside_its_folder_writes_nothing_there(load, monkeypatch, tmp_path, cache):
    evil = [("../evil", b"x"), ("/tmp/involution-evil", b"x"), (f"{cifar10.FOLDER}/../../evil", b"x")]
    archive = make_archive(evil + [(f"{cifar10.FOLDER}/{name}", pickle.dumps(b, 2)) for name, b in BATCHES.items()])
    monkeypatch.setattr(cifar10, "ARCHIVE_SHA256", hashlib.sha256(archive).hexdigest())
    (tmp_path / "evil.tar.gz").write_bytes(archive)
    assert load((tmp_path / "evil.tar.gz").as_uri()).name == "cifar10"
    assert files(tmp_path) == ["cache", "cifar10.json", "cifar10.npz", "evil.tar.gz"]
    assert not Path("/tmp/involution-evil").exists()
    assert not list(Path.cwd().glob("evil*"))


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_malicious_pickle_is_not_obeyed(load, tmp_path, monkeypatch, server, cache):
    folder = write_folder(tmp_path, {**BATCHES, "data_batch_2": Malicious(tmp_path / "owned")})
    monkeypatch.setenv("CIFAR10_DIR", str(folder))
    with pytest.raises(DatasetError, match=r"data_batch_2.*mkdir.*do not trust"):
        load()
    assert not (tmp_path / "owned").exists()
    monkeypatch.delenv("CIFAR10_DIR")
    assert_recovers(load, server, cache)


@pytest.mark.parametrize("payload", [print, eval, np.load, np.fromfile, pickle.loads, np.dtype.newbyteorder])
def test_unpickler_allows_nothing_else(payload):
    with pytest.raises(pickle.UnpicklingError, match="do not trust"):
        cifar10._BatchUnpickler(io.BytesIO(pickle.dumps(payload, 4)), encoding="bytes").load()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_unpickler_reads_batches_of_either_numpy(protocol):
    content = pickle.dumps(BATCHES["test_batch"], protocol)
    for module in (b"numpy._core.multiarray", b"numpy.core.multiarray"):
        if protocol < 4:  # there the module's name stands in the open
            content = content.replace(b"numpy._core.multiarray", module)
        batch = cifar10._BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
        np.testing.assert_array_equal(batch[b"data"], BATCHES["test_batch"][b"data"])


def broken_batch(fault):
    batch = dict(BATCHES["data_batch_3"])
    if fault == "labels":
        batch[b"labels"] = batch[b"labels"][:-1]
    elif fault == "rows":
        batch[b"data"] = batch[b"data"][:-1]
    elif fault == "range":
        batch[b"labels"] = [10, *batch[b"labels"][1:]]
    content = pickle.dumps(batch, 2)
    return content[: len(content) // 2] if fault == "truncated" else content


@pytest.mark.parametrize("fault", ["truncated", "labels", "rows", "range", "gone"])
def test_damaged_cifar10_dir(load, tmp_path, monkeypatch, server, cache, capsys, fault):
    folder = write_folder(tmp_path)
    if fault == "gone":
        (folder / "data_batch_3").unlink()
    else:
        (folder / "data_batch_3").write_bytes(broken_batch(fault))
    monkeypatch.setenv("CIFAR10_DIR", str(tmp_path))
    # "cifar10" uses no other data than the folder asked for ...
    with pytest.raises(DatasetError, match="data_batch_3") as caught:
        load(server.url + "/good")
    assert "unset CIFAR10_DIR" in str(caught.value)
    assert files(cache) == []
    # ... "auto" says so and goes on ...
    assert_good(load(server.url + "/good", name="auto"), "download from 127.0.0.1")
    assert "data_batch_3" in capsys.readouterr().out
    # ... and once the folder is whole, it serves.
    (folder / "data_batch_3").write_bytes(pickle.dumps(BATCHES["data_batch_3"], 2))
    assert_good(load(), "CIFAR10_DIR")


def test_labels_of_one_class_only(load, tmp_path, monkeypatch):
    write_folder(tmp_path, {name: {**batch, b"labels": [3] * ROWS} for name, batch in BATCHES.items()})
    monkeypatch.setenv("CIFAR10_DIR", str(tmp_path))
    with pytest.raises(DatasetError, match="leave out some of the ten classes"):
        load()
