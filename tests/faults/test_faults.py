"""A few rows of the fault matrix; all of them: `make faults`. They are played side by side, since they mostly wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.faults.matrix import quick_rows
from tests.faults.rows import SLURM, Row, Verdict, judge
from tests.slurm_cluster import SlurmCluster

AT_ONCE = 5
QUICK = quick_rows()


@pytest.fixture(scope="module")
def verdicts(
    tmp_path_factory: pytest.TempPathFactory, slurm_cluster: SlurmCluster
) -> Iterator[Mapping[str, Future[Verdict]]]:
    def play(row: Row) -> Verdict:
        return judge(row, tmp_path_factory.mktemp("fault"), slurm_cluster if row.scheduler == SLURM else None)

    with ThreadPoolExecutor(AT_ONCE) as executor:
        yield {str(row): executor.submit(play, row) for row in QUICK}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("row", QUICK, ids=str)
def test_a_fault_does_no_harm(verdicts: Mapping[str, Future[Verdict]], row: Row) -> None:
    verdict = verdicts[str(row)].result()
    if verdict.skipped:
        pytest.skip(verdict.skipped)
    assert verdict.wrong == []
