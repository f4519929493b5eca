"""A synthetic year in a running service: what is stored is what a batch computes."""

from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from app.basics.money import fen
from app.batch.columns import PORTIONS, SCOPE
from app.cli.main import main
from tests.batch.running import compute, results
from tests.conftest import ADMIN_TOKEN


@pytest.mark.thorough
def test_stored_settlements_are_what_the_batch_says(tmp_path: Path, real_service_url: str) -> None:
    """A small year is written, loaded over HTTP and computed from its file: every bill agrees to the fen; loaded again
    it stays as it is."""
    bills, seed = tmp_path / "bills.parquet", "4711"
    words = ["batch", "synthetic", str(bills), "--persons", "40", "--lines", "6", "--seed", seed, "--area", "532601"]
    assert CliRunner().invoke(main, [*words, "--workers", "1"]).exit_code == 0
    for _ in range(2):
        done = CliRunner().invoke(
            main, ["batch", "load", str(bills), "--url", real_service_url, "--token", ADMIN_TOKEN]
        )
        assert done.exit_code == 0, done.output
    rows = pq.read_table(bills).to_pylist()
    assert f"settled={len(rows)}" in done.output
    compute(bills, tmp_path / "out.parquet")
    found = results(tmp_path / "out.parquet")
    with httpx.Client(
        verify=False, base_url=real_service_url, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}
    ) as client:
        for row in rows:
            path = f"/v1/settlements/by-visit/{row['hospital_code']}/{row['visit_id']}/{row['settle_seq']}"
            answer = client.get(path)
            assert answer.status_code == 200, answer.text
            stored, computed = answer.json(), found[row["bill_id"]]
            assert computed["fault"] is None
            assert {name: fen(stored["scope"][name]) for name in SCOPE} == {name: computed[name] for name in SCOPE}
            ours = {name: computed[name] for name in PORTIONS}
            assert {name: fen(stored["portions"][name]) for name in PORTIONS} == ours
            assert fen(stored["payable_adjustment"]) == computed["payable_adjustment"]
            assert stored["policy"]["version"] == computed["policy_version"]


def test_a_file_without_items_is_not_loaded(tmp_path: Path) -> None:
    """Bills with their scope only can't be sent; one sentence says so."""
    bills = tmp_path / "bills.parquet"
    CliRunner().invoke(main, ["batch", "synthetic", str(bills), "--persons", "20", "--workers", "1"])
    done = CliRunner().invoke(main, ["batch", "load", str(bills), "--url", "http://127.0.0.1:9", "--token", "t"])
    assert done.exit_code == 1
    assert "synthetic --lines" in done.output
