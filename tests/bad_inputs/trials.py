"""The commands that are tried on the tree of bad inputs."""

import os

from bad_inputs import mutations, tree
from bad_inputs.forks import Trial

BAD_NUMBERS = (
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1e400",
    "x",
    "",
    "99999999999999999999",
)
BAD_TEXTS = ("", "x", "../..", "a\nb", "\0", "a" * 5000, "gs://bucket/x", "run[1]*?\\")
# What would only take long; the sizes are tried by name below.
NOT_TRIED = {"distribution", "seeds", "train_minutes", "num_train_epochs"}
QUICK = ("--max_steps=2", "--per_device_train_batch_size=4", "--max_seq_length=16")


def finetune(data, *more, task="classification"):
    """Returns the arguments of a training run that takes two updates."""
    return ("--model=start", f"--task={task}", f"--train_file={data}", *more, *QUICK)


def of_models(names):
    """Returns trials that read damaged model folders."""
    trials = []
    for name in names:
        file, version = name.split("/")
        refused = file == "model.safetensors" and version not in {"trailing"}
        model = f"--model=models/{name}"
        trials.append(
            Trial(
                f"predict/{name}",
                "predict",
                (model, "the film is good", "it was"),
                refused=refused,
            )
        )
    for name in names[::9]:
        trials += [
            Trial(f"doctor/{name}", "doctor", (f"--model=models/{name}",)),
            Trial(
                f"convert/{name}",
                "convert_checkpoint",
                (f"--input=models/{name}", f"--output=converted/{name}"),
            ),
            Trial(
                f"finetune_from/{name}",
                "finetune",
                (
                    *(f"--model=models/{name}", "--train_file=classification.csv"),
                    *(f"--output_dir=from/{name}", *QUICK),
                ),
            ),
        ]
    return trials


def of_stores(names):
    """Returns trials that pretrain from damaged stores."""
    return [
        Trial(
            f"pretrain/{name}",
            "pretrain",
            (
                *(f"--data_dir=stores/{name}", "--size=tiny", *QUICK),
                f"--output_dir=pretrained/{name}",
            ),
            # Only what the writer does not check could train on wrong numbers.
            refused=name.endswith(("/ones", "/zeros", "/longer", "/binary", "/cut")),
        )
        for name in names
    ]


def of_records(names):
    """Returns trials that train on, evaluate or predict from bad files."""
    trials = []
    for name in names:
        task = "classification"
        if name.startswith(("squad", "deep", "digits", "types")):
            task = "question_answering"
        elif name.startswith("words"):
            task = "token_classification"
        elif name.startswith("choices"):
            task = "multiple_choice"
        elif name.startswith("numbers"):
            task = "regression"
        data = f"records/{name}"
        out = f"--output_dir=trained/{name}"
        trials += [
            Trial(f"train/{name}", "finetune", finetune(data, out, task=task)),
            Trial(f"train_texts/{name}", "finetune", finetune(data, out + "_texts")),
            Trial(
                f"evaluate/{name}", "evaluate", ("--model=good", f"--eval_file={data}")
            ),
            Trial(
                f"predict_file/{name}",
                "predict",
                ("--model=good", f"--input_file={data}"),
            ),
            Trial(f"doctor_data/{name}", "doctor", (f"--train_file={data}",)),
        ]
    return trials


def of_corpora(names):
    """Returns trials that tokenise bad raw texts, or learn a vocabulary from them."""
    trials = []
    for name in names:
        files = f"--input_files=corpora/{name}"
        trials += [
            Trial(
                f"corpus/{name}",
                "create_pretraining_data",
                (
                    *(files, "--vocab_file=start/vocab.txt", "--num_workers=1"),
                    f"--output_dir=stored/{name}",
                ),
            ),
            Trial(
                f"vocabulary/{name}",
                "learn_vocabulary",
                (files, f"--output=learnt_{name}", "--vocab_size=200"),
            ),
        ]
    return trials


def of_runs(names):
    """Returns trials that resume damaged runs."""
    return [
        Trial(
            f"resume/{name}",
            "finetune",
            finetune(
                "classification.csv",
                "--eval_file=classification.csv",
                "--save_steps=1",
                f"--output_dir=runs/{name}",
            ),
        )
        for name in names
    ]


def of_lines():
    """Returns trials with bad texts on standard input."""
    lines = {
        "empty": b"",
        "binary": bytes(range(256)),
        "surrogate": b'{"text": "\\ud800"}\n',
        "deep": b'{"text": ' + tree.DEEP.encode() + b"\n",
        "types": b'{"text": 3}\n',
        "list": b'{"text": ["a"]}\n',
        "keys": b'{"question": "a"}\n',
        "mixed": b'{"text": "a"}\n{"text": "a", "text_pair": "b"}\n',
        "nul": b"a\0b\n",
        "long": b"the film " * 500_000,
        "many": b"a\n" * 20_000,
    }
    return [
        Trial(f"stdin/{name}", "predict", ("--model=good",), stdin=data)
        for name, data in lines.items()
    ]


def of_flags(script, config, arguments):
    """Returns trials of each flag of a script with bad values.

    Args:
        config: list of dataclasses whose fields are the flags.
        arguments: a command that works, whose flags are overridden.
    """
    trials = []
    for field in config:
        if field.name in NOT_TRIED:
            continue
        values = BAD_NUMBERS if field.type in (int, float) else BAD_TEXTS
        if field.type is bool:
            values = ("maybe",)
        for number, value in enumerate(values):
            # The operating system accepts no NUL in an argument.
            flag = f"--{field.name}={value}".replace("\0", "\\0")
            own = [f"--output_dir=flagged/{script}_{field.name}_{number}"]
            if script in ("predict", "evaluate"):
                own = []
            trials.append(
                Trial(
                    f"{script}/{field.name}/{number}",
                    script,
                    (*arguments, *own, flag),
                )
            )
    return trials


def diverging():
    """Returns trials of runs that end in NaN."""
    base = finetune("classification.csv", "--eval_file=classification.csv")
    return [
        Trial(
            f"diverge/{number}",
            "finetune",
            (*base, *more, f"--output_dir=diverged/{number}"),
            refused=True,
        )
        for number, more in enumerate(
            [
                ("--learning_rate=1e20",),
                ("--learning_rate=1e20", "--bf16"),
                ("--learning_rate=1e30", "--optim=lamb", "--weight_decay=1e10"),
                ("--adam_beta2=-1",),
                ("--adam_beta1=1",),
                ("--adam_epsilon=0",),
            ]
        )
    ]


FILES = {
    "config.json": mutations.damaged_json,
    "tokenizer_config.json": mutations.damaged_json,
    "model.safetensors": mutations.damaged_weights,
    "vocab.txt": mutations.damaged_vocab,
    "metrics.json": lambda data: mutations.damaged_json(data, keys=()),
}


def folders_of(home):
    """Returns {what is tried: names of the damaged folders and files}, and writes them."""
    os.makedirs(home / "converted", exist_ok=True)
    return {
        "models": tree.write_models(home, home / "good", FILES),
        "stores": tree.write_stores(home),
        "records": tree.write_records(home),
        "corpora": tree.write_corpora(home),
        "runs": tree.write_runs(home, home / "interrupted"),
    }
