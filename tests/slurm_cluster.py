"""A private Slurm cluster of two nodes on this machine, for tests: real daemons, own configuration, ports and folders.

    with SlurmCluster.start(folder) as cluster:
        subprocess.run(["sbatch", ...], env={**os.environ, **cluster.environment})

The fixture `slurm_cluster` shares one among all tests that do it no harm.

It needs Debian's slurmctld, slurmd and slurm-client, no database and no munge. Jobs run as the user who starts it.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import pytest

NODES = ("n1", "n2")
_CONFIGURATION = """\
ClusterName=phidias
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0,defer_batch,bf_interval=1
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobcomp.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout={node_timeout}
SlurmctldTimeout=5
MessageTimeout=5
MinJobAge={min_job_age}
KillWait=5
{nodes}
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
{more}
"""


@dataclass
class SlurmCluster:
    """Running daemons, each known by its process."""

    folder: Path
    controller_port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @staticmethod
    def missing() -> str | None:
        """What this machine lacks to run one, or None."""
        tools = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
        absent = [tool for tool in tools if shutil.which(tool, path=_path()) is None]
        return f"not installed: {', '.join(absent)}" if absent else None

    @classmethod
    def start(
        cls, folder: Path, *, min_job_age: int = 300, node_timeout: int = 30, cpus: int = 2, more: str = ""
    ) -> SlurmCluster:
        """Start the cluster and wait until both nodes, of so many CPUs each, are idle.

        `more` is added to the configuration.
        """
        ports = _free_ports(1 + len(NODES))
        nodes = "\n".join(
            f"NodeName={name} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} "
            "RealMemory=5000"
            for name, port in zip(NODES, ports[1:], strict=True)
        )
        (folder / "state").mkdir(parents=True)
        for node in NODES:
            (folder / f"spool-{node}").mkdir()
        (folder / "slurm.conf").write_text(
            _CONFIGURATION.format(
                host=socket.gethostname(),
                controller_port=ports[0],
                user=getpass.getuser(),
                folder=folder,
                nodes=nodes,
                min_job_age=min_job_age,
                node_timeout=node_timeout,
                more=more,
            )
        )
        cluster = cls(folder, ports[0])
        try:
            cluster.start_controller(clean=True)
            for node in NODES:
                cluster.start_node(node)
            cluster.wait_until_idle()
        except BaseException:
            cluster.stop()
            raise
        return cluster

    @property
    def environment(self) -> dict[str, str]:
        """What a client of this cluster has to have in its environment."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": _path()}

    def start_controller(self, *, clean: bool = False) -> None:
        self._spawn("slurmctld", "slurmctld", "-D", *(["-c"] if clean else []))

    def start_node(self, node: str) -> None:
        self._spawn(node, "slurmd", "-D", "-N", node)

    def signal(self, daemon: str, number: signal.Signals) -> None:
        """Send a signal to `slurmctld` or to a node's slurmd; SIGKILL waits until it is gone."""
        process = self.processes[daemon]
        process.send_signal(number)
        if number is signal.SIGKILL:
            process.wait()

    def end_node(self, node: str) -> list[int]:
        """Take a node away with all that runs on it, as a power cut does. Returns the ended processes of its jobs."""
        self.signal(node, signal.SIGKILL)
        mine = {f"SLURM_CONF={self.folder / 'slurm.conf'}".encode(), f"SLURMD_NODENAME={node}".encode()}
        ended = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mine <= set((entry / "environ").read_bytes().split(b"\0")):
                    # Before the job, what would tell the controller of its end.
                    parent = Path("/proc") / (entry / "stat").read_text().rpartition(")")[2].split()[1]
                    if (parent / "comm").read_text().startswith("slurmstepd"):
                        os.kill(int(parent.name), signal.SIGKILL)
                    os.kill(int(entry.name), signal.SIGKILL)
                    ended.append(int(entry.name))
        return ended

    @contextlib.contextmanager
    def without(self, node: str) -> Iterator[None]:
        """Give no job to a node meanwhile."""
        self.run("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")
        try:
            yield
        finally:
            self.run("scontrol", "update", f"NodeName={node}", "State=RESUME")
            self.wait_until_idle()

    def run(self, *command: str, timeout: float = 60) -> str:
        """The output of a Slurm command. Raises CalledProcessError."""
        return subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=timeout, check=True
        ).stdout

    def job_names(self, states: str = "PENDING,RUNNING,COMPLETING,SUSPENDED") -> list[str]:
        """The names of the jobs in these states."""
        return self.run("squeue", "--noheader", f"--states={states}", "--format=%j").split()

    def node_of(self, job_folder: Path) -> str:
        """The node where the gateway's job of this folder ran last."""
        lines = self.run("squeue", "--noheader", "--states=all", "--sort=-i", "--format=%j %N").splitlines()
        name = f"phidias-{job_folder.name.lower()}-"
        return next(node for line in lines for job, _, node in [line.partition(" ")] if job.startswith(name))

    def wait_until_idle(self, seconds: float = 40) -> None:
        """Until the controller answers and every node can take jobs."""
        deadline = time.monotonic() + seconds
        states: list[str] = []
        while time.monotonic() < deadline:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} has ended: {self._log(name)}")
            with contextlib.suppress(subprocess.SubprocessError):
                states = self.run(
                    "sinfo", "--noheader", "--Node", "--partition=main", "--format=%t", timeout=10
                ).split()
                if states == ["idle"] * len(NODES):
                    return
            time.sleep(0.1)
        raise RuntimeError(f"the cluster is not ready: {states}; {self._log('slurmctld')}")

    def stop(self) -> None:
        """End every job and daemon that this cluster has started."""
        if "slurmctld" in self.processes and self.processes["slurmctld"].poll() is None:
            with contextlib.suppress(subprocess.SubprocessError):
                self.run("scancel", "--partition=main", "--full", "--signal=KILL", timeout=10)
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._end_steps()

    def __enter__(self) -> SlurmCluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self, name: str, *command: str) -> None:
        with open(self.folder / f"{name}.out", "ab") as output:
            self.processes[name] = subprocess.Popen(
                command,
                env={**_plain_environment(), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _end_steps(self) -> None:
        """slurmstepd outlives its slurmd: end those whose environment names our configuration, with their jobs."""
        mark = f"SLURM_CONF={self.folder / 'slurm.conf'}".encode()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), signal.SIGKILL)

    def _log(self, daemon: str) -> str:
        path = self.folder / ("slurmctld.log" if daemon == "slurmctld" else f"slurmd-{daemon}.log")
        return path.read_text()[-2000:] if path.exists() else "it left no log"


def _path() -> str:
    """With the folders where daemons are, which a user's PATH may lack."""
    return os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def _plain_environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH", "SQUEUE"))}


def _free_ports(count: int) -> list[int]:
    """Ports free at this moment, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture(scope="session")
def slurm_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """A cluster for all tests that leave it as it was."""
    missing = SlurmCluster.missing()
    if missing:
        pytest.skip(f"Slurm is {missing}")
    with SlurmCluster.start(tmp_path_factory.mktemp("slurm") / "cluster") as cluster:
        yield cluster
