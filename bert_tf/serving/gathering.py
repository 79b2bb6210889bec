"""Computes requests that wait at the same time in one call of the model."""

import asyncio
import concurrent.futures

import tensorflow as tf

MAX_REQUESTS = 512  # In the queue.
MAX_RECORDS = 64  # A batch takes no further request from this size on.
TIMEOUT = 30.0  # Seconds that a request may take.


class Gatherer:
    """Calls a signature for several requests at once.

    The next batch gathers while the model computes the last one, so that no request
    waits only to fill a batch.

    Args:
        function: `tf.function` of named strings → {name: tensor}, see `signatures`.
        gather: False to compute each request alone.
    """

    def __init__(self, function, *, gather=True):
        self.function, self.max_records = function, MAX_RECORDS if gather else 0
        self.queue = asyncio.Queue(MAX_REQUESTS)
        # One thread, because TensorFlow already uses all cores for a call.
        self.threads = concurrent.futures.ThreadPoolExecutor(1)

    async def compute(self, inputs):
        """Returns the outputs, {name: list}, of one request.

        Args:
            inputs: {name: list}.

        Raises:
            asyncio.QueueFull: too many requests are waiting.
            TimeoutError: the request took longer than `TIMEOUT`.
        """
        future = asyncio.get_running_loop().create_future()
        self.queue.put_nowait((inputs, future))
        return await asyncio.wait_for(future, TIMEOUT)

    async def run(self):
        """Computes the requests in the queue until it is cancelled."""
        while True:
            batch = [await self.queue.get()]
            count = count_records(batch[0][0])
            while count < self.max_records and not self.queue.empty():
                batch.append(self.queue.get_nowait())
                count += count_records(batch[-1][0])
            # A future that is done has timed out, so its request is dropped.
            batch = [request for request in batch if not request[1].done()]
            for requests in _split_by_choices(batch):
                await self._compute_batch(requests)

    async def _compute_batch(self, requests):
        inputs = [request_inputs for request_inputs, _ in requests]
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(self.threads, self._call, inputs)
        except Exception as error:  # noqa: BLE001 (The server goes on.)
            results = [error] * len(requests)
        for (_, future), result in zip(requests, results):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _call(self, inputs):
        """Returns the outputs of each request, for a list of their inputs."""
        tensors = {
            name: tf.constant([x for part in inputs for x in part[name]], tf.string)
            for name in inputs[0]
        }
        outputs = {name: x.numpy() for name, x in self.function(**tensors).items()}
        results, begin = [], 0
        for part in inputs:
            rows = slice(begin, begin := begin + count_records(part))
            results.append({n: as_text(x[rows].tolist()) for n, x in outputs.items()})
        return results


def count_records(inputs):
    """Returns the number of records in inputs, {name: list}."""
    return len(next(iter(inputs.values())))


def as_text(value):
    """Returns nested lists with UTF-8 bytes decoded to strings."""
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _split_by_choices(batch):
    """Groups requests by their number of choices, because a tensor is not ragged."""
    groups = {}
    for inputs, future in batch:
        width = len(next(iter(inputs.get("choices", ())), ()))
        groups.setdefault(width, []).append((inputs, future))
    return groups.values()
