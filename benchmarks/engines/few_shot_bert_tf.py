"""Few-shot training with bert_tf's --few_shot, one draw of examples after another.

Its defaults, unless options say otherwise. See few_shot.py for inputs and outputs.
"""

import json
import tempfile
import time

import tensorflow as tf

import bert_tf
from benchmarks.engines import contract

PACKAGES = ("tensorflow", "keras", "scikit-learn")


def work(options):
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    with open(options.train_file, encoding="utf-8") as file:
        draws = [json.loads(line) for line in file]
    texts, _, _ = contract.read_table(options.eval_file)
    changed = json.loads(options.training)
    predictions, seconds = [], []
    for draw in draws:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            config = bert_tf.FinetuneConfig(
                model=options.model,
                output_dir=f"{folder}/model",
                few_shot=True,
                max_seq_length=options.max_seq_length,
            )
            given = config.training_defaults | {"seed": options.seed} | changed
            bert_tf.finetune(
                config,
                bert_tf.TrainConfig(**given),
                train_data=[(x["text"], x["label"]) for x in draw],
            )
            seconds.append(time.perf_counter() - start)
            rows = bert_tf.Model(f"{folder}/model").predict(texts)
        predictions.append([row["label"] for row in rows])
    return {"predictions": predictions, "seconds": seconds}


if __name__ == "__main__":
    parser = contract.parser(__doc__)
    parser.add_argument(
        "--training", default="{}", help="JSON of fields of TrainConfig."
    )
    contract.report("bert_tf", work, parser.parse_args(), PACKAGES)
