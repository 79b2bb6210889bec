"""Checks that a model folder is complete and that its files belong together."""

import hashlib
import pathlib
import re

from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import weights
from bert_tf.checkpoints.encoder_decoder import TOKENIZER
from bert_tf.doctor import machine, vocabulary
from bert_tf.doctor.findings import from_error, note, ok, problem
from bert_tf.ground import count
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.seq2seq import Bert2Bert
from bert_tf.predictor import check_length
from bert_tf.tasks import find_task, task_of
from bert_tf.tasks.options import kept
from bert_tf.tokenization import make_tokenizer
from bert_tf.training.run_folder import last_step

# Bytes a weight: the weight, its gradient and Adam's two moments in float32.
TRAINING_BYTES = 16


def check(name):
    """Checks a model.

    Args:
        name: folder or published name, as `--model` takes it.

    Returns:
        (findings, `ModelFolder`, `BertTokenizer`); the last two are None if the folder
        cannot be read.
    """
    try:
        path = folders.resolve(name)
    except (OSError, ValueError) as error:
        fix = "Set --model= to a folder, to minilm, or to a published name."
        return [from_error("model/folder", error, fix)], None, None
    findings = check_unfinished(path)
    try:
        folder = folders.read(path)
        tokenizer = make_tokenizer(folder)
        kind = find_task(task_of(folder.config, folder.settings))
        kept(kind.Options, folder.settings)
    except (OSError, ValueError) as error:
        fix = f"Copy the whole folder {path} again."
        return [*findings, from_error("model/folder", error, fix)], None, None
    config = folder.config
    says = f"{name}: {count(config.num_hidden_layers, 'layer')}, hidden size "
    says += f"{config.hidden_size}, {config.max_position_embeddings} positions"
    if folder.decoder:
        layers = folder.decoder.config.num_hidden_layers
        says += f"; a decoder of {count(layers, 'layer')}"
        says += ", shared with the encoder" * folder.decoder.shared
    findings.append(ok("model/folder", says))
    findings += check_weights(path, folder, tokenizer)
    if has_head(folder) and not folder.decoder:
        findings += check_labels(path, config.extra)
    findings += vocabulary.check(path, folder)
    if folder.decoder:
        findings += vocabulary.check(path / TOKENIZER, folder.decoder)
    return findings, folder, tokenizer


def check_positions(max_seq_length, config):
    """Checks that the model can read examples of so many tokens."""
    try:
        check_length(max_seq_length, config)
    except ValueError as error:
        fix = f"--max_seq_length={config.max_position_embeddings}"
        return [problem("model/positions", str(error), fix)]
    return []


def has_head(folder):
    """Returns whether the folder has the head of a task, by bert_tf or transformers."""
    architectures = folder.config.extra.get("architectures") or []
    return "task" in folder.settings or "BertForSequenceClassification" in architectures


def check_unfinished(path):
    """Finds the training state of a run, and incomplete files."""
    findings = []
    step = last_step(path)
    if step is not None and (path / "metrics.json").exists():
        says = "checkpoints/ holds the training state of a finished run, which is no "
        says += "longer needed."
        fix = f"rm -r {path / 'checkpoints'}"
        findings.append(note("model/unfinished", says, fix))
    elif step is not None:
        says = f"a run stopped at step {step}; its state is in {path}/checkpoints."
        flags = path / "flags.txt"
        fix = f"To continue: bert-tf finetune --flagfile={flags}"
        findings.append(note("model/unfinished", says, fix))
    partial = sorted(file.name for file in path.glob(".*.part"))
    if partial:
        says = (
            f"{count(len(partial), 'incomplete file')}: {weights.first_few(partial)}."
        )
        fix = " ".join(["rm", *(str(path / name) for name in partial)])
        findings.append(note("model/unfinished", says, fix))
    return findings


def check_weights(path, folder, tokenizer):
    """Loads the weights as a run does, and checks their values."""
    copy = f"Copy model.safetensors and its config.json into {path} again."
    try:
        model = BertBackbone(folder.config)
        whole = has_head(folder) or folder.decoder
        if folder.decoder:
            decoder = folder.decoder
            model = Bert2Bert(model, decoder.config, shared=decoder.shared)
        elif whole:
            kind = find_task(task_of(folder.config, folder.settings))
            task = kind.restore(tokenizer, folder.config, folder.settings)
            task.decoder = folder.decoder
            model = task.build(model)
        report = folders.load_weights(path, model, new_heads=not whole)
    except (OSError, ValueError) as error:
        return [from_error("model/weights", error, copy)]
    loaded = {
        name: array
        for name, array in weights.read_model(model).items()
        if name in report.loaded
    }
    # Training never ends in such kernels, but an interrupted copy does.
    zeros = [
        name for name in loaded if name.endswith("/kernel") and not loaded[name].any()
    ]
    if zeros:
        says = f"only zeros in {weights.first_few(zeros)}."
        return [problem("model/weights", says, copy)]
    parameters = sum(array.size for array in loaded.values())
    says = f"{parameters / 1e6:.1f} million parameters in {len(loaded)} arrays, all "
    says += f"finite; {_describe_files(path)}"
    findings = [ok("model/weights", says)]
    if report.missing:
        says = (
            f"the file does not have {weights.first_few(report.missing)}, which will "
        )
        says += "start from random values."
        fix = "Fine-tune the model before you use it."
        findings.append(note("model/weights", says, fix))
    return findings + check_memory(parameters, machine.usable_memory())


def check_memory(parameters, free):
    """Compares the memory that training needs at least with the free bytes (or None)."""
    needed = TRAINING_BYTES * parameters
    if free is None or needed <= free:
        return []
    says = f"training needs at least {needed / 1e9:.1f} GB (weights, gradients and "
    says += f"Adam's two moments), but only {free / 1e9:.1f} GB are free."
    fix = "Use a smaller model (--model=minilm), or a machine with more memory."
    return [problem("model/memory", says, fix)]


def check_labels(path, extra):
    """Checks id2label and label2id of config.json, the names of the labels."""
    names, file = extra.get("id2label"), path / "config.json"
    if not names or all(re.fullmatch(r"LABEL_\d+", name) for name in names.values()):
        says = "config.json gives no names of labels, so predictions are LABEL_0, "
        says += "LABEL_1, …"
        fix = f'Write the names into {file}: "id2label": {{"0": "…", "1": "…"}}'
        return [note("model/labels", says, fix)]
    ids = sorted(names, key=int)
    labels = [names[number] for number in ids]
    shown = weights.first_few([f"{names[number]!r}" for number in ids])
    if [int(number) for number in ids] != list(range(len(ids))):
        says = f"the ids of id2label are {weights.first_few(ids, 8)}, not 0, 1, 2, …"
        fix = (
            f"Number the labels from 0 in {file}, in the order of the model's outputs."
        )
        return [problem("model/labels", says, fix)]
    if len(set(labels)) < len(labels):
        repeated = next(label for label in labels if labels.count(label) > 1)
        says = (
            f"id2label has {repeated!r} more than once, so predictions are ambiguous."
        )
        fix = f"Give each id a name of its own in {file}."
        return [problem("model/labels", says, fix)]
    inverse = extra.get("label2id")
    if inverse and inverse != {names[number]: int(number) for number in ids}:
        says = "label2id is not the inverse of id2label."
        fix = f"Delete label2id from {file}; id2label is enough."
        return [note("model/labels", says, fix)]
    return [ok("model/labels", f"{count(len(labels), 'label')}: {shown}")]


def _describe_files(path):
    files = sorted(pathlib.Path(path).glob("model*.safetensors"))
    size = sum(file.stat().st_size for file in files)
    megabytes = f"{size / 1e6:.1f} MB"
    if len(files) != 1:
        return f"{len(files)} files, {megabytes}"
    with files[0].open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{files[0].name}, {megabytes}, sha256 {digest[:12]}…"
