"""Routes that are called without the framework's reading of parameters: who settles waits for nothing else."""

from collections.abc import Callable, Coroutine
from inspect import signature
from typing import cast

from fastapi import Request, Response
from fastapi.routing import APIRoute

Endpoint = Callable[[Request], Coroutine[object, object, Response]]


class DirectRoute(APIRoute):
    """A route whose endpoint is called with the request alone, where that is all that it takes. It stands in OpenAPI
    like any other; an endpoint with parameters in its path is called as FastAPI calls it."""

    def get_route_handler(self) -> Endpoint:
        """The endpoint itself, or FastAPI's caller of it."""
        if list(signature(self.endpoint).parameters) != ["request"]:
            return super().get_route_handler()
        return cast(Endpoint, self.endpoint)
