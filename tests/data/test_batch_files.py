"""Batch files as Python 2 and 3 wrote them, damaged and forged: a pickle that is read without being obeyed."""

import os
import pickle
import pickletools
import re
import resource
import struct
import time

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from small_cifar10 import BATCHES, ROWS, assert_good, write_folder

from involution_utils.data import DatasetError, cifar10


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_batch_that_asks_for_something_is_read_and_not_obeyed(tmp_path):
    batch = BATCHES["test_batch"] | {b"more": Malicious(tmp_path / "owned")}
    np.testing.assert_array_equal(cifar10._read_batch(pickle.dumps(batch, 3), "x")[1], batch[b"labels"])
    assert not (tmp_path / "owned").exists()


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
    files = {name: written_by_python_2(batch[b"data"], batch[b"labels"]) for name, batch in BATCHES.items()}
    theirs = pickle.loads(files["test_batch"], encoding="bytes")  # pickle itself reads them so
    np.testing.assert_array_equal(theirs[b"data"], BATCHES["test_batch"][b"data"])
    monkeypatch.setenv("CIFAR10_DIR", str(write_folder(tmp_path, files)))
    assert_good(load(), "CIFAR10_DIR")


DATA = BATCHES["test_batch"][b"data"]
FORGED = {
    "order of Fortran": pickle.dumps(BATCHES["test_batch"] | {b"data": np.asfortranarray(DATA)}, 3),
    "few bytes": pickle.dumps(BATCHES["test_batch"] | {b"data": DATA[:-1]}, 3),
    "few labels": pickle.dumps(BATCHES["test_batch"] | {b"labels": [1] * (ROWS - 1)}, 3),
    "a large label": pickle.dumps(BATCHES["test_batch"] | {b"labels": [10] * ROWS}, 3),
    "huge memo": b"\x80\x02}r\xff\xff\xff\xff.",
    "huge bytes": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f}.",
    "many instructions": b"\x80\x02}" + b"}" * 10_000_000 + b".",
    "the end is missing": pickle.dumps(BATCHES["test_batch"], 3)[:-1],
    "nothing": b"",
}
SENTENCE = r"data_batch_1 (cannot be read: it|does not hold) [^\n]{5,150}"


@pytest.mark.parametrize("name", FORGED)
def test_forged_files_are_refused_at_little_cost(name):
    """Several of them crash pickle, or fill the memory."""
    begin, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=f"^{SENTENCE}$"):
        cifar10._read_batch(FORGED[name], "data_batch_1")
    assert time.process_time() - begin < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 150 * 1024  # KiB


def test_a_file_larger_than_any_is_not_read(load, tmp_path, monkeypatch):
    folder = write_folder(tmp_path)
    with (folder / "data_batch_1").open("r+b") as file:
        file.truncate(2**40)  # a hole, which takes no space
    monkeypatch.setenv("CIFAR10_DIR", str(folder))
    with pytest.raises(DatasetError, match="data_batch_1 cannot be read"):
        load()


ORIGINALS = [
    written_by_python_2(BATCHES["test_batch"][b"data"], list(range(10)) * 6),
    *(pickle.dumps(BATCHES["test_batch"], protocol) for protocol in (3, 4)),
]
PIECES = [
    *([bytes([code]) for code in range(256)]),
    *(b"O8", b"\xff" * 4, b"\0" * 4, b"\xff" * 7 + b"\x7f", b"cos\nsystem\n", b"cbuiltins\neval\n", b"\x85" * 500),
]


EDITS = st.tuples(st.booleans(), st.integers(0, 2**16), st.sampled_from(PIECES), st.integers(0, 9))


@hypothesis.given(st.sampled_from(range(3)), st.lists(EDITS, min_size=1, max_size=8))
def test_mutated_files_never_crash_and_end_in_a_sentence(original, edits):
    """Some bytes make way for others, at any of the first ones or where an instruction begins."""
    content = ORIGINALS[original]
    begins = [position for _, _, position in pickletools.genops(content)]
    for at_instruction, place, piece, removed in edits:
        at = begins[place % len(begins)] if at_instruction else place % 700
        content = content[:at] + piece + content[at + removed :]
    try:
        outcome = [part.shape for part in cifar10._read_batch(content, "data_batch_1")]
    except ValueError as error:
        outcome = str(error)
    assert outcome == [(ROWS, 32, 32, 3), (ROWS,)] or re.fullmatch(SENTENCE, outcome)
