"""Publish a trained model on the Hugging Face Hub, with its card, its ONNX file and the kernel microscope.

    python -m tools.publish model --repo NAME/MODEL [--model small_rednet] [--dry-run]    # make publish REPO=NAME/MODEL
    python -m tools.publish cards            # the cards in involution_utils/assets anew, from the records

The model goes to NAME/MODEL, the microscope to the Space NAME/MODEL-microscope. Nothing is uploaded by `--dry-run`.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from involution_utils import checks, export, load_pretrained, load_records, mean_interval
from involution_utils.models import PRETRAINED
from tools import space

ASSETS = Path(__file__).resolve().parents[1] / "involution_utils" / "assets"
RECIPES = {
    "adam": "Adam at a constant rate of {rate}",
    "augmented": "images mirrored and shifted at random; AdamW, its rate climbing to {rate} and falling along a cosine",
}

# Per model: what it is, its own record, the records over seeds and what sets them apart, what it is for.
CARDS = {
    "small_rednet": {
        "title": "Small RedNet with involutions, CIFAR-10",
        "what": "A RedNet for images of 32x32 pixels: five residual bottlenecks with a 5x5 involution each.",
        "record": {"experiment": "full_budget", "operator": "involution", "seed": 0},
        "seeds": {"experiment": "rednet"},
        "apart": "the same network on all 50,000 training images, with a highest rate of 0.005",
        "use": "Teaching, and as a small network whose kernels can be looked at: it runs in the kernel microscope.",
    },
    "involution_classifier": {
        "title": "Involutional classifier (INN), CIFAR-10",
        "what": "Three 3x3 involutions of three channels and a dense head, as in the original experiment in Keras.",
        "record": {"experiment": "training", "start_as_mean": None, "seed": 0},
        "seeds": {"experiment": "training", "start_as_mean": None},
        "apart": "the same recipe",
        "use": "Teaching: it shows what involution alone does, without a layer that mixes channels before it.",
    },
}


def find_records(name: str) -> tuple:
    """Return the record of the shipped model `name` and the records over seeds that its card tells of."""
    card = CARDS[name]
    (own,) = load_records(model=name, **card["record"])
    return own, load_records(model=name, **card["seeds"])


def card(name: str) -> str:
    """Return the card of the shipped model `name`, in Markdown; every number comes from a record."""
    own, others = find_records(name)
    texts, run = CARDS[name], own.run
    held_out = f", {run.validation_images:,} held out for validation" if run.validation_images else ""
    recipe = RECIPES[run.recipe].format(rate=run.learning_rate or "the recipe's")
    accuracies = [record.test_accuracy for record in others]
    mean, low, high = (f"{100 * value:.1f}" for value in mean_interval(accuracies))
    each = ", ".join(f"{100 * value:.1f}" for value in accuracies)
    chance = sum(value < 0.11 for value in accuracies)
    stuck = f" Never got going and stayed at chance: {chance} of them." if chance else ""
    return f"""# {texts["title"]}

{texts["what"]} From images `(batch, 32, 32, 3)` with values in [0, 1] to the logits of ten classes.

```python
import involution_utils

model = involution_utils.load_pretrained("{name}")
```

| | |
|---|---|
| test accuracy | {100 * own.test_accuracy:.2f} % of {run.test_images:,} images, after the last epoch |
| over seeds | mean {mean} %, 95 % confidence interval {low} to {high} % ({len(others)} seeds: {each}), {texts["apart"]}.{stuck} |
| trainable parameters | {own.more["trainable_parameters"]:,} |
| multiply-adds per image | {own.more["multiply_adds"]:,} |
| data | CIFAR-10: {run.train_images:,} training images{held_out} |
| recipe | {run.epochs} epochs, batches of {run.batch_size}, seed {run.seed}; {recipe} |
| license | Apache 2.0, as the package |

**Its images went through JPEG.** The pixels of the CIFAR-10 that it was trained and tested on had been compressed as JPEG once. On the original archive the accuracy will differ somewhat; by how much has not been measured.

## Intended use

{texts["use"]} It is a starting point for training on images of one's own.

## Limits

It knows the ten classes of CIFAR-10, photographs of 32x32 pixels with the object in the middle, and calls any other image one of them. The logits are not calibrated. It must not decide anything about people. Larger networks of other kinds are far more accurate on CIFAR-10.
"""  # noqa: E501


def front_matter(name: str) -> str:
    """Return the head of a model's card that the Hub reads."""
    own, _ = find_records(name)
    return f"""---
library_name: keras
license: apache-2.0
pipeline_tag: image-classification
datasets: [cifar10]
metrics: [accuracy]
tags: [involution, image-classification, onnx]
model-index:
- name: {name}
  results:
  - task: {{type: image-classification}}
    dataset: {{type: cifar10, name: CIFAR-10, split: test}}
    metrics: [{{type: accuracy, value: {own.test_accuracy}}}]
---

"""


def use(repo: str) -> str:
    """Return the section of a published card that says how to load the model from `repo`."""
    return f"""
## From the Hub

```python
import involution_utils  # registers the layers
import keras

model = keras.saving.load_model("hf://{repo}")
```

`model.onnx` needs no code of the package: ONNX Runtime runs it. Look at the kernels that it makes: [the microscope](https://huggingface.co/spaces/{repo}-microscope).
"""


def build(name: str, repo: str, folder: Path) -> tuple[Path, Path]:
    """Write the folders of the model and of its Space below `folder`, and return both."""
    model, live = folder / "model", folder / "space"
    model.mkdir()
    live.mkdir()
    # `hf://` looks for the content of a .keras file, not for the file.
    shutil.unpack_archive(ASSETS / f"{name}.keras", model, "zip")
    export(load_pretrained(name), model / "model.onnx")
    (model / "README.md").write_text(front_matter(name) + card(name) + use(repo), encoding="utf-8")
    space.write(live)
    return model, live


def upload(folder: Path, repo: str, kind: str) -> str:
    """Upload `folder` into the Hub's repository `repo`, made if it is missing, and return the address.

    Raises:
        SystemExit: If huggingface_hub is missing, or with what it says.
    """
    try:
        import huggingface_hub
    except ImportError:
        sys.exit('publishing needs huggingface_hub: pip install "involution-utils[publish]"')
    try:
        options = {"space_sdk": "static"} if kind == "space" else {}
        huggingface_hub.create_repo(repo, repo_type=kind, exist_ok=True, **options)
        return str(huggingface_hub.upload_folder(repo_id=repo, folder_path=folder, repo_type=kind))
    except Exception as problem:  # of the network, of the account, of the Hub: passed on
        sys.exit(f"{repo} was not published: {problem}")


def publish(name: str, repo: str, dry_run: bool) -> None:
    """Build both folders, list what they hold, and upload them unless it is a dry run."""
    with tempfile.TemporaryDirectory() as temporary:
        model, live = build(name, repo, Path(temporary))
        for folder, target, kind in ((model, repo, "model"), (live, f"{repo}-microscope", "space")):
            print(f"{kind} {target}")
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                print(f"  {path.stat().st_size:>9,} bytes  {path.relative_to(folder)}")
            if not dry_run:
                print(f"  at {upload(folder, target, kind)}")
    if dry_run:
        print("Nothing was uploaded.")


def main(arguments: list[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.publish", description=__doc__.split("\n\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("cards", help="write the cards in involution_utils/assets")
    one = commands.add_parser("model", help="publish a model")
    one.add_argument("--repo", required=True, help="the repository on the Hub, NAME/MODEL")
    one.add_argument("--model", default="small_rednet", choices=PRETRAINED)
    one.add_argument("--dry-run", action="store_true", help="list what would go, upload nothing")
    options = parser.parse_args(arguments)
    if options.command == "cards":
        for name in PRETRAINED:
            checks.write_whole(ASSETS / f"{name}.md", lambda part, name=name: part.write_text(card(name), "utf-8"))
    elif options.repo.count("/") != 1 or not all(options.repo.split("/")):
        parser.error(f"REPO must be NAME/MODEL, such as REPO=me/small-rednet. Received: {options.repo!r}")
    else:
        publish(options.model, options.repo, options.dry_run)


if __name__ == "__main__":
    main()
