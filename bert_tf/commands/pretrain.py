r"""Pretrains a BERT on a store of tokenised text.

bert-tf pretrain --data_dir=store --eval_data_dir=held_out --size=small \
  --output_dir=model
bert-tf pretrain --demo

Prints the metrics as JSON; the model folder is --output_dir.
"""

import json

from bert_tf.commands import flags
from bert_tf.run.demo import DemoConfig, demonstrate
from bert_tf.run.pretraining import TRAINING, PretrainConfig, pretrain
from bert_tf.tasks.pretraining import Pretraining
from bert_tf.training.config import TrainConfig


def define():
    flags.define(DemoConfig)
    flags.define(PretrainConfig)
    flags.define_options(PretrainConfig, {Pretraining.name: Pretraining}, "training")
    flags.define(TrainConfig, **TRAINING)


def main(_):
    if flags.parse(DemoConfig).demo:
        return show_demo(flags.FLAGS.output_dir or "pretrain_demo")
    config = flags.parse(PretrainConfig)
    print(json.dumps(pretrain(config, flags.parse(TrainConfig))))


def show_demo(output_dir):
    result = demonstrate(output_dir)
    names = ("eval_masked_lm_loss", "unigram_loss", "bigram_loss")
    loss, unigram, bigram = (f"{result['metrics'][name]:.2f}" for name in names)
    print(f"""
The held-out loss is {loss} nats per hidden token. Token frequencies alone give
{unigram}, knowing the left neighbour {bigram}. A BERT of two layers learnt for two minutes from a
quarter of a megabyte of Python's help texts: all parts work, but that is little training.
""")
    for sentence, prediction in result["filled"].items():
        for tokens in prediction["tokens"]:
            shown = [f"{token['token']} {token['probability']:.0%}" for token in tokens]
            print(f"{sentence}\n    {', '.join(shown)}")
    print(f"\nThe model is in {output_dir}/model.")
