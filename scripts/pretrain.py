r"""Pretrains a BERT on a store of tokenised text.

python scripts/pretrain.py --data_dir=store --eval_data_dir=held_out --size=small \
  --output_dir=model
python scripts/pretrain.py --demo

Prints the metrics as JSON; the model folder is --output_dir.
"""

import flags

with flags.quiet_imports():
    from bert_tf import report
    from bert_tf.run import demo, pretraining
    from bert_tf.tasks.pretraining import Pretraining
    from bert_tf.training.config import TrainConfig

flags.define(demo.DemoConfig)
flags.define(pretraining.PretrainConfig)
flags.define_options(
    pretraining.PretrainConfig, {Pretraining.name: Pretraining}, "training"
)
flags.define(TrainConfig, **pretraining.TRAINING)


def show_demo(output_dir):
    result = demo.demonstrate(output_dir)
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


def main(_):
    if flags.parse(demo.DemoConfig).demo:
        return show_demo(flags.FLAGS.output_dir or "pretrain_demo")
    config = flags.parse(pretraining.PretrainConfig)
    print(report.as_json(pretraining.pretrain(config, flags.parse(TrainConfig))))


if __name__ == "__main__":
    flags.start(main)
