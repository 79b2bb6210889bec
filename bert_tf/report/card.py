"""The model card: what a folder holds, how it was made, what it is not."""

import pathlib
import shlex

_FINETUNED = """---
library_name: bert_tf
pipeline_tag: {pipeline}
---

# {title}

A BERT for {task}, fine-tuned from {start} on {examples:,} examples with bert_tf. It
loads in bert_tf and, unchanged, in transformers.

{scores}

```python
import bert_tf

print(bert_tf.Model("{title}").predict([{example}]))
```

{command}

What it learnt, it learnt from its training texts: it repeats their biases and knows
nothing of labels that they lack. Look at its errors before you rely on it.
"""
_EXAMPLES = {  # Of what is asked, where it is more than a text.
    "question-answering": '{"question": "…", "context": "…"}',
    "multiple-choice": '{"question": "…", "choices": ["…", "…"]}',
}
_PRETRAINED = """---
library_name: bert_tf
pipeline_tag: fill-mask
---

# {title}

A BERT pretrained from {start} with bert_tf, on {examples:,} examples: to guess hidden
pieces (masked_lm), and where next_sentence is below, whether one text follows another.
Losses are in nats. It loads in bert_tf and, unchanged, in transformers
(`BertForPreTraining`).

{scores}

```bash
python scripts/predict.py --task=fill_mask --model={title} "… [MASK] …"
python scripts/finetune.py --model={title} …
```

{command}

What it knows, it knows from its training texts, their biases too.
"""


def write_model_card(path, *, script, title, metrics, settings, **said):
    """Writes README.md of a model folder.

    Args:
        path: file to write.
        script: "finetune" or "pretrain", which made it.
        title: name of the model.
        metrics: {name: value}; numbers become a table.
        settings: {flag: value} that repeat the run; flags.txt has the others.
        said: `start`, what training began with, in Markdown; `examples`, how many it saw
            in training; of a fine-tuned model its `task` and its `pipeline`, as Hugging
            Face calls what it is for.
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
        "Made by (flags.txt has the defaults, too):\n\n"
        f"```bash\npython scripts/{script}.py \\\n  {flags}\n```"
    )
    example = _EXAMPLES.get(said.get("pipeline"), '"…"')
    text = {"finetune": _FINETUNED, "pretrain": _PRETRAINED}[script].format(
        title=title, scores=scores, command=command, example=example, **said
    )
    pathlib.Path(path).write_text(text, encoding="utf-8")
