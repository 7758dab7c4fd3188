"""The gateway is killed at every step of what it does."""

from __future__ import annotations

import contextlib
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backend_client.errors import GatewayUnreachable, NoSuchJob
from phidias_gateway.job_folder import Turn
from tests.faults.rows import BOTH, DISMISSED, GOOD, LOCAL, Expected, Row
from tests.faults.site import Site, until
from tests.slurm_cluster import SlurmCluster


class Moment:
    """Something a gateway does in steps, at each of which it is killed."""

    name: str
    expected = GOOD

    def before(self, site: Site) -> str:
        """Bring things to where it begins. Returns the job's id if there is one by then."""
        return ""

    def armed(self, site: Site) -> str:
        return str(site.root / "armed")

    def during(self, site: Site, job_id: str) -> str:
        """What the client does. Returns the job's id."""
        (site.root / "armed").touch()
        return job_id

    def over(self, site: Site, job_id: str) -> bool:
        raise NotImplementedError

    def after(self, site: Site, job_id: str) -> str:
        """What the client does once the gateway is there again. Returns the job's id."""
        return job_id


class FirstStart(Moment):
    name = "first start"

    def armed(self, site: Site) -> str:
        return str(site.root)

    def over(self, site: Site, job_id: str) -> bool:
        return True

    def after(self, site: Site, job_id: str) -> str:
        return site.submit()


class Submission(Moment):
    name = "submission"

    def during(self, site: Site, job_id: str) -> str:
        super().during(site, job_id)
        return site.submit(seconds=2.0)

    def over(self, site: Site, job_id: str) -> bool:
        return site.status(job_id) == "running"


class Parts(Submission):
    name = "submission of a job in 3 parts"
    expected = Expected(executions=(4,))

    def during(self, site: Site, job_id: str) -> str:
        (site.root / "armed").touch()
        return site.submit("shared", parts=3, seconds=1.0)


class Finishing(Moment):
    name = "finishing"

    def before(self, site: Site) -> str:
        return site.submit(seconds=1.0)

    def armed(self, site: Site) -> str:
        return str(site.jobs / "*" / "result.json")

    def over(self, site: Site, job_id: str) -> bool:
        return site.status(job_id) == "successful"


class Failing(Finishing):
    """The outcome is the gateway's to write, since nobody else is left to do it."""

    name = "finishing for a killed worker"
    expected = Expected("failed", "worker-killed")

    def before(self, site: Site) -> str:
        job_id = site.submit(seconds=1000.0)
        site.running(job_id)
        return job_id

    def armed(self, site: Site) -> str:
        return str(site.root / "armed")

    def during(self, site: Site, job_id: str) -> str:
        super().during(site, job_id)
        claim = site.folder(job_id).claim(Turn(1))
        assert claim is not None
        os.kill(claim.pid, signal.SIGKILL)
        return job_id

    def over(self, site: Site, job_id: str) -> bool:
        return site.status(job_id) == "failed"


class Dismissal(Moment):
    name = "dismissal"
    expected = DISMISSED

    def before(self, site: Site) -> str:
        job_id = site.submit(way="children", seconds=1000.0)
        site.running(job_id)
        return job_id

    def during(self, site: Site, job_id: str) -> str:
        super().during(site, job_id)
        while site.job(job_id).status != "dismissed":  # if the gateway died before it took it down, it is asked again
            with contextlib.suppress(GatewayUnreachable):
                site.client().dismiss(job_id)
        return job_id

    def over(self, site: Site, job_id: str) -> bool:
        return not site.open_jobs()


class Removal(Moment):
    name = "removal"
    expected = Expected("gone")

    def before(self, site: Site) -> str:
        job_id = site.submit()
        site.ended(job_id)
        return job_id

    def during(self, site: Site, job_id: str) -> str:
        super().during(site, job_id)
        with contextlib.suppress(NoSuchJob):
            site.insist(lambda: site.client().dismiss(job_id))
        return job_id

    def over(self, site: Site, job_id: str) -> bool:
        return site.status(job_id) == "gone" and not site.folder(job_id).path.exists()


MOMENTS = (FirstStart(), Submission(), Parts(), Finishing(), Failing(), Dismissal(), Removal())
ON = {moment.name: (LOCAL,) if isinstance(moment, FirstStart | Removal) else BOTH for moment in MOMENTS}
"""Where it makes a difference"""


def killed_at(moment: Moment, step: int | str, scheduler: str) -> Row:
    """The row of a gateway that dies at that step: its number, or the name as `dying_gateway` gives it."""

    def play(site: Site) -> str:
        with ThreadPoolExecutor(1) as executor:
            site.start_dying(step, moment.armed(site))
            job_id = moment.before(site) if not site.died else ""
            doing = executor.submit(moment.during, site, job_id)
            until(lambda: site.died or (doing.done() and moment.over(site, doing.result())), "the step is reached")
            site.killed_itself = site.died
            site.restart()
            return moment.after(site, doing.result())

    where = moment.name if isinstance(step, int) else f"{moment.name}: {step}"
    return Row("kill -9 the gateway", where, scheduler, play, moment.expected)


def count_steps(moment: Moment, folder: Path, cluster: SlurmCluster | None) -> int:
    """In how many steps a gateway does it."""
    with Site(folder, cluster) as site:
        site.start_dying(0, moment.armed(site))
        job_id = moment.during(site, moment.before(site))
        until(lambda: moment.over(site, job_id), "it is done")
        return len(site.steps())
