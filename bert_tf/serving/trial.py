"""A model folder behind the trial server."""

import dataclasses
import pathlib

from bert_tf.ground import require
from bert_tf.predictor import Model
from bert_tf.serving.signatures import make_signatures


@dataclasses.dataclass(frozen=True)
class ServeConfig:
    """Which model to serve, and where."""

    model: str = ""  # Model folder.
    task: str = ""  # What to answer; what it was trained for if empty.
    name: str = ""  # Of the model in paths; the folder's if empty.
    host: str = "127.0.0.1"  # 0.0.0.0 lets other machines ask.
    port: int = 8501  # Of REST.
    max_seq_length: int = 0  # Pieces of an example; 0: as in training.
    long_text: str = ""  # truncate, head_tail or windows; as in training if empty.
    bf16: bool = False  # Compute in bfloat16.
    gather: bool = True  # Compute requests that come together at once.

    def __post_init__(self):
        require(self, "model")
        if not 0 < self.port < 65536:
            raise ValueError(f"port must be from 1 to 65535; received {self.port}.")


def make_app(config):
    """Returns the ASGI application of a `ServeConfig`; the first answer is computed."""
    try:
        from bert_tf.serving import server
    except ImportError as error:
        raise ValueError(
            "the trial server needs starlette and uvicorn; run pip install "
            "'bert_tf[serve]'."
        ) from error
    model = Model(
        config.model,
        task=config.task,
        max_seq_length=config.max_seq_length,
        long_text=config.long_text,
        bf16=config.bf16,
    )
    pairs = "text_pair" in (model.columns or {})
    signatures = make_signatures(model.task, model.keras_model, pairs=pairs)
    return server.make_app(
        config.name or pathlib.Path(config.model).name,
        signatures["serving_default"],
        labels=getattr(model.task, "labels", ()),
        gather=config.gather,
    )


def serve(config):
    """Serves until it is stopped."""
    app = make_app(config)
    import uvicorn

    uvicorn.run(app, host=config.host, port=config.port, log_level="warning")
