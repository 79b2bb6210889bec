"""Where pretraining starts: a new or a pretrained model, and stores that fit it."""

import dataclasses

from bert_tf.checkpoints import folder as folders
from bert_tf.config import BertConfig, read_config
from bert_tf.data.corpus.store import Store


def model_folder(config, store):
    """Returns the `ModelFolder` to pretrain: a new one, or the one in `config.model`.

    Raises:
        ValueError: the store was made with another vocabulary or tokenizer.
    """
    tokenizer = store.manifest["tokenizer"]
    if not config.model:
        size = len(store.vocab)
        if config.size:
            architecture = BertConfig.from_size(config.size, vocab_size=size)
        else:
            architecture = read_config(config.config)
        if architecture.vocab_size < size:
            raise ValueError(
                f"{config.config} has vocab_size {architecture.vocab_size}, but the "
                f"store in {config.data_dir} was made with {size} tokens; raise it."
            )
        return folders.ModelFolder(architecture, store.vocab, tokenizer)
    folder = folders.read(folders.resolve(config.model))
    check_store(store, folder, config.model)
    settings = dict(folder.settings)
    settings.pop("task", None)  # Pretraining ends what it was fine-tuned for.
    return dataclasses.replace(folder, settings=settings)


def check_store(store, folder, name):
    """Raises a ValueError if a store was not made with the vocabulary of a model.

    Args:
        store: `Store`.
        folder: `ModelFolder` of the model.
        name: its name, for the error.
    """
    if folder.vocab != store.vocab:
        raise ValueError(
            f"{store.path} was made with another vocabulary ({len(store.vocab)} tokens) "
            f"than that of {name} ({len(folder.vocab)}); make the store again with the "
            "vocab.txt of that folder."
        )
    for key, value in store.manifest["tokenizer"].items():
        if folder.tokenizer.get(key) != value:
            raise ValueError(
                f"{store.path} was made with {key}={value}, but {name} has "
                f"{folder.tokenizer.get(key)}; make the store again with "
                f"--{key}={folder.tokenizer.get(key)}."
            )


def check_architecture(config, where):
    """Raises a ValueError if a model has not both heads that pretraining trains.

    Args:
        config: `BertConfig`.
        where: what it is the configuration of, for the error.
    """
    if config.model_type != "bert":
        raise ValueError(
            "pretraining learns masked words and next sentences, for which "
            f"{where} has no head: its model_type is {config.model_type!r}. Choose a "
            "BERT; DistilBERT and ELECTRA can be fine-tuned."
        )


def held_out_store(path, store):
    """Opens the store on which the model is evaluated.

    Raises:
        ValueError: it was made with another vocabulary than the training data.
    """
    held_out = Store(path)
    if held_out.vocab != store.vocab:
        raise ValueError(
            f"{path} was made with another vocabulary ({len(held_out.vocab)} tokens) "
            f"than {store.path} ({len(store.vocab)}); make it again with the same one."
        )
    return held_out
