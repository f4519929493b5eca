"""Playing a hospital against the national interface of a service."""

import asyncio
from datetime import datetime
from typing import Final

import click
import httpx

from app.nhsa.client import Sender
from app.nhsa.conformance import StepResult, play
from app.nhsa.kit import Kit, Patient
from app.service.caller import Credential, Profile

CONFORMANCE_WORDS: Final = {"passed": "通过", "failed": "未通过", "skipped": "未进行"}


@click.group()
def nhsa() -> None:
    """The national interface."""


@nhsa.command("conformance")
@click.option("--url", required=True, help="The service, for example http://127.0.0.1:8000.")
@click.option("--profile", type=click.Choice(["A", "B", "none"]), default="none", show_default=True)
@click.option("--hospital", required=True, help="fixmedins_code of a hospital that the service knows.")
@click.option("--key-id", default="", help="_api_access_key of A, x-tif-paasid of B.")
@click.option("--secret", envvar="ONESTOP_NHSA_SECRET", default="", help="Better in ONESTOP_NHSA_SECRET than here.")
@click.option("--area", required=True, help="Where the hospital lies, six digits.")
@click.option("--person", required=True, help="psn_no of an insured person.")
@click.option("--id-number", required=True, help="The person's certno.")
@click.option("--name", required=True, help="The person's psn_name.")
@click.option("--item", required=True, help="med_list_codg of a class A item without ceiling.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day to treat on; not in the future.")
def conformance(profile: Profile, day: datetime, **words: str) -> None:
    """Play a hospital's whole flow against a service, and say in words what is right. Status 1 unless everything is."""
    credential = Credential(profile, words["key_id"], words["secret"])
    patient = Patient(words["person"], words["id_number"], words["name"], words["item"], day.date())
    if not asyncio.run(_conformance(words, credential, patient)):
        raise SystemExit(1)


async def _conformance(words: dict[str, str], credential: Credential, patient: Patient) -> bool:
    async with httpx.AsyncClient(base_url=words["url"], timeout=60) as opened:
        kit = Kit(Sender(opened, words["hospital"], words["area"], credential), patient)
        return await play(kit, _show_finding)


def _show_finding(finding: StepResult) -> None:
    words = f"：{finding.words}" if finding.words else ""
    click.echo(f"{CONFORMANCE_WORDS[finding.result]}  {finding.step}{words}")
