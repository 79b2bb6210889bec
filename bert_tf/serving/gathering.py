"""Requests that come together go through the model together."""

import asyncio
import concurrent.futures

import tensorflow as tf

QUEUE, AT_ONCE, TIMEOUT = 512, 64, 30.0  # Requests, records, seconds.


class Gatherer:
    """Calls a signature for many requests at once.

    While a batch is computed, the next one gathers; so nobody waits for company.

    Args:
        function: `tf.function` of named strings → {name: tensor}, see `signatures`.
        gather: False to call it for each request alone.
    """

    def __init__(self, function, *, gather=True):
        self.function, self.most = function, AT_ONCE if gather else 0
        self.queue = asyncio.Queue(QUEUE)
        # One: TensorFlow uses all cores for a call.
        self.threads = concurrent.futures.ThreadPoolExecutor(1)

    async def ask(self, inputs):
        """Returns {name: list} for inputs, {name: list}, of one request.

        Raises:
            asyncio.QueueFull: too many wait. TimeoutError: it took too long.
        """
        done = asyncio.get_running_loop().create_future()
        self.queue.put_nowait((inputs, done))
        return await asyncio.wait_for(done, TIMEOUT)

    async def work(self):
        """Answers what is in the queue, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self.queue.get()]
            count = count_records(batch[0][0])
            while count < self.most and not self.queue.empty():
                batch.append(self.queue.get_nowait())
                count += count_records(batch[-1][0])
            # Who has given up is not computed.
            batch = [(inputs, done) for inputs, done in batch if not done.done()]
            for some in _alike(batch):
                asked = [inputs for inputs, _ in some]
                try:
                    found = await loop.run_in_executor(self.threads, self._call, asked)
                except Exception as error:  # noqa: BLE001 (The next is answered.)
                    found = [error] * len(some)
                for (_, done), one in zip(some, found):
                    if done.done():
                        continue
                    if isinstance(one, Exception):
                        done.set_exception(one)
                    else:
                        done.set_result(one)

    def _call(self, requests):
        tensors = {
            name: tf.constant(
                [x for inputs in requests for x in inputs[name]], tf.string
            )
            for name in requests[0]
        }
        outputs = {name: x.numpy() for name, x in self.function(**tensors).items()}
        answers, begin = [], 0
        for inputs in requests:
            some = slice(begin, begin := begin + count_records(inputs))
            answers.append({n: as_text(x[some].tolist()) for n, x in outputs.items()})
        return answers


def count_records(inputs):
    """How many records inputs, {name: list}, have."""
    return len(next(iter(inputs.values())))


def as_text(value):
    """Nested lists with strings where there were UTF-8 bytes."""
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _alike(batch):
    """Parts a batch: only questions of as many choices make one tensor."""
    parts = {}
    for inputs, done in batch:
        width = len(next(iter(inputs.get("choices", ())), ()))
        parts.setdefault(width, []).append((inputs, done))
    return parts.values()
