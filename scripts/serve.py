"""Serves a model folder for trial, on TensorFlow Serving's REST paths.

python scripts/serve.py --model=model --port=8501
curl -d '{"instances": ["Where is my parcel?"]}' localhost:8501/v1/models/model:predict

A page to type into is at the address it prints. Needs pip install 'bert_tf[serve]'. For
production take TensorFlow Serving: export.py writes what it loads.
"""

import pathlib
import sys

import flags

with flags.quiet_imports():
    from bert_tf.serving import trial

flags.define(trial.ServeConfig)


def main(_):
    config = flags.parse(trial.ServeConfig)
    name = config.name or pathlib.Path(config.model).name
    address = f"http://{config.host}:{config.port}"
    print(f"{address}/ serves {name}; Ctrl-C ends it.", file=sys.stderr)
    trial.serve(config)


if __name__ == "__main__":
    flags.start(main)
