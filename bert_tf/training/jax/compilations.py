"""Counts compilations: XLA compiles a function anew for each shape of its rows."""

import functools

from bert_tf.ground import count


class Compilations:
    """Counts how often functions are compiled, by name."""

    def __init__(self):
        self.restart()

    def restart(self):
        """Begins to count from 0, for a new run."""
        self._counts = {}

    def counted(self, name, function):
        """Returns the function, which is counted each time that `jax.jit` traces it."""

        @functools.wraps(function)
        def traced(*arguments):
            self._counts[name] = self._counts.get(name, 0) + 1
            return function(*arguments)

        return traced

    def describe(self):
        """Returns a line for the log; "" if nothing was compiled."""
        parts = [
            f"the {name} for {count(number, 'shape')}"
            for name, number in self._counts.items()
        ]
        return f"JAX compiled {' and '.join(parts)} of rows." if parts else ""


# Of the process, in which one run follows the other.
counts = Compilations()
