"""The routes of settling and of person-years, in the order of the interface's description."""

from typing import Final

from fastapi import APIRouter

from app.settlement import api, year_api

SETTLEMENT_ROUTES: Final[tuple[APIRouter, ...]] = (api.router, year_api.router)
