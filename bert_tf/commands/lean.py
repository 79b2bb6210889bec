"""Starts Keras without packages that no command needs of it.

Keras imports scikit-learn, matplotlib and IPython where they are installed, for wrappers
and plots of its own. That takes 1.5 of the 8 seconds of a short prediction. Commands that
use one of these packages import it themselves, after Keras.
"""

import sys
from importlib.machinery import PathFinder

_HIDDEN = frozenset({"sklearn", "matplotlib", "IPython"})


class _Hidden:
    """Finds nothing, and so makes Keras go on without the packages."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in _HIDDEN:
            raise ModuleNotFoundError(f"{name} is hidden from Keras.", name=name)


class _Keras:
    """Finds Keras as Python does, and hides the packages while it is imported."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "keras":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def exec_module(module):
                sys.meta_path.insert(0, _Hidden)
                try:
                    execute(module)
                finally:
                    sys.meta_path.remove(_Hidden)

            spec.loader.exec_module = exec_module
        return spec


def hide_packages_from_keras():
    """Lets Keras start faster, in a process that only runs a command."""
    if _Keras not in sys.meta_path:
        sys.meta_path.insert(0, _Keras)
