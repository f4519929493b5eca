"""Illegal prepayments and releases of deposits."""

from collections.abc import Iterator

from app.simulation.model import releases
from app.simulation.model.books import ModelPurse
from app.simulation.model.reasons import UNACCEPTABLE, because
from app.simulation.office import CHECKER, MAKER
from app.simulation.stage import Stage, StagedAct
from app.simulation.trespass.illegal import WHY, by_stranger, illegal


def proposed(stage: Stage) -> Iterator[StagedAct]:
    """Everything about advances and deposits that may be refused."""
    state = stage.state
    this_year = int(state.today[:4])
    for purse in [one for one in state.books if one.hospital]:
        yield from _prepayments(purse, this_year)
        for year in (this_year - 1, this_year):
            body = _of(purse, year) | {"assessed_ratio": "1.0000"}
            reasons = releases.may_release(state, purse, year)
            move = illegal("release deposits", MAKER, "/deposit-releases", reasons, body={**WHY, **body})
            yield from (move, by_stranger(move))
    for release in reversed(list(state.releases.values())):
        path = f"/deposit-releases/{release.shown}"
        for who in (CHECKER, release.maker):
            reasons = releases.may_approve(state, release, who)
            move = illegal("approve release", who, f"{path}/approval", reasons, body={})
            yield from (move, by_stranger(move))
        cancel = illegal("cancel release", MAKER, f"{path}/cancellation", releases.may_cancel(release))
        yield from (cancel, by_stranger(cancel))


def _prepayments(purse: ModelPurse, year: int) -> Iterator[StagedAct]:
    for amount in ("0.00", "1.00"):
        reasons = because((amount == "0.00", UNACCEPTABLE, "nothing"))
        move = illegal("prepay", MAKER, "/prepayments", reasons, body=_of(purse, year) | {"amount": amount})
        yield from (move, by_stranger(move))


def _of(purse: ModelPurse, year: int) -> dict[str, object]:
    return {"hospital_code": purse.hospital, "area_code": purse.area, "fund": purse.fund, "year": year}
