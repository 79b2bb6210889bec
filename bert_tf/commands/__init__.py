"""The commands: `bert-tf VERB`, `python -m bert_tf VERB` and `python scripts/VERB.py`.

One file a verb: its docstring is the head of `--help`, `define` defines its flags, `main`
does the work.
"""

import os
import sys


def main(verb=""):
    """Runs a command, and ends the process with its exit status.

    Args:
        verb: such as "finetune"; "" if the first argument names it.
    """
    # Before all other imports: a file of the working folder must not take the place of a
    # module.
    _leave_start_folder()
    try:
        from bert_tf.commands import start

        sys.exit(start.start(verb, sys.argv))
    except KeyboardInterrupt:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Pressed again, it says no more.
        print("interrupted; the command did not finish.", file=sys.stderr)
        sys.exit(130)


def _leave_start_folder():
    """Stops imports from the folder that Python adds to the path: of `-m`, or of a script.

    Child processes do not add one.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    folder, name = os.path.split(os.path.realpath(sys.argv[0]))
    as_module = name == "__main__.py"  # Then the folder is the working folder.
    if sys.flags.safe_path or not (as_module or sys.path[0] == folder):
        return
    first = sys.path.pop(0)
    package = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    if package == first:  # A checkout that is not installed: nothing else finds it.
        sys.path.append(first)
