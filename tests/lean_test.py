"""Commands start Keras without packages that it can do without."""

import subprocess
import sys

PROGRAM = """
import sys
from bert_tf.commands import lean
lean.hide_packages_from_keras()
import keras
print(*sorted({"sklearn", "matplotlib", "IPython"} & set(sys.modules)))
import sklearn.metrics, matplotlib.colors
print(keras.__version__ > "3", sklearn.metrics.accuracy_score([1, 0], [1, 1]))
"""


def test_keras_starts_without_them_and_the_command_still_has_them():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["", "True 0.5"], done.stderr
