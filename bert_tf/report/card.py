"""The model card: what a model does, its scores, and the command that trained it."""

import json
import re
import shlex

from bert_tf.ground import write_text

_FINETUNED = """---
library_name: bert_tf
pipeline_tag: {pipeline}
---

# {title}

This model is a BERT for {task}, {trained} from {start} on {examples:,} examples
with bert_tf. {readers}

## Scores

{scores}{pictures}

## Use

```python
import bert_tf

print(bert_tf.Model({folder}).predict([{record}]))
```

```bash
bert-tf predict --model={argument} --input_file=texts.jsonl
```

## Training

{command}

## Limits

The model reproduces the biases of its training texts. Check its errors on your own texts
before you rely on it.{limits}
"""
_PRETRAINED = """---
library_name: bert_tf
pipeline_tag: fill-mask
---

# {title}

This model is a BERT, pretrained from {start} with bert_tf, on {examples:,} examples. It
predicts masked tokens (masked_lm) and, if the scores below include next_sentence, whether
one text follows another. Losses are in nats. {readers}

## Scores

{scores}{pictures}

## Use

```bash
bert-tf predict --task=fill_mask --model={argument} "… [MASK] …"
bert-tf finetune --model={argument} …
```

## Training

{command}

## Limits

The model reproduces the biases of its training texts.
"""
_TEXTS = {"pretrain": _PRETRAINED}
_TRAINED = {"distill": "distilled", "prune": "pruned and fine-tuned"}
_READERS = {
    "pretrain": "Both bert_tf and transformers\n(`BertForPreTraining`) can load it."
}
_ONLY_HERE = "Only bert_tf can load it, because\n{}."
# What Markdown and HTML would read as markup.
_MARKUP = re.compile(r"([\\`*<>\[\]|])")


def write_model_card(
    path,
    *,
    verb,
    title,
    metrics,
    settings,
    start,
    in_memory=None,
    pictures=None,
    ids=None,
    has_labels=False,
    only_here="",
    **facts,
):
    """Writes the model card, README.md of a model folder.

    Args:
        path: file to write.
        verb: "finetune", "distill", "prune" or "pretrain", the command that trained it.
        title: name of the model's folder.
        metrics: {name: value}; floats whose name starts with `eval_` become a table.
        settings: {flag: value} that differ from their defaults.
        in_memory: {argument: what it was} of records that were no file.
        start: name or folder of the initial model; "" for random weights.
        pictures: {file beside the card: text for those who do not see it}.
        ids: {id: label} of labels that pictures show by their ids.
        has_labels: whether the model can predict only the labels of its training data.
        only_here: why only bert_tf can load it, a part of a sentence; "" if transformers
            can, too.
        facts: `examples`, the number of training examples; for a task also `task`,
            `pipeline`, the pipeline tag of Hugging Face, such as "text-classification",
            and `record`, an example of what the task predicts for, in Python.
    """
    title = " ".join(title.split())
    shown = "".join(
        f"\n\n![{escape(text)}]({file})" for file, text in (pictures or {}).items()
    )
    if ids:
        rows = {f"#{number}": escape(label) for number, label in ids.items()}
        shown += "\n\nThe picture shows these labels by their ids:\n\n"
        shown += _table("id", "label", rows)
    limits = "\nIt can predict only the labels that occur in its training data."
    readers = _READERS.get(verb, "Both bert_tf and transformers can load it.")
    text = _TEXTS.get(verb, _FINETUNED).format(
        trained=_TRAINED.get(verb, "fine-tuned"),
        readers=_ONLY_HERE.format(only_here) if only_here else readers,
        title=escape(title),
        folder=json.dumps(title, ensure_ascii=False),
        argument=shlex.quote(title),
        start=_code(start) if start else "random weights",
        scores=_table(
            "evaluation",
            "value",
            {
                name.removeprefix("eval_"): f"{value:.4f}"
                for name, value in metrics.items()
                if name.startswith("eval_") and isinstance(value, float)
            },
        ),
        pictures=shown,
        command=_command(verb, settings, in_memory or {}),
        limits=limits if has_labels else "",
        **facts,
    )
    # A path need not be Unicode.
    write_text(path, text.encode("utf-8", "replace").decode("utf-8"))


def _table(left, right, rows):
    rows = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"| {left} | {right} |\n|---|---|\n{rows or '| none | |'}"


def _command(verb, settings, in_memory):
    flags = " \\\n  ".join(
        f"--{name}={shlex.quote(str(value))}" for name, value in settings.items()
    )
    command = f"bert-tf {verb} \\\n  {flags}"
    if in_memory:
        records = "".join(f"# {name}: {what}\n" for name, what in in_memory.items())
        command = f"{records}{flags}"
    fence = _longer_than_any(command, 3)
    if in_memory:
        return (
            f"`bert_tf.{verb}` trained the model on records from memory, with these "
            f"settings; flags.txt also has the defaults:\n\n{fence}\n{command}\n{fence}"
        )
    return (
        "This command trained the model; flags.txt also has the flags at their "
        f"defaults:\n\n{fence}bash\n{command}\n{fence}"
    )


def escape(text):
    """Returns a text on one line, without the effect of Markdown and HTML."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _code(text):
    """Returns a text on one line, in Markdown's code."""
    text = " ".join(text.split())
    ticks = _longer_than_any(text, 1)
    space = " " if len(ticks) > 1 else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def _longer_than_any(text, least):
    """Returns backticks, more than the text has one after the other."""
    return "`" * max([least, *(len(ticks) + 1 for ticks in re.findall("`+", text))])
