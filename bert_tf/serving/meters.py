"""What the trial server tells Prometheus about itself."""

import time

import prometheus_client
from starlette.routing import Match

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_RECORDS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Meters:
    """Requests, their seconds, the records of batches, and the requests that wait.

    Attributes:
        media_type: of `render`.
    """

    media_type = prometheus_client.CONTENT_TYPE_LATEST

    def __init__(self):
        # Its own, since a process may hold several servers.
        own = self.registry = prometheus_client.CollectorRegistry()
        self.requests = prometheus_client.Counter(
            "bert_tf_requests", "Requests.", ("path", "status"), registry=own
        )
        self.seconds = prometheus_client.Histogram(
            "bert_tf_request_seconds",
            "Seconds from the headers of a request to the end of its response.",
            ("path",),
            buckets=_SECONDS,
            registry=own,
        )
        self.records = prometheus_client.Histogram(
            "bert_tf_batch_records",
            "Records of a batch that the model computes.",
            buckets=_RECORDS,
            registry=own,
        )
        self.queue = prometheus_client.Gauge(
            "bert_tf_unfinished_requests",
            "Requests that wait for the model, or that it computes.",
            registry=own,
        )

    def counting_records(self, call):
        """Returns `call` of a `Gatherer`, which then counts the records of each batch."""

        def counted(inputs):
            self.records.observe(len(next(iter(inputs.values()))))
            return call(inputs)

        return counted

    def read_queue(self, count):
        """Reads the length of the queue by a function whenever Prometheus asks."""
        self.queue.set_function(count)

    def render(self):
        """Returns all figures in Prometheus's format, bytes."""
        return prometheus_client.generate_latest(self.registry)


class Observer:
    """ASGI middleware that counts requests and their seconds.

    Args:
        app: ASGI application.
        meters: `Meters`.
        routes: routes of the application. Their paths are the labels, because those that
            clients invent would be without end.
    """

    def __init__(self, app, meters, routes):
        self.app, self.meters, self.routes = app, meters, routes

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, path, status = time.perf_counter(), self._path(scope), 499

        async def send_noting_the_status(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noting_the_status)
        finally:
            self.meters.requests.labels(path, str(status)).inc()
            self.meters.seconds.labels(path).observe(time.perf_counter() - begun)

    def _path(self, scope):
        paths = (r.path for r in self.routes if r.matches(scope)[0] != Match.NONE)
        return next(paths, "other")
