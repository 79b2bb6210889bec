"""Writes the tree of bad inputs: models, stores, texts and runs, each damaged in one way.

Everything derives from good files that the real code writes, so that a trial fails for
its own damage and for nothing else.
"""

import gzip
import itertools
import json
import os
import shutil

import numpy as np
import tiny_folder
import tiny_store

from bad_inputs import mutations

DEEP = "[" * 100_000
SENTENCES = ("the film is good", "it was bad .", "a very fine film", "it is poor")
TRAINING = {
    "classification": "text,label\n"
    + "".join(f"{t},{n % 2}\n" for n, t in enumerate(SENTENCES * 3)),
    "multi_label": "text,label\n"
    + "".join(f"{t},a|b\n{t} it,b\n" for t in SENTENCES * 2),
    "regression": "text,label\n"
    + "".join(f"{t},{n / 7}\n" for n, t in enumerate(SENTENCES * 3)),
    "similarity": "text,text_pair,label\n"
    + "".join(f"{t},a {t},{n % 5}\n" for n, t in enumerate(SENTENCES * 3)),
}
TAGGED = "the O\nfilm B-X\nis O\n\nit O\nwas B-Y\ngood I-Y\n\n" * 4
QUESTIONS = "".join(
    json.dumps(
        {
            "question": "what is good",
            "context": f"it is the {word} film",
            "answers": [{"text": word, "answer_start": 10}],
        }
    )
    + "\n"
    for word in ("good", "bad", "fine", "poor") * 3
)
CHOICES = "".join(
    json.dumps({"question": text, "choices": ["good", "bad"], "label": n % 2}) + "\n"
    for n, text in enumerate(SENTENCES * 3)
)
GOOD = {f"{task}.csv": text for task, text in TRAINING.items()} | {
    "token_classification.txt": TAGGED,
    "question_answering.jsonl": QUESTIONS,
    "multiple_choice.jsonl": CHOICES,
}


def write_start(home):
    """Writes what is good: a model to start from, the data of each task, texts."""
    tiny_folder.write(home / "start")
    tiny_folder.write_pretrained(home / "bert")
    for name, text in GOOD.items():
        (home / name).write_text(text)
    (home / "texts.txt").write_text("\n".join(SENTENCES) + "\n")
    tiny_store.write(home / "store", [[3, 4, 5], [2, 2, 6]] * 20)


def write_models(home, source, kinds):
    """Writes `models/FILE/VERSION`, copies of the folder `source` with one file damaged.

    Args:
        kinds: {name of a file: function(bytes) → {version: bytes}}.

    Returns:
        list of "FILE/VERSION".
    """
    names = []
    for file, damage in kinds.items():
        versions = damage((source / file).read_bytes())
        for version, data in versions.items():
            folder = home / "models" / file / version
            _link_tree(source, folder)
            (folder / file).unlink()
            (folder / file).write_bytes(data)
            names.append(f"{file}/{version}")
        for version in ("missing", "folder", "loop"):
            folder = home / "models" / file / version
            _link_tree(source, folder)
            (folder / file).unlink()
            if version == "folder":
                (folder / file).mkdir()
            elif version == "loop":
                (folder / file).symlink_to(file)
            names.append(f"{file}/{version}")
    return names


def write_stores(home):
    """Writes `stores/FILE/VERSION`, and returns their names."""
    source, names = home / "store", []
    for path in sorted(source.iterdir()):
        data = path.read_bytes()
        if path.suffix == ".json":
            versions = mutations.damaged_json(data)
        else:
            versions = mutations.damaged_bytes(data) | {
                "ones": b"\xff" * len(data),
                "longer": data + data,
            }
        for version, damaged in versions.items():
            folder = home / "stores" / path.name / version
            shutil.copytree(source, folder)
            (folder / path.name).write_bytes(damaged)
            names.append(f"{path.name}/{version}")
    return names


def write_records(home):
    """Writes `records/NAME`, bad files of labelled texts, and returns their names."""
    row = "the film,good\n"
    texts = {
        "empty.csv": b"",
        "blank.csv": b"\n\n\n",
        "header.csv": b"text,label\n",
        "one_column.csv": b"text\nthe film\n",
        "one_label.csv": b"text,label\n" + row.encode() * 9,
        "torn.csv": b"text,label\n" + row.encode() + b"the,film,is,good\nbad\n",
        "quote.csv": b'text,label\n"the film,good\nit was,bad\n',
        "latin1.csv": "text,label\ncafé,gut\ncafé,böse\n".encode("latin-1"),
        "utf16.csv": ("text,label\n" + row * 9).encode("utf-16"),
        "nul.csv": b"text,label\nthe\0film,good\nit,bad\n",
        "binary.csv": bytes(range(256)) * 40,
        "zip.csv": b"PK\x03\x04" + bytes(500),
        "gzip.csv": gzip.compress(b"text,label\nit,a\n"),
        "twice.csv": b"text,text,label\na,b,good\nc,d,bad\n",
        "newline_name.csv": b'"te\nxt","la\nbel"\na,good\nb,bad\n',
        "newline_label.csv": b'text,label\na,"go\nod"\nb,"ba\nd"\n' * 4,
        "blank_labels.csv": b"text,label\na,\nb, \nc,\xc2\xa0\n",
        "long_label.csv": b"text,label\na," + b"x" * 100_000 + b"\nb,y\n",
        "long_cell.csv": b"text,label\n" + b"a " * 5_000_000 + b",x\nb,y\n",
        "numbers.csv": b"text,label\n1,nan\n2,inf\n3,-inf\n4,1e999\n",
        "deep.jsonl": DEEP.encode(),
        "deep_field.jsonl": b'{"text": ' + DEEP.encode() + b"}\n",
        "list.jsonl": b'["text", "label"]\n[1, 2]\n',
        "types.jsonl": b'{"text": 1, "label": {}}\n{"text": [], "label": null}\n',
        "digits.jsonl": b'{"text": "a", "label": 1' + b"0" * 6000 + b"}\n",
        "surrogate.jsonl": b'{"text": "\\ud800", "label": "a"}\n' * 4,
        "infinity.jsonl": b'{"text": "a", "label": Infinity}\n' * 4,
        "cut.jsonl": b'{"text": "a", "label": "b"}\n{"text": "a", "la',
        "other_keys.jsonl": b'{"a": "x", "b": "y"}\n' * 4,
        "squad_string.json": b'{"version": "1", "data": "articles"}',
        "squad_null.json": b'{"version": "1", "data": [null]}',
        "squad_paragraphs.json": b'{"data": [{"paragraphs": {"qas": 3}}]}',
        "squad_answers.json": b'{"data": [{"paragraphs": [{"context": "a b", "qas":'
        b' [{"id": 1, "question": "a", "answers": "a"}]}]}]}',
        "squad_start.json": b'{"data": [{"paragraphs": [{"context": "a b", "qas":'
        b' [{"id": "1", "question": "a", "answers": [{"text": "a",'
        b' "answer_start": "zero"}]}]}]}]}',
        "words.txt": b"word\n\nword TAG MORE O\n",
        "choices.jsonl": b'{"question": "a", "choices": "bc", "label": 5}\n' * 4,
        "xlsx.xlsx": b"PK\x03\x04" + bytes(300),
        "parquet.parquet": b"PAR1" + bytes(100) + b"PAR1",
    }
    folder = home / "records"
    folder.mkdir()
    for name, data in texts.items():
        (folder / name).write_bytes(data)
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "fifo.csv")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "zero.csv").symlink_to("/dev/zero")
    (folder / "sta[r]*?.csv").write_text(TRAINING["classification"])
    return [*sorted(path.name for path in folder.iterdir()), "no_such.csv"]


def write_corpora(home):
    """Writes `corpora/NAME`, bad raw texts for pretraining, and returns their names."""
    good = "it was a very good film .\nthe film is bad .\n\n"
    texts = {
        "empty.txt": b"",
        "blank.txt": b"\n" * 100,
        "binary.txt": bytes(range(256)) * 40,
        "latin1.txt": good.encode() + "café\n".encode("latin-1"),
        "nul.txt": good.encode() + bytes(50) + b"\n",
        "line.txt": b"the film is good . " * 600_000,
        "word.txt": b"x" * 5_000_000,
        "cut.gz": gzip.compress(good.encode() * 50)[:60],
        "false.gz": good.encode(),
        "deep.jsonl": DEEP.encode() + b"\n",
        "surrogate.jsonl": b'{"text": "the film \\ud800 is"}\n{"text": "it was"}\n',
        "types.jsonl": b'{"text": 3}\n{"text": null}\n[1]\n"x"\n{"no": 1}\n',
        "digits.jsonl": b'{"text": 1' + b"0" * 6000 + b"}\n",
        "open.xml": b"<doc id='1'>\nthe film\n",
    }
    folder = home / "corpora"
    folder.mkdir()
    for name, data in texts.items():
        (folder / name).write_bytes(data)
    (folder / "folder.txt").mkdir()
    os.mkfifo(folder / "fifo.txt")
    (folder / "zero.txt").symlink_to("/dev/zero")
    (folder / "loop.txt").symlink_to("loop.txt")
    (folder / "up").symlink_to("..")
    return [*sorted(path.name for path in folder.iterdir()), "no_such.txt"]


def write_runs(home, source):
    """Writes `runs/FILE/VERSION`, copies of an interrupted run with one file damaged."""
    names = []
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        file = str(path.relative_to(source))
        if "tensorboard" in file:
            continue
        data = path.read_bytes()
        damage = mutations.damaged_bytes
        if path.suffix == ".json":
            damage = mutations.damaged_json
        versions = damage(data) | {"missing": None}
        for version, damaged in _some(versions, 24):
            folder = home / "runs" / file.replace("/", "_") / version
            shutil.copytree(source, folder)
            (folder / file).unlink()
            if damaged is not None:
                (folder / file).write_bytes(damaged)
            names.append(f"{file.replace('/', '_')}/{version}")
    return names


def _some(versions, most):
    """Returns at most so many of the versions, evenly spread."""
    items = list(versions.items())
    picked = np.unique(np.linspace(0, len(items) - 1, most).astype(int))
    return [items[number] for number in picked]


def _link_tree(source, target):
    """Copies a tree by hard links, since weights are the same in hundreds of copies."""
    for path in itertools.chain([source], source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.hardlink_to(path)
