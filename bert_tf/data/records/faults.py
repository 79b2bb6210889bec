"""Bad rows: all of them are found before the first is reported, or they are left out."""

import contextlib
import logging

from bert_tf.ground import count, one_of

_log = logging.getLogger(__name__)

BAD_ROWS = ("error", "skip")
SHOWN = 20  # Rows that a message describes; of the others it gives the number.


class Fault(ValueError):
    """What is wrong with one row.

    Args:
        where: file and line.
        problem: what is wrong and the value received, without a full stop.
        advice: sentences that say what to do.
    """

    def __init__(self, where, problem, advice=""):
        super().__init__(f"{where}: {problem}. {advice}".rstrip())
        self.problem, self.advice = problem, advice


class Faults:
    """The bad rows of one file.

    Args:
        path: name of the file.
        unit: what the numbers of rows count, such as "line".
        bad_rows: "error" to raise an error that lists the bad rows, "skip" to leave them
            out and log how many there are.
    """

    def __init__(self, path, unit="line", bad_rows="error"):
        one_of("bad_rows", bad_rows, BAD_ROWS)
        self.path, self.unit, self.skips = path, unit, bad_rows == "skip"
        self._rows = {}  # {number: (problem, advice)}.

    def __contains__(self, number):
        return number in self._rows

    def __len__(self):
        return len(self._rows)

    def where(self, number):
        """Returns the place of a row for an error message."""
        return f"{self.path}, {self.unit} {number}"

    def add(self, number, problem, advice=""):
        """Remembers what is wrong with a row; of a row's faults the first counts."""
        self._rows.setdefault(number, (problem, advice))

    @contextlib.contextmanager
    def catch(self, number):
        """Remembers a `Fault` that is raised while a row is read."""
        try:
            yield
        except Fault as fault:
            self.add(number, fault.problem, fault.advice)

    def read(self, function, items, numbers):
        """Calls a function(place, item) for each item.

        Returns:
            The results without those of bad rows, and the numbers of their rows.
        """
        results, kept = [], []
        for item, number in zip(items, numbers):
            with self.catch(number):
                results.append(function(self.where(number), item))
                kept.append(number)
        return results, kept

    def drop(self, items, numbers):
        """Returns the items that are not in bad rows, and their numbers."""
        if not self._rows:
            return items, numbers
        kept = [pair for pair in zip(items, numbers) if pair[1] not in self._rows]
        return [item for item, _ in kept], [number for _, number in kept]

    def settle(self, rows):
        """Reports the bad rows.

        Args:
            rows: number of good rows.

        Returns:
            The number of bad rows that are skipped.

        Raises:
            ValueError: there are bad rows, and they are not to be skipped, or no row is
                good.
        """
        if not self._rows:
            return 0
        if self.skips and rows:
            _log.warning("%s", self._describe("skipped"))
            return len(self)
        if len(self) == 1:
            ((number, (problem, advice)),) = self._rows.items()
            raise Fault(self.where(number), problem, advice)
        advice = [next((advice for _, advice in self._rows.values() if advice), "")]
        if not self.skips:
            advice.append("bad_rows=skip leaves such rows out.")
        raise ValueError(
            " ".join(filter(None, [f"{self._describe('found')}.", *advice]))
        )

    def _describe(self, what):
        """Returns the number of bad rows, and what is wrong with the first of them."""
        problems = {}
        for number in sorted(self._rows)[:SHOWN]:
            problems.setdefault(self._rows[number][0], []).append(number)
        shown = "; ".join(
            f"{self.unit}{'' if len(numbers) == 1 else 's'} "
            f"{', '.join(map(str, numbers))}: {problem}"
            for problem, numbers in problems.items()
        )
        more = f"; and {len(self) - SHOWN:,} more" if len(self) > SHOWN else ""
        return f"{self.path}: {count(len(self), 'bad row')} {what}: {shown}{more}"
