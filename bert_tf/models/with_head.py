"""What the models with a head share: folders to start from, folders to save, configurations."""

import logging

import keras

from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import layouts, weights
from bert_tf.models import saving
from bert_tf.models.backbone import BertBackbone

_log = logging.getLogger(__name__)


class ModelWithHead(keras.Model):
    """An encoder with a head of a task.

    Args:
        backbone: `BertBackbone`.
        name: name of the Keras model.

    Attributes:
        architectures: classes of transformers that have the same head; a folder is
            written for the first of them.
        has_head: whether there are weights beside those of the encoder.
    """

    architectures = ("BertModel",)
    has_head = True

    def __init__(self, backbone, *, name):
        super().__init__(dtype=backbone.dtype_policy, name=name)
        self.backbone = backbone

    @classmethod
    def from_pretrained(
        cls, name, *, dtype=None, gradient_checkpointing=False, **arguments
    ):
        """Returns a model with the weights of a model folder.

        The head is the folder's if that has one for the same task, of the same size.
        Otherwise it has new random weights, and the log says so.

        Args:
            name: model folder, "minilm", or a published name such as
                "bert-base-uncased".
            dtype, gradient_checkpointing: as of `BertBackbone`.
            arguments: other arguments of the class, such as `num_labels`. Those that are
                left out are taken from the folder.

        Raises:
            FileNotFoundError, ValueError: there is no such folder, or it is invalid; an
                argument is neither given nor in the folder.

        Example:
            >>> import bert_tf
            >>> model = bert_tf.Classifier.from_pretrained("bert", num_labels=3)
            >>> tokenizer = bert_tf.BertTokenizer.from_pretrained("bert")
            >>> model(tokenizer(["The film is good.", "It was bad."])).shape
            TensorShape([2, 3])
        """
        path = folders.resolve(name)
        folder, arrays = folders.read(path), layouts.read_arrays(path)
        reason = cls._misfit(folder, arrays) if cls.has_head else ""
        arguments = cls._complete(arguments, folder, {} if reason else arrays, name)
        plain = saving.without_head(folder, cls._kept(folder.settings))
        fits = cls.has_head and not reason
        backbone = BertBackbone(
            (folder if fits else plain).config,
            dtype=dtype,
            gradient_checkpointing=gradient_checkpointing,
        )
        model = cls(backbone, **arguments)
        if fits:
            reason = model._difference(arrays)
        if fits and not reason:
            folders.load_weights(path, model)
            backbone.folder = folder
            return model
        if cls.has_head:
            folders.load_weights(path, backbone)
        else:
            model._load(path)
        backbone.folder = plain
        if reason:
            _log.warning(
                "%s: the head of %s is new, because %s; train it before you predict.",
                name,
                cls.__name__,
                reason,
            )
        return model

    def save_pretrained(self, path, *, labels=None, problem_type=None, tokenizer=None):
        """Writes a model folder, which `bert_tf.Model` and transformers read.

        A saved model in that folder is replaced. A folder with other files is refused.

        Args:
            path: folder.
            labels: names of the labels in the order of their ids. None for those of the
                folder that the model came from, or else LABEL_0, LABEL_1, …
            problem_type: what a classifier learns: "single_label_classification",
                "multi_label_classification" or "regression"; None for what the folder
                says that the model came from, or else the first, or the last for one
                label.
            tokenizer: `BertTokenizer`; None for that of `from_pretrained`.

        Raises:
            TypeError, ValueError: bad labels; no tokenizer; weights that are NaN; a
                folder with other files. Nothing is written.

        Example:
            >>> import bert_tf
            >>> model = bert_tf.Classifier.from_pretrained("bert", num_labels=2)
            >>> model.save_pretrained("films", labels=["bad", "good"])
            >>> bert_tf.Model("films").predict(["It was fine."])
            [{'label': ..., 'scores': {'bad': 0..., 'good': 0...}}]
        """
        folder = saving.folder_of(self.backbone, tokenizer)
        number = getattr(self, "num_labels", None)
        if number is not None:
            folder = saving.with_labels(folder, number, labels, problem_type)
        elif labels is not None or problem_type is not None:
            raise ValueError(
                f"{type(self).__name__} has no labels; drop labels and problem_type."
            )
        settings = {} if problem_type else self._settings(folder)
        saving.save(path, self, folder, self.architectures[0], settings)

    def get_config(self):
        backbone = keras.saving.serialize_keras_object(self.backbone)
        return {
            "backbone": backbone,
            **self._arguments(),
            "name": self.name,
            "frozen": saving.frozen(self),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        frozen = config.get("frozen", ())
        given = {k: x for k, x in config.items() if k not in ("backbone", "frozen")}
        backbone = keras.saving.deserialize_keras_object(
            config["backbone"], custom_objects
        )
        return saving.freeze(cls(backbone, **given), frozen)

    # What subclasses say.

    def _load(self, path):
        """Loads the weights of a folder into a model without a head."""
        folders.load_weights(path, self.backbone)

    def _arguments(self):
        """Returns {name: value} of the constructor, apart from backbone and name."""
        return {}

    def _settings(self, folder):
        """Returns what a saved folder remembers for bert_tf."""
        return folder.settings

    @classmethod
    def _complete(cls, arguments, folder, arrays, name):
        """Returns the arguments of the constructor, with those of a folder.

        Args:
            arguments: those given to `from_pretrained`.
            folder: `ModelFolder`.
            arrays: {path: array} of the folder; {} if its head is not for this class.
            name: of the folder, for errors.
        """
        return arguments

    @classmethod
    def _kept(cls, settings):
        """Returns the settings of a folder that hold for a model without its head."""
        return {}

    @classmethod
    def _misfit(cls, folder, arrays):
        """Returns why a folder's head is not one for this class, or ""."""
        if all(path.startswith("bert/") for path in arrays):
            return "the folder has none"
        written = folder.config.extra.get("architectures") or ()
        if written and not set(written) & set(cls.architectures):
            return f"that of the folder is for {', '.join(written)}"
        return ""

    def _difference(self, arrays):
        """Returns in which way a folder's arrays differ from the weights of the head, or ""."""
        report = weights.compare(self, arrays)
        missing = [
            path
            for path in report.missing
            if not path.startswith(("bert/", "cls/seq_relationship/"))
        ]
        if missing:
            return f"the folder has no {missing[0]}"
        for path, (ours, theirs) in report.misshaped.items():
            if not path.startswith("bert/"):
                return (
                    f"{path} of the folder has shape {list(theirs)} instead of "
                    f"{list(ours)}"
                )
        return ""


def unused_scopes(backbone):
    """Returns the scopes of weights that an architecture has only beneath a classifier."""
    return () if backbone.config.architecture.has_pooler else ("bert/pooler/",)
