"""Computes the records of requests in batches of bounded size.

Requests that wait at the same time share a batch, and a large request takes several, in
turn with the others. So neither memory nor the time that a small request waits depends on
what else was sent.
"""

import asyncio
import collections
import concurrent.futures

import numpy as np

from bert_tf.serving.limits import Refused

MAX_REQUESTS = 512  # Waiting.
MAX_CHARACTERS = 16 * 2**20  # Of all waiting requests.
# Of a batch; a record that alone has more is a batch of its own. Masks and characters count
# as if each record had as many as the one that has most, because tensors are padded.
BATCH_RECORDS = 256
BATCH_TOKENS = 8_192
BATCH_MASKS = 1_024
BATCH_CHARACTERS = 2**18


class Gatherer:
    """Computes requests in a thread.

    The next batch gathers while the model computes the last one, so that no request
    waits only to fill a batch.

    Args:
        call: function({name: list}) → {name: array with a row a record}.
        measure: function({name: list}) → `Work`; may raise `Refused`.
        limits: `Limits`.
        gather: False to compute each request alone.
    """

    def __init__(self, call, measure, limits, *, gather=True):
        self.call, self.measure, self.limits = call, measure, limits
        self.gather = gather
        self.requests = collections.deque()
        self.count = self.characters = 0  # Of requests that are not finished.
        self.arrived = asyncio.Event()
        # One thread, because TensorFlow already uses all cores for a call; and one for
        # what a request needs before and after, so that it does not wait for the model.
        self.threads = concurrent.futures.ThreadPoolExecutor(1)
        self.helpers = concurrent.futures.ThreadPoolExecutor(1)

    async def compute(self, inputs):
        """Returns the outputs, {name: list}, of one request.

        Args:
            inputs: {name: list}, of at least one record.

        Raises:
            Refused: it exceeds a limit, too many requests are waiting, or it takes longer
                than `request_timeout`.
        """
        characters = sum(_characters(x) for field in inputs.values() for x in field)
        full = self.characters and self.characters + characters > MAX_CHARACTERS
        if full or self.count >= MAX_REQUESTS:
            raise Refused(429, "too many requests are waiting; try again later")
        self.count, self.characters = self.count + 1, self.characters + characters
        seconds, request = self.limits.request_timeout, None
        try:
            async with asyncio.timeout(seconds):
                work = await self.run_beside(self.measure, inputs)
                request = _Request(inputs, work, self.limits.max_values)
                self.requests.append(request)
                self.arrived.set()
                rows = await request.future
                return await self.run_beside(join, rows, self.limits.max_values)
        except TimeoutError:
            reason = (
                f"request_timeout is {seconds:g} seconds; the request took longer. "
                "Send less at once, or try again later."
            )
            raise Refused(504, reason) from None
        finally:
            self.count, self.characters = self.count - 1, self.characters - characters
            if request:
                request.future.cancel()  # If its client is gone, it is not computed.

    def run_beside(self, function, *arguments):
        """Calls a function in the thread that does not compute."""
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self.helpers, function, *arguments)

    async def run(self):
        """Computes requests until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self.arrived.wait()
            batch = self.take_batch()
            if not batch:
                self.arrived.clear()
                continue
            parts = [request.select(records) for request, records in batch]
            inputs = {n: [x for part in parts for x in part[n]] for n in parts[0]}
            try:
                outputs = await loop.run_in_executor(self.threads, self.call, inputs)
            except Exception as error:  # noqa: BLE001 (The server goes on.)
                for request, _ in batch:
                    request.fail(error)
                continue
            begin = 0
            for request, records in batch:
                end = begin + len(records)
                request.add(records, {n: x[begin:end] for n, x in outputs.items()})
                begin = end

    def take_batch(self):
        """Returns [(request, numbers of records)] to compute next, [] if none waits."""
        waiting = [r for r in self.requests if r.records and not r.future.done()]
        batch, room = [], _Room()
        for request in waiting:
            if records := request.take(room):
                batch.append((request, records))
            if not self.gather:
                break
        # Those that have had their turn wait behind the others for the next.
        served = [request for request, _ in batch]
        others = [request for request in waiting if request not in served]
        self.requests = collections.deque(others + served)
        return batch


class _Room:
    """What a batch still holds."""

    def __init__(self):
        self.records = self.tokens = self.masks = self.characters = 0
        self.choices = None

    def admits(self, work, record):
        """Adds a record to the batch if it fits, and returns whether it did."""
        choices, records = work.choices[record], self.records + 1
        tokens = self.tokens + work.tokens[record]
        masks = max(self.masks, work.masks[record])
        characters = max(self.characters, work.characters[record])
        fits = (
            choices == self.choices  # A tensor is not ragged.
            and records <= BATCH_RECORDS
            and tokens <= BATCH_TOKENS
            and records * masks <= BATCH_MASKS
            and records * characters <= BATCH_CHARACTERS
        )
        if self.records and not fits:
            return False
        self.records, self.tokens, self.choices = records, tokens, choices
        self.masks, self.characters = masks, characters
        return True


class _Request:
    """The records of a request that wait, and the outputs of those that are computed."""

    def __init__(self, inputs, work, max_values):
        self.inputs, self.work, self.max_values = inputs, work, max_values
        self.values = 0
        self.future = asyncio.get_running_loop().create_future()
        # Records of similar length go into one batch.
        self.records = collections.deque(np.argsort(work.characters, kind="stable"))
        self.rows = [None] * len(self.records)
        self.missing = len(self.rows)

    def take(self, room):
        """Returns the numbers of the next records that fit into a batch."""
        taken = []
        while self.records and room.admits(self.work, self.records[0]):
            taken.append(self.records.popleft())
        return taken

    def select(self, records):
        """Returns the inputs of some records."""
        return {name: [x[n] for n in records] for name, x in self.inputs.items()}

    def add(self, records, outputs):
        """Keeps the outputs of some records, {name: array with a row a record}."""
        self.values += sum(array.size for array in outputs.values())
        if self.values > self.max_values:
            self.fail(too_many_values(self.max_values))
        for row, record in enumerate(records):
            self.rows[record] = {name: array[row] for name, array in outputs.items()}
        self.missing -= len(records)
        if not self.missing and not self.future.done():
            self.future.set_result(self.rows)

    def fail(self, error):
        if not self.future.done():
            self.future.set_exception(error)


def join(rows, max_values):
    """Joins the outputs of records to nested lists.

    Args:
        rows: list of {name: array}; arrays of one name may differ in their shapes.
        max_values: most values of all outputs.

    Returns:
        {name: list}, all rows of a name of one shape, with bytes decoded. What pads a row
        is what pads the outputs of a signature: "", -1 or 0.0.

    Raises:
        Refused: too many values.
    """
    shapes = {
        name: np.max([np.shape(row[name]) for row in rows], axis=0).astype(int)
        for name in rows[0]
    }
    if sum(len(rows) * shape.prod() for shape in shapes.values()) > max_values:
        raise too_many_values(max_values)
    return {
        name: [as_text(_pad(row[name], shape).tolist()) for row in rows]
        for name, shape in shapes.items()
    }


def _pad(array, shape):
    array = np.asarray(array)
    if array.shape == tuple(shape):
        return array
    fill = {"O": b"", "i": -1}.get(array.dtype.kind, 0.0)
    padded = np.full(shape, fill, array.dtype)
    padded[tuple(map(slice, array.shape))] = array
    return padded


def too_many_values(max_values):
    """Returns the refusal of a request whose predictions are too large."""
    return Refused(
        413,
        f"max_values is {max_values:,} numbers and strings in the predictions for a "
        "request; these have more. Send fewer or shorter records at once.",
    )


def as_text(value):
    """Returns nested lists with UTF-8 bytes decoded to strings."""
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _characters(value):
    return len(value) if isinstance(value, str) else sum(map(len, value))
