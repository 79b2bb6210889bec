"""How much work the trial server accepts, and how long it waits.

Every limit is checked before anything is computed. A request beyond one is refused with
one line that names the limit and the value received.
"""

import dataclasses

from bert_tf.ground import above_zero, at_least, setting


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of the trial server; the defaults suit texts and documents of ordinary size."""

    max_bytes: int = setting(2**20, "Most bytes of a request.", section="limits")
    max_records: int = setting(1_000, "Most records of a request.")
    max_characters: int = setting(100_000, "Most characters of a text.")
    max_choices: int = setting(100, "Most choices or passages of a record.")
    max_tokens: int = setting(
        131_072,
        "Most tokens that a request makes the model compute: texts are shortened first, "
        "tokens in several windows, choices or beams count each time.",
    )
    max_record_tokens: int = setting(
        32_768,
        "Most tokens of a record, counted as for max_tokens; it is computed at once.",
    )
    max_masks: int = setting(4_096, "Most [MASK] of a request.")
    max_values: int = setting(
        4_000_000, "Most numbers and strings in the predictions for a request."
    )
    request_timeout: float = setting(
        30.0, "Seconds until a request is given up and gets status 504."
    )
    connection_timeout: float = setting(
        10.0,
        "Seconds that a client may take to send its headers, to send its body, or to "
        "read a part of the response.",
    )

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if field.type is float:
                above_zero(self, field.name)
            else:
                at_least(self, field.name, 1)


class Refused(Exception):
    """A request that the server does not compute.

    Args:
        status: HTTP status.
        reason: one line.
        kind: word for programs, where a protocol has one for this reason.
    """

    def __init__(self, status, reason, kind=""):
        super().__init__(reason)
        self.status, self.reason, self.kind = status, reason, kind


def check_limit(limits, name, value, noun):
    """Raises `Refused` with status 413 if a value is greater than its limit.

    Args:
        limits: `Limits`.
        name: its field.
        value: number received.
        noun: of what the limit is, such as "tokens of a request".
    """
    most = getattr(limits, name)
    if value > most:
        raise Refused(413, f"{name} is {most:,} {noun}; received {value:,}.")
