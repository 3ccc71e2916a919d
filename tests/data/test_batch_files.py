"""Archives, folders and pickles, whole, damaged and forged."""

import hashlib
import json
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_cifar10 import (
    BATCHES,
    PRELUDE,
    ROWS,
    assert_good,
    assert_recovers,
    files,
    make_archive,
    write_folder,
)

from involution_utils.data import DatasetError, cifar10, pickles


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
@pytest.mark.parametrize("protocol", [0, 4])
def test_nothing_else_is_read(payload, protocol):
    with pytest.raises(pickle.UnpicklingError, match="do not trust"):
        pickles.load(pickle.dumps(payload, protocol))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("module", [b"numpy._core.multiarray", b"numpy.core.multiarray"])
def test_batches_of_either_numpy_are_read(protocol, module):
    batch = {b"batch_label": b"testing batch 1 of 1", "rows": ROWS, b"none": None, **BATCHES["test_batch"]}
    content = pickle.dumps(batch, protocol)
    ours, name = b"numpy._core.multiarray", module
    if protocol == 4:  # there the length of the module's name precedes it
        ours, name = bytes([0x8C, len(ours)]) + ours, bytes([0x8C, len(name)]) + name
        content = content[:2] + content[11:]  # and a frame names its size: leave it out
    assert ours in content
    read = pickles.load(content.replace(ours, name))
    assert list(read) == list(batch)
    np.testing.assert_array_equal(read.pop(b"data"), batch.pop(b"data"))
    assert read == batch


def written_by_python_2(data, labels):
    """The instructions of the real files, one by one, as Python 2 and NumPy 1 chose them."""
    names = b"".join(b"U\x05%dq\x0f" % (10_000 + i) for i in range(len(labels)))
    return (
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labelsq\x04]q\x05("
        + b"".join(b"K%c" % label for label in labels)
        + b"eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\x09"
        + b"(K\x01M%bM\x00\x0c\x86cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b" % struct.pack("<H", len(data))
        + b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T%b" % struct.pack("<i", data.nbytes)
        + data.tobytes()
        + b"tbU\x09filenamesq\x0d]q\x0e(%beu." % names
    )


def test_files_of_python_2_are_read(load, tmp_path, monkeypatch):
    folder = write_folder(tmp_path)
    for name, batch in BATCHES.items():
        content = written_by_python_2(batch[b"data"], batch[b"labels"])
        theirs = pickle.loads(content, encoding="bytes")  # pickle itself reads them so
        np.testing.assert_array_equal(theirs[b"data"], batch[b"data"])
        (folder / name).write_bytes(content)
    monkeypatch.setenv("CIFAR10_DIR", str(folder))
    assert_good(load(), "CIFAR10_DIR")


def reconstructed(state):
    """An array with this state, as NumPy 2 pickles it in protocol 2."""
    return b"\x80\x02cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R" + state + b"b."


BYTES = b"cnumpy\ndtype\nX\x02\x00\x00\x00u1\x89\x88\x87R"
FORGED = {
    "pointers": b"\x80\x02}C\x04datacnumpy\nndarray\nK\x01\x85cnumpy\ndtype\nC\x01O\x85RC\x08AAAAAAAA\x87Rs.",
    "objects": reconstructed(b"(K\x01K\x01\x85cnumpy\ndtype\nC\x02O8\x89\x88\x87R\x89]K\x00at"),
    "huge shape": reconstructed(b"(K\x01\x8a\x06\0\0\0\0\0\x01\x85" + BYTES + b"\x89C\x01xt"),
    "negative shape": reconstructed(b"(K\x01J\xff\xff\xff\xffJ\xff\xff\xff\xff\x86" + BYTES + b"\x89C\x01xt"),
    "Fortran order": reconstructed(b"(K\x01K\x01\x85" + BYTES + b"\x88C\x01xt"),
    "many axes": reconstructed(b"(K\x01(" + b"K\x01" * 1000 + b"t" + BYTES + b"\x89C\x01xt"),
    "deep key": b"\x80\x02}" + b")" + b"\x85" * 200_000 + b"K\x01s.",
    "deep name": b"\x80\x04" + b")" + b"\x85" * 200_000 + b"\x8c\x01x\x93.",
    "deep label": b"\x80\x02}C\x06labels]" + b"\x85" * 200_000 + b"s.",
    "huge memo": b"\x80\x02}r\xff\xff\xff\xff.",
    "huge frame": b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f}.",
    "huge bytes": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f}.",
    "many instructions": b"\x80\x02}" + b"}" * 10_000_000 + b".",
    "long text repeated": (
        b"\x80\x02c_codecs\nencode\nq\x01X%bq\x02" % (struct.pack("<I", 10**7) + b"x" * 10**7)
        + b"h\x01h\x02X\x06\0\0\0latin1\x86R" * 20_000
        + b"."
    ),
    "another encoding": b"\x80\x02c_codecs\nencode\nX\x01\0\0\0xX\x05\0\0\0utf_7\x86R.",
    "attributes": b"\x80\x02cnumpy\nndarray\n}X\x01\0\0\0xK\x01sb.",
    "too large": b"\x80\x02}" + b" " * pickles.MAX_BYTES,
    "a list": b"\x80\x02].",
    "nothing": b"",
}

ATTACK = """
import resource
before = resource.getrusage(resource.RUSAGE_SELF)
try:
    cifar10._read_batch(sys.stdin.buffer, "data_batch_1")
except ValueError as error:
    print(error)
after = resource.getrusage(resource.RUSAGE_SELF)
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, (after.ru_maxrss - before.ru_maxrss) / 1024)
"""


@pytest.mark.parametrize("name", FORGED)
def test_forged_files_are_refused_at_little_cost(name):
    """In a process of its own, which several of them crash, or fill the memory, when pickle reads them."""
    ran = subprocess.run([sys.executable, "-c", PRELUDE + ATTACK], input=FORGED[name], capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stderr[-2000:]
    said, cost = ran.stdout.decode().splitlines()
    seconds, mebibytes = map(float, cost.split())
    assert said.startswith("data_batch_1 cannot be read: it ")
    assert len(said) < 150
    assert seconds < 5
    assert mebibytes < 6 * len(FORGED[name]) / 2**20 + 50


@pytest.mark.slow
def test_mutated_files_never_crash_never_run_code_and_end_in_a_sentence():
    """`fuzz.py` in a process of its own: 20,000 files, changed in bytes and in instructions."""
    program = Path(__file__).with_name("fuzz.py").read_text()
    ran = subprocess.run([sys.executable, "-c", PRELUDE + program], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout)
    assert found["files"] == 20_000
    assert found["sentences"] > 10_000
    assert found["read"] > 1_000  # a changed pixel, say: not all that changes is damage
    assert found["bad"] == []
    assert found["mebibytes"] < 100


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


@pytest.mark.parametrize("copied", [("data_batch_1", "test_batch"), ("data_batch_3", "data_batch_2")])
def test_a_file_copied_in_place_of_another_is_noticed(copied, load, tmp_path, monkeypatch):
    """Else a network would be tested on images that it was trained on."""
    folder = write_folder(tmp_path)
    (folder / copied[1]).write_bytes((folder / copied[0]).read_bytes())
    monkeypatch.setenv("CIFAR10_DIR", str(folder))
    with pytest.raises(DatasetError, match=f"{' and '.join(sorted(copied))} hold the same images"):
        load()
