"""Is a model folder whole, and does what is in it belong together?"""

import hashlib
import pathlib
import re

import numpy as np
import tensorflow as tf

from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import weights
from bert_tf.doctor import machine, vocabulary
from bert_tf.doctor.findings import note, ok, problem, refused
from bert_tf.ground import count
from bert_tf.models.backbone import BertBackbone
from bert_tf.predictor import check_length, find_task, make_tokenizer
from bert_tf.run import FinetuneConfig
from bert_tf.tasks import task_of

# Weight, gradient and Adam's two means, float32 each; activations come on top.
TRAINING_BYTES = 16


def check(name, max_seq_length):
    """Looks at a folder, or what `--model` may name.

    Args:
        max_seq_length: pieces of an example, as in `choose_length`.

    Returns:
        (findings, `ModelFolder`, `BertTokenizer`); None for what cannot be read.
    """
    try:
        path = folders.resolve(name)
    except (OSError, ValueError) as error:
        fix = "Pass --model= a folder, minilm, or a published name."
        return [refused("model/folder", error, fix)], None, None
    found = check_unfinished(path)
    try:
        folder = folders.read(path)
        tokenizer = make_tokenizer(folder)
    except (OSError, ValueError) as error:
        fix = f"Copy the whole folder {path} anew."
        return [*found, refused("model/folder", error, fix)], None, None
    config = folder.config
    says = f"{name}: {count(config.num_hidden_layers, 'layer')}, hidden size "
    says += f"{config.hidden_size}, {config.max_position_embeddings} positions"
    found.append(ok("model/folder", says))
    try:
        check_length(choose_length(max_seq_length, folder), config)
    except ValueError as error:
        fix = f"--max_seq_length={config.max_position_embeddings}"
        found.append(problem("model/positions", str(error), fix))
    found += check_weights(path, folder, tokenizer)
    if has_head(folder):
        found += check_labels(path, config.extra)
    found += vocabulary.check(path, folder)
    return found, folder, tokenizer


def choose_length(asked, folder):
    """The length asked for; 0: that of training, or the one it has by default."""
    remembered = folder.settings.get("max_seq_length")
    return asked or remembered or FinetuneConfig.max_seq_length


def has_head(folder):
    """Whether the folder is a classifier, made here or by transformers."""
    architectures = folder.config.extra.get("architectures") or []
    return "task" in folder.settings or "BertForSequenceClassification" in architectures


def check_unfinished(path):
    """Training state that a run left behind, and files that nobody finished."""
    found = []
    latest = tf.train.latest_checkpoint(str(path / "checkpoints"))
    if latest and (path / "metrics.json").exists():
        says = "checkpoints/ holds the state of a run that has ended."
        fix = f"rm -r {path / 'checkpoints'}"
        found.append(note("model/unfinished", says, fix))
    elif latest:
        step = latest.rpartition("-")[2]
        says = f"a run stopped at step {step}; its state lies in {path}/checkpoints."
        flags = path / "flags.txt"
        fix = f"To go on: python scripts/finetune.py --flagfile={flags}"
        found.append(note("model/unfinished", says, fix))
    torn = sorted(file.name for file in path.glob(".*.part"))
    if torn:
        says = f"{len(torn)} half-written: {weights.first_few(torn)}."
        fix = " ".join(["rm", *(str(path / name) for name in torn)])
        found.append(note("model/unfinished", says, fix))
    return found


def check_weights(path, folder, tokenizer):
    """Loads the weights as a run does, and looks at the numbers."""
    copy = f"Copy model.safetensors into {path} anew, with its own config.json."
    try:
        model = BertBackbone(folder.config)
        if has_head(folder):
            task = find_task(task_of(folder.config, folder.settings)).restore(
                tokenizer,
                folder.config,
                folder.settings,
                max_seq_length=folder.config.max_position_embeddings,
            )
            model = task.build(model)
        report = folders.load_weights(path, model, new_heads=not has_head(folder))
    except (OSError, ValueError) as error:
        return [refused("model/weights", error, copy)]
    loaded = {
        name: array
        for name, array in weights.read_model(model).items()
        if name in report.loaded
    }
    wrong = [name for name in loaded if not np.isfinite(loaded[name]).all()]
    if wrong:
        says = f"NaN or infinite numbers in {weights.first_few(wrong)}: whatever it "
        says += "computes is NaN."
        fix = "Take an earlier copy; train anew with a lower --learning_rate."
        return [problem("model/weights", says, fix)]
    # No training ends there; a copy that was cut short does.
    empty = [
        name for name in loaded if name.endswith("/kernel") and not loaded[name].any()
    ]
    if empty:
        says = f"nothing but zeros in {weights.first_few(empty)}."
        return [problem("model/weights", says, copy)]
    numbers = sum(array.size for array in loaded.values())
    says = f"{numbers / 1e6:.1f} million numbers in {len(loaded)} arrays, all finite; "
    found = [ok("model/weights", says + _describe_files(path))]
    if report.missing:
        says = f"no {weights.first_few(report.missing)}: those begin at random."
        fix = "Fine-tuning trains them; do not use the model as it is."
        found.append(note("model/weights", says, fix))
    return found + check_memory(numbers, machine.usable_memory())


def check_memory(numbers, free):
    """Compares what training takes, at the very least, with the bytes that are free."""
    least = TRAINING_BYTES * numbers
    if free is None or least <= free:
        return []
    says = f"training takes at least {least / 1e9:.1f} GB (each weight, its gradient, "
    says += f"Adam's two means), {free / 1e9:.1f} GB are free."
    fix = "Take a smaller model (--model=minilm), or a larger machine."
    return [problem("model/memory", says, fix)]


def check_labels(path, extra):
    """Whether the names of the answers, id2label in config.json, make sense."""
    names, file = extra.get("id2label"), path / "config.json"
    if not names or all(re.fullmatch(r"LABEL_\d+", name) for name in names.values()):
        says = "config.json names no labels: answers are LABEL_0, LABEL_1, …"
        fix = f'Write their names in {file}: "id2label": {{"0": "…", "1": "…"}}'
        return [note("model/labels", says, fix)]
    ids = sorted(names, key=int)
    labels = [names[number] for number in ids]
    shown = weights.first_few([f"{names[number]!r}" for number in ids])
    if [int(number) for number in ids] != list(range(len(ids))):
        says = f"the ids of id2label are {weights.first_few(ids, 8)}, not 0, 1, 2, …"
        fix = f"Number them from 0 in {file}, in the order of the head's rows."
        return [problem("model/labels", says, fix)]
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        says = f"id2label names {twice!r} more than once: answers cannot be told apart."
        return [problem("model/labels", says, f"Give each id its own name in {file}.")]
    inverse = extra.get("label2id")
    if inverse and inverse != {names[number]: int(number) for number in ids}:
        says = "label2id is not the inverse of id2label."
        fix = f"Delete label2id from {file}; id2label is what counts."
        return [note("model/labels", says, fix)]
    return [ok("model/labels", f"{len(labels)}: {shown}")]


def _describe_files(path):
    files = sorted(pathlib.Path(path).glob("model*.safetensors"))
    size = sum(file.stat().st_size for file in files)
    says = f"{size / 1e6:.1f} MB"
    if len(files) != 1:
        return f"{len(files)} files, {says}"
    with files[0].open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{files[0].name}, {says}, sha256 {digest[:12]}…"
