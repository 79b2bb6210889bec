"""The model card: what a model does, its scores, and the command that trained it."""

import shlex

from bert_tf.ground import write_text

_FINETUNED = """---
library_name: bert_tf
pipeline_tag: {pipeline}
---

# {title}

This model is a BERT for {task}, fine-tuned from {start} on {examples:,} examples
with bert_tf. Both bert_tf and transformers can load it.

## Scores

{scores}

## Use

```python
import bert_tf

print(bert_tf.Model("{title}").predict([{record}]))
```

```bash
bert-tf predict --model={title} --input_file=texts.jsonl
```

## Training

{command}

## Limits

The model reproduces the biases of its training texts, and it can predict only the labels
that occur in them. Check its errors on your own texts before you rely on it.
"""
_PRETRAINED = """---
library_name: bert_tf
pipeline_tag: fill-mask
---

# {title}

This model is a BERT, pretrained from {start} with bert_tf, on {examples:,} examples. It
predicts masked tokens (masked_lm) and, if the scores below include next_sentence, whether
one text follows another. Losses are in nats. Both bert_tf and transformers
(`BertForPreTraining`) can load it.

## Scores

{scores}

## Use

```bash
bert-tf predict --task=fill_mask --model={title} "… [MASK] …"
bert-tf finetune --model={title} …
```

## Training

{command}

## Limits

The model reproduces the biases of its training texts.
"""


def write_model_card(path, *, verb, title, metrics, settings, **facts):
    """Writes the model card, README.md of a model folder.

    Args:
        path: file to write.
        verb: "finetune" or "pretrain", the command that trained the model.
        title: name of the model.
        metrics: {name: value}; floats whose name starts with `eval_` become a table.
        settings: {flag: value} that differ from their defaults.
        facts: `start`, the initial model in Markdown; `examples`, the number of training
            examples; for "finetune" also `task`, `pipeline`, the pipeline tag of
            Hugging Face, such as "text-classification", and `record`, an example of
            what the task predicts for, in Python.
    """
    rows = "\n".join(
        f"| {name.removeprefix('eval_')} | {value:.4f} |"
        for name, value in metrics.items()
        if name.startswith("eval_") and isinstance(value, float)
    )
    scores = f"| evaluation | value |\n|---|---|\n{rows or '| none | |'}"
    flags = " \\\n  ".join(
        f"--{name}={shlex.quote(str(value))}" for name, value in settings.items()
    )
    command = (
        "This command trained the model; flags.txt also has the flags at their "
        "defaults:\n\n"
        f"```bash\nbert-tf {verb} \\\n  {flags}\n```"
    )
    text = {"finetune": _FINETUNED, "pretrain": _PRETRAINED}[verb].format(
        title=title, scores=scores, command=command, **facts
    )
    write_text(path, text)
