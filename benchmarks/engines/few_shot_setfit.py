"""Few-shot training with setfit and its defaults, one draw of examples after another.

See few_shot.py for inputs and outputs.
"""

import json
import tempfile
import time

import torch
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments

from benchmarks.engines import contract

PACKAGES = ("setfit", "sentence-transformers", "torch", "scikit-learn")


def work(options):
    torch.set_num_threads(options.threads)
    with open(options.train_file, encoding="utf-8") as file:
        draws = [json.loads(line) for line in file]
    texts, _, _ = contract.read_table(options.eval_file)
    predictions, seconds = [], []
    for draw in draws:
        start = time.perf_counter()
        model = SetFitModel.from_pretrained(options.model, device="cpu")
        model.model_body.max_seq_length = options.max_seq_length
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder,
                seed=options.seed,
                report_to="none",
                show_progress_bar=False,
                save_strategy="no",
                num_iterations=options.num_iterations or None,
            )
            trainer = Trainer(
                model=model, args=arguments, train_dataset=Dataset.from_list(draw)
            )
            trainer.train()
        seconds.append(time.perf_counter() - start)
        labels = model.predict(texts, show_progress_bar=False)
        predictions.append([str(label) for label in labels])
    return {"predictions": predictions, "seconds": seconds}


if __name__ == "__main__":
    parser = contract.parser(__doc__)
    parser.add_argument("--num_iterations", type=int, default=0, help="0: all pairs.")
    contract.report("setfit", work, parser.parse_args(), PACKAGES)
