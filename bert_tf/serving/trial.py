"""Serves a model folder with the trial server."""

import dataclasses
import pathlib

from bert_tf.ground import lazy, require, setting
from bert_tf.predictor import Model
from bert_tf.tasks.options import TakesOptions

signatures = lazy("bert_tf.serving.signatures")


@dataclasses.dataclass(frozen=True, init=False)
class ServeConfig(TakesOptions):
    """Which model to serve, and at which address."""

    model: str = setting("", "Model folder to serve.", section="model")
    task: str = setting(
        "", "Task to serve, such as features. Empty: the task of the training."
    )
    name: str = setting(
        "",
        "Name of the model in the REST paths. Empty: the folder's name.",
        section="server",
    )
    host: str = setting(
        "127.0.0.1",
        "Address to listen on; 0.0.0.0 accepts requests from other machines.",
    )
    port: int = setting(8501, "TCP port of the REST API, 1 to 65535.")
    bf16: bool = setting(False, "Compute in bfloat16 instead of float32.")
    gather: bool = setting(
        True, "Compute requests that wait at the same time as one batch."
    )

    def __post_init__(self):
        require(self, "model")
        if not 0 < self.port < 65536:
            raise ValueError(f"port must be from 1 to 65535; received {self.port}.")


def make_app(config):
    """Loads the model and returns the ASGI application that serves it.

    Args:
        config: `ServeConfig`.
    """
    try:
        from bert_tf.serving import server
    except ImportError as error:
        raise ValueError(
            "The trial server needs starlette and uvicorn: run pip install "
            "'bert_tf[serve]'."
        ) from error
    model = Model(
        config.model,
        task=config.task,
        bf16=config.bf16,
        **config.options,
    )
    pairs = "text_pair" in (model.columns or {})
    made = signatures.make_signatures(model.task, model.keras_model, pairs=pairs)
    return server.make_app(
        config.name or pathlib.Path(config.model).name,
        made["serving_default"],
        labels=model.task.labels or (),
        gather=config.gather,
    )


def serve(config):
    """Serves a model until the process is interrupted.

    Args:
        config: `ServeConfig`.
    """
    app = make_app(config)
    import uvicorn

    uvicorn.run(app, host=config.host, port=config.port, log_level="warning")
