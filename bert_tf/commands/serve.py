r"""Serves a model folder for trials, with the REST paths of TensorFlow Serving.

bert-tf serve --model=model --port=8501
curl -H 'Content-Type: application/json' localhost:8501/v1/models/model:predict \
  -d '{"instances": ["Where is my parcel?"]}'

Embedders and rerankers have the paths of OpenAI and of text-embeddings-inference, too. The
address that it prints has a page to try the model, and /metrics for Prometheus. If the
environment variable BERT_TF_API_KEY is set, requests must bear this key. Needs pip install
'bert_tf[serve]'. In production, use TensorFlow Serving with the output of bert-tf export.
"""

import pathlib
import sys

from bert_tf.commands import flags
from bert_tf.serving.limits import Limits
from bert_tf.serving.trial import ServeConfig, serve
from bert_tf.tasks import TASKS


def define():
    flags.define(ServeConfig)
    flags.define(Limits)
    flags.define_options(ServeConfig, TASKS, "prediction")


def main(_):
    config = flags.parse(ServeConfig)
    name = config.name or pathlib.Path(config.model).name
    address = f"http://{config.host}:{config.port}"
    print(f"{address}/ serves {name}; press Ctrl-C to stop.", file=sys.stderr)
    serve(config, flags.parse(Limits))
