"""The routes of the registry, in the order of the interface's description."""

from typing import Final

from fastapi import APIRouter

from app.registry import api, hospitals_api, imports_api, records_api

REGISTRY_ROUTES: Final[tuple[APIRouter, ...]] = tuple(
    module.router for module in (imports_api, api, hospitals_api, records_api)
)
