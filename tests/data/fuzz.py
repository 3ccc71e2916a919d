"""Change small batch files at random, in bytes and in instructions, and read them. Prints what happened, as JSON.

Runs after the prelude of `small_cifar10`, in a process of its own.
"""

import io
import itertools
import json
import pickle
import pickletools
import random
import re
import resource
import sys

import numpy as np

from involution_utils.data import cifar10

cifar10.BATCH_ROWS = rows = 10
random.seed(0)
data = np.random.default_rng(0).integers(0, 256, (rows, 3072), np.uint8)
batch = {b"batch_label": b"a label", b"labels": list(range(rows)), b"data": data, b"filenames": [b"x.png"] * rows}
originals = [pickle.dumps(batch, protocol) for protocol in (0, 2, 3, 4)]
originals += [original.replace(b"numpy._core", b"numpy.core") for original in originals[:3]]
interesting = [
    b"O",
    b"O8",
    b"\xff" * 4,
    b"\x00" * 4,
    b"\xff" * 7 + b"\x7f",
    b"cos\nsystem\n",
    b"cbuiltins\neval\n",
    b"\x85" * 500,
]


def instructions(content):
    """The content, cut between instructions."""
    cuts = [position for _, _, position in pickletools.genops(content)] + [len(content)]
    return [content[a:b] for a, b in itertools.pairwise(cuts)]


pieces = [instructions(original) for original in originals]
pool = [piece for one in pieces for piece in one if len(piece) < 200]
pool += [bytes([code]) for code in range(256)] + interesting


def in_bytes():
    content = bytearray(random.choice(originals))
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.randrange(len(content)) if random.random() < 0.3 else random.randrange(min(len(content), 700))
        if random.random() < 0.3:  # the end holds the file names, or the array's last bytes
            at = len(content) - 1 - at
        change = random.random()
        if change < 0.5:
            content[at] = random.randrange(256)
        elif change < 0.7:
            content[at:at] = random.choice(pool)
        elif change < 0.85:
            del content[at : at + random.randint(1, 9)]
        else:
            content[at : at + 4] = random.choice(interesting)
    return bytes(content[: random.randrange(len(content))] if random.random() < 0.1 else content)


def in_instructions():
    content = list(random.choice(pieces))
    for _ in range(random.choice((1, 1, 2, 8))):
        at, change = random.randrange(len(content)), random.random()
        if change < 0.3:
            content[at] = random.choice(pool)
        elif change < 0.6:
            content.insert(at, random.choice(pool))
        elif change < 0.8:
            del content[at]
        else:
            other = random.randrange(len(content))
            content[at], content[other] = content[other], content[at]
    return b"".join(content)


SENTENCE = r"data_batch_1 (cannot be read: it|holds|does not hold) [^\n]{5,150}"
events, found = [], {"files": 0, "read": 0, "sentences": 0, "bad": []}
sys.addaudithook(lambda event, _: events.append(event))
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for count in range(20_000):
    content = in_instructions() if count % 2 else in_bytes()
    file = io.BytesIO(content)
    events.clear()
    try:
        images, labels = cifar10._read_batch(file, "data_batch_1")
        found["read"] += images.shape == (rows, 32, 32, 3) and labels.shape == (rows,)
        outcome = None
    except ValueError as error:
        outcome = str(error)
        found["sentences"] += 1
    except BaseException as error:  # anything else is a stack trace for the user
        outcome = repr(error)
    if events or (
        outcome and not re.fullmatch(r"data_batch_1 (cannot be read: it|holds|does not hold) [^\n]{5,150}", outcome)
    ):
        found["bad"].append([outcome, events[:3], content[:100].hex()])
    found["files"] += 1
found["mebibytes"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) / 1024
print(json.dumps(found))
