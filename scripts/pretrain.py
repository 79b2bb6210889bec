"""Pretrains a BERT on a store of tokenised text.

python scripts/pretrain.py --data_dir=store --eval_data_dir=held_out --size=small \
  --output_dir=model
python scripts/pretrain.py --demo

Prints the metrics as JSON; the model folder is --output_dir.
"""

import json

import flags

with flags.quiet_imports():
    from bert_tf.run import TrainConfig, demo, pretraining

flags.define(demo.DemoConfig)
flags.define(pretraining.PretrainConfig)
flags.define(TrainConfig, **pretraining.TRAINING)


def show(output_dir):
    result = demo.demonstrate(output_dir)
    metrics = result["metrics"]
    print(f"""
Held out, a hidden piece costs {metrics["eval_masked_lm_loss"]:.2f} nats; knowing only how
frequent pieces are, it would cost {metrics["unigram_loss"]:.2f}, knowing the left neighbour
{metrics["bigram_loss"]:.2f}. A BERT of two layers after two minutes, on a quarter of a
megabyte of Python's help: it shows that all parts work, and how little that teaches.
""")
    for sentence, answer in result["filled"].items():
        for guesses in answer["tokens"]:
            best = ", ".join(f"{g['token']} {g['probability']:.0%}" for g in guesses)
            print(f"{sentence}\n    {best}")
    print(f"\nThe model is in {output_dir}/model.")


def main(_):
    if flags.parse(demo.DemoConfig).demo:
        return show(flags.FLAGS.output_dir or "pretrain_demo")
    config = flags.parse(pretraining.PretrainConfig)
    print(json.dumps(pretraining.pretrain(config, flags.parse(TrainConfig))))


if __name__ == "__main__":
    flags.start(main)
