"""Who imports whom: the walls of the house, read from the sources."""

import ast
import functools
import pathlib
import subprocess
import sys

import pytest

import bert_tf
from bert_tf.tasks import TASKS

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "bert_tf"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 300  # Lines; a file that needs a table of contents is two files.

# Part of bert_tf: the other parts it may import; all may import ground, disk, docstrings
# and json_files. Leaves may import all parts but each other.
MAY_IMPORT = {
    "__init__": {"quiet"},
    "quiet": set(),
    "ground": set(),
    "disk": set(),
    "docstrings": set(),
    "json_files": set(),
    "layer_sizes": set(),
    "model_types": set(),
    "config": {"layer_sizes", "model_types"},
    "report": set(),
    "intervals": set(),
    "training": {"data"},  # JAX's engine lays rows into few shapes.
    "layers": set(),
    "checkpoints": {"config"},
    "tokenization": {"checkpoints"},
    "models": {"layers", "config", "checkpoints"},
    "data": {"tokenization"},
    "tasks": {"models", "data", "tokenization"},
    "predictor": {"tokenization", "training", "models", "checkpoints", "data", "tasks"},
    "run": {
        *("report", "training", "models", "checkpoints", "data", "tasks"),
        *("predictor", "config", "intervals", "tokenization"),
    },
}
MAY_IMPORT["serving"] = {*MAY_IMPORT["run"]}
MAY_IMPORT["light"] = {*MAY_IMPORT["run"], "quiet"}
MAY_IMPORT["serving"] |= {"light"}  # The trial server takes an export, too.
MAY_IMPORT["run"] |= {"serving", "light"}  # Predicts with a folder or its export.
LEAVES = ("doctor", "compression", "analysis", "retrieval")
# On top of everything; only scripts and tests import it.
MAY_IMPORT["commands"] = {*MAY_IMPORT["run"], "run", *LEAVES}
MAY_IMPORT["__main__"] = {"commands"}

# Foreign package: the one place that may import it; "" is nowhere.
DOORS = {
    "absl": "commands/",
    "tensorflow_text": "tokenization/",
    "tensorflow_datasets": "data/records/tfds.py",
    "apache_beam": "data/corpus/beam.py",
    "jax": ("training/jax/", "layers/attention_kernels.py"),
    "tokenizers": "tokenization/fast.py",
    "bm25s": "retrieval/words.py",
    "usearch": "retrieval/graph.py",
    "keras_nlp": "checkpoints/formats.py",
    "keras_hub": "",
    "torch": "",
    "transformers": "",
    "pickle": "",
}


def place(path):
    return path.relative_to(PACKAGE).as_posix()


def part(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@functools.cache
def nodes(path):
    """All nodes of the syntax tree of a file."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def names(path):
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy":
            yield node.args[0].value


@functools.cache
def imports(path):
    """Names of all modules that a file imports, wherever in it."""
    return set(names(path))


def packages(path):
    return {name.split(".")[0] for name in imports(path)}


def own_parts(path):
    """Parts of bert_tf, other than its own, that a file imports."""
    parts = {
        name.split(".")[1] for name in imports(path) if name.startswith("bert_tf.")
    }
    everyones = {"ground", "disk", "docstrings", "json_files", "__version__"}
    return parts - everyones - {part(path)}


def offenders(find):
    """Returns {place: what `find` finds} of the modules in which it finds something."""
    found = {place(path): find(path) for path in MODULES}
    return {name: what for name, what in found.items() if what}


def test_there_are_modules():
    assert {"config.py", "layers/attention.py", "run/seeds.py"} <= set(
        map(place, MODULES)
    )
    assert {"run", "tasks"} <= own_parts(PACKAGE / "commands/finetune.py")
    assert set(map(part, MODULES)) <= MAY_IMPORT.keys() | set(LEAVES)


def test_imports_within_the_house():
    def find(path):
        allowed = MAY_IMPORT.get(part(path), MAY_IMPORT["run"] | {"run"})
        if place(path) == "serving/client.py":
            allowed = set()
        return own_parts(path) - allowed

    assert offenders(find) == {}


def test_foreign_packages_have_one_door():
    def find(path):
        doors = {name: DOORS[name] for name in packages(path) & DOORS.keys()}
        return {
            name
            for name, door in doors.items()
            if not door or not place(path).startswith(door)
        }

    assert offenders(find) == {}


def test_nobody_imports_scripts_or_tests():
    outside = {"scripts", "tests", "benchmarks", "tiny", "reference"}
    assert offenders(lambda path: packages(path) & outside) == {}


def test_layers_and_models_speak_keras():
    def find(path):
        # Keras has no word for "compile this part alone". Texts are generated by
        # TensorFlow, whose loops take any number of sentences; and so do those over the
        # examples of a row.
        others = (
            *("layers/random_masks.py", "layers/attention_by_example.py"),
            *("models/decoding.py", "models/generation/"),
        )
        speaks = part(path) in ("layers", "models")
        speaks = speaks and not place(path).startswith(others)
        return packages(path) & {"tensorflow"} if speaks else set()

    assert offenders(find) == {}


def test_distribution_is_for_tensorflows_engine():
    def find(path):
        if place(path).startswith("training/tensorflow/"):
            return []
        attributes = (node for node in nodes(path) if isinstance(node, ast.Attribute))
        return [n.lineno for n in attributes if ast.unparse(n) == "tf.distribute"]

    assert offenders(find) == {}


def test_tasks_are_told_apart_in_three_places_only():
    """Their own files, and the adapters of serving and of analysis."""
    tasks = TASKS.keys() | {"pretraining"}
    adapters = ("serving/adapters.py", "analysis/adapters.py")

    def find(path):
        if part(path) == "tasks" or place(path) in adapters:
            return
        for node in nodes(path):
            tested = []
            if isinstance(node, ast.Compare):
                tested = [node.left, *node.comparators]
                tested += [x for t in tested for x in getattr(t, "elts", ())]
            elif isinstance(node, ast.Dict):
                tested = node.keys
            if tasks & {x.value for x in tested if isinstance(x, ast.Constant)}:
                yield ast.unparse(node)

    assert offenders(lambda path: list(find(path))) == {}


def test_files_are_small():
    def length(path):
        return len(path.read_text(encoding="utf-8").splitlines())

    assert offenders(lambda path: max(0, length(path) - LONGEST)) == {}


def test_scripts_only_name_a_command():
    for path in (ROOT / "scripts").glob("*.py"):
        assert imports(path) == {"bert_tf.commands", "bert_tf.commands.main"}


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_importing_the_package_waits_for_nothing():
    heavy = {"tensorflow", "keras", "numpy", "sklearn", "matplotlib"}
    program = "import sys, bert_tf; bert_tf.__version__; print(*sys.modules)"
    assert not heavy & set(run(program))


# Parts and modules that TensorFlow or Keras are the substance of.
HEAVY = (
    *("layers/", "models/", "serving/", "training/tensorflow/", "training/jax/"),
    *("run/session.py", "run/outputs.py"),
    *("tokenization/tokenizer.py", "tokenization/on_host.py"),
    *("doctor/devices.py", "doctor/model.py", "compression/distiller.py"),
)


def test_other_modules_are_imported_without_tensorflow():
    light = [
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for path in MODULES
        if not place(path).startswith(HEAVY) or place(path).endswith("__init__.py")
    ]
    serving = ("adapters", "exporting", "served_file", "trial", "work")
    light += [f"bert_tf.serving.{name}" for name in serving]
    assert "bert_tf.tasks.classification" in light
    heavy = {
        *("tensorflow", "tensorflow_text", "tensorflow_datasets", "keras", "keras_nlp"),
        *("jax", "scipy", "sklearn", "matplotlib"),
    }
    program = f"""
import importlib, sys
for name in {light}:
    importlib.import_module(name.removesuffix(".__init__"))
    found = {heavy} & set(sys.modules)
    if found:
        sys.exit(print(name, "imports", *found))
"""
    assert run(program) == []


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        bert_tf.nonsense  # noqa: B018
