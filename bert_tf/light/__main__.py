"""python -m bert_tf.light FOLDER TEXT …: prints a prediction, as JSON, for each text.

Without texts, each line of standard input is one: a text, "text TAB pair", or a JSON object
of fields.
"""

import argparse
import json
import sys

from bert_tf.light.model import Model


def main(arguments=None):
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bert_tf.light", description=__doc__.partition(": ")[2]
    )
    parser.add_argument("folder", help="folder that bert-tf export wrote")
    parser.add_argument("texts", nargs="*", metavar="TEXT")
    parser.add_argument("--threads", type=int, help="default: all processors")
    options = parser.parse_args(arguments)
    try:
        model = Model(options.folder, threads=options.threads)
        if options.texts:
            predictions = model.predict(options.texts)
        else:
            predictions = model.predict_lines(sys.stdin.buffer)
    except (OSError, ValueError, TypeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for prediction in predictions:
        print(json.dumps(prediction, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
