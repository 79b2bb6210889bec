"""The API key that requests to the trial server must bear, if there is one."""

import hmac

from starlette.datastructures import Headers

from bert_tf.serving.refusals import refusal

OPEN = ("/health",)  # For those who only watch whether the server lives.


class KeyCheck:
    """ASGI middleware that refuses requests without `Authorization: Bearer KEY`.

    Args:
        app: ASGI application.
        key: the key; "" lets all requests pass.
    """

    def __init__(self, app, key=""):
        self.app, self.key = app, key.encode("utf-8")

    async def __call__(self, scope, receive, send):
        app = self.app
        is_closed = scope["type"] == "http" and scope["path"] not in OPEN
        if self.key and is_closed and not self._is_borne(scope):
            app = refusal(
                scope["path"],
                401,
                "the key is missing or wrong; send the header Authorization: Bearer KEY, "
                "with the key with which the server was started",
                {"WWW-Authenticate": "Bearer"},
            )
        await app(scope, receive, send)

    def _is_borne(self, scope):
        header = Headers(scope=scope).get("authorization", "")
        scheme, _, token = header.partition(" ")
        # Starlette decodes headers so.
        token = token.strip().encode("latin-1")
        # In a time that does not tell how much of the key is right.
        return scheme.lower() == "bearer" and hmac.compare_digest(token, self.key)
