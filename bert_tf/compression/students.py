"""Which model learns: layers of the teacher, a new model of a size, or a model folder."""

import dataclasses
import re

from bert_tf.checkpoints import folder as folders
from bert_tf.config import SIZES, BertConfig
from bert_tf.ground import quote

TEACHER = "teacher"
_LAYERS_BY_WIDTH = re.compile(r"([0-9]+)x([0-9]+)")
_HEAD_SIZE = 64  # As of all published sizes.


@dataclasses.dataclass
class Student:
    """The model that learns.

    Attributes:
        folder: `ModelFolder`.
        path: folder of the weights to start from; None without one.
        kept: numbers of the teacher's layers that it starts from, from 0; () for others.
    """

    folder: folders.ModelFolder
    path: object = None
    kept: tuple = ()


def choose(name, keep_layers, teacher):
    """Returns the `Student` that the flags describe.

    Args:
        name: "teacher", a size, layers x width such as 2x128, or a model folder or
            published name.
        keep_layers: text such as "0,2,4"; only with "teacher".
        teacher: `ModelFolder` of the first teacher.

    Raises:
        FileNotFoundError, ValueError: there is no such model; layers that the teacher
            does not have.
    """
    if name == TEACHER:
        return _keep_layers(keep_layers, teacher)
    if keep_layers:
        raise ValueError(
            f"keep_layers={keep_layers} chooses layers of the teacher, but student is "
            f"{quote(name)}; pass --student=teacher, or drop keep_layers."
        )
    by_width = _LAYERS_BY_WIDTH.fullmatch(name)
    if name in SIZES or by_width:
        _refuse_decoder(teacher, f"student={name}")
        sizes = map(int, by_width.groups()) if by_width else SIZES[name]
        config = _new_config(*sizes, teacher.config)
        return Student(dataclasses.replace(teacher, config=config))
    path = folders.resolve(name)
    return Student(folders.read(path), path)


def _keep_layers(text, teacher):
    _refuse_decoder(teacher, f"student={TEACHER}")
    most = teacher.config.num_hidden_layers
    parts = [part.strip() for part in text.split(",")]
    if not text or not all(part.isdecimal() for part in parts):
        raise ValueError(
            "student=teacher needs keep_layers, the layers to keep, from 0, such as "
            f"{','.join(map(str, range(0, most, 2)))}; received {text!r}."
        )
    kept = tuple(map(int, parts))
    if max(kept) >= most or list(kept) != sorted(set(kept)):
        raise ValueError(
            f"keep_layers must rise, from 0 to {most - 1}, since the teacher has {most} "
            f"layers; received {text!r}."
        )
    shapes = teacher.config.layer_shapes
    config = teacher.config.with_layers([shapes[number] for number in kept])
    return Student(dataclasses.replace(teacher, config=config), kept=kept)


def _refuse_decoder(teacher, flag):
    if teacher.decoder:
        raise ValueError(
            f"{flag} makes an encoder, but the teacher has a decoder, too; pass a model "
            "folder as student."
        )


def _new_config(layers, width, teacher):
    """Returns the configuration of a size that reads what the teacher reads."""
    return BertConfig(
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=max(1, width // _HEAD_SIZE),
        intermediate_size=4 * width,
        vocab_size=teacher.vocab_size,
        max_position_embeddings=teacher.max_position_embeddings,
        type_vocab_size=teacher.type_vocab_size,
    )


def map_layers(text, layers, teacher_layers):
    """Returns [(student's, teacher's)] of hidden states to compare, from a layer map.

    Args:
        text: such as "1:2,2:4"; 0 is the embeddings, 1 the output of the first layer. ""
            for a uniform map: the embeddings, and layer m with layer m · L' / L, rounded
            up.
        layers, teacher_layers: L and L'.

    Raises:
        ValueError: the text is something else; a model has no such layer.
    """
    if not text:
        return [(m, -(-m * teacher_layers // layers)) for m in range(layers + 1)]
    pairs = []
    for part in text.split(","):
        pair = re.fullmatch(r"\s*([0-9]+):([0-9]+)\s*", part)
        if not pair:
            raise ValueError(
                "layer_map must be pairs of a student's and a teacher's layer such as "
                f"1:2,2:4; received {text!r}."
            )
        pairs.append((int(pair[1]), int(pair[2])))
    for side, (name, most) in enumerate(
        (("student", layers), ("teacher", teacher_layers))
    ):
        if max(pair[side] for pair in pairs) > most:
            raise ValueError(
                f"layer_map={text!r} names a layer that the {name} does not have; its "
                f"layers are 1 to {most}, and 0 is its embeddings."
            )
    return pairs
