"""Pretrains a BERT on a store of tokenised text.

python scripts/pretrain.py --data_dir=store --eval_data_dir=held_out --size=small \
  --output_dir=model

Prints the metrics as JSON; the model folder is --output_dir.
"""

import json

import flags

with flags.quiet_imports():
    from bert_tf.run import TrainConfig, pretraining

flags.define(pretraining.PretrainConfig)
flags.define(TrainConfig, **pretraining.TRAINING)


def main(_):
    config = flags.parse(pretraining.PretrainConfig)
    print(json.dumps(pretraining.pretrain(config, flags.parse(TrainConfig))))


if __name__ == "__main__":
    flags.start(main)
