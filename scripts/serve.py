r"""Serves a model folder for trials, with the REST paths of TensorFlow Serving.

python scripts/serve.py --model=model --port=8501
curl -H 'Content-Type: application/json' localhost:8501/v1/models/model:predict \
  -d '{"instances": ["Where is my parcel?"]}'

The address that it prints has a page to try the model. Needs pip install
'bert_tf[serve]'. In production, use TensorFlow Serving with the output of export.py.
"""

import pathlib
import sys

import flags

with flags.quiet_imports():
    from bert_tf.serving import limits, trial
    from bert_tf.tasks import TASKS

flags.define(trial.ServeConfig)
flags.define(limits.Limits)
flags.define_options(trial.ServeConfig, TASKS, "prediction")


def main(_):
    config = flags.parse(trial.ServeConfig)
    name = config.name or pathlib.Path(config.model).name
    address = f"http://{config.host}:{config.port}"
    print(f"{address}/ serves {name}; press Ctrl-C to stop.", file=sys.stderr)
    trial.serve(config, flags.parse(limits.Limits))


if __name__ == "__main__":
    flags.start(main)
