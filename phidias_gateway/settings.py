"""Every setting of a gateway, from one `gateway.toml` and from `PHIDIAS_<SECTION>__<KEY>` in the environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from phidias_gateway.credentials import Credential
from phidias_gateway.errors import PhidiasError
from phidias_gateway.references import Archive, Network, Site

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]
"""A name as Slurm's partitions and accounts have it"""


class SettingsError(PhidiasError):
    """A setting is unknown or has a value that cannot be used."""

    title = "The gateway's settings cannot be used"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSettings(Section):
    root: Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())] = Path("~/.local/share/phidias")
    """Jobs, uploads and the database; on a cluster, seen by the login node and the compute nodes under the same path"""
    model_config = ConfigDict(validate_default=True)

    @property
    def database(self) -> Path:
        return self.root / "gateway.sqlite3"

    @property
    def tokens(self) -> Path:
        return self.root / "tokens.sqlite3"

    @property
    def link_keys(self) -> Path:
        return self.root / "link_keys.json"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def uploads(self) -> Path:
        """Uploaded files, each named by its SHA-256; who owns them is in the store."""
        return self.root / "uploads"


class ServerSettings(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """None: 8765 for `serve`, any free port for `up`"""
    public_url: str | None = None
    """The address users reach the gateway by, when it is behind a proxy"""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses of that proxy: what they say of a client's address is believed, so that failed sign-ins count for it"""


class SlurmSettings(Section):
    partition: Word | None = None
    account: Word | None = None
    qos: Word | None = None
    constraint: Word | None = None


class SchedulerSettings(Section):
    kind: Literal["auto", "local", "slurm"] = "auto"
    max_parallel: Annotated[int, Field(ge=1)] = os.cpu_count() or 1
    """Tasks that the local scheduler runs at the same time"""
    tasks_at_once: Annotated[int, Field(ge=1)] | None = None
    """Tasks of one job that Slurm may run at the same time; None: as many as there is room for"""
    poll_seconds: Annotated[float, Field(ge=0.5, le=60)] = 2.0
    """Shortest time between two looks at the queue of Slurm"""
    grace_seconds: Annotated[float, Field(ge=2)] = 20.0
    """How long a job must be out of sight, with Slurm answering, before it counts as gone"""


class Environment(Section):
    """A software stack: the command that starts a worker in it, and variables to set for it."""

    command: Annotated[tuple[str, ...], Field(min_length=1)] = (sys.executable, "-m", "phidias_gateway.worker")
    env: dict[str, str] = {}


class ReferenceSettings(Section):
    allow_hosts: frozenset[str] = frozenset()
    """Hosts that inputs may point to although they are not public"""
    internal_networks: tuple[Network, ...] = ()
    """Networks of the site's own that are not public although their addresses are, such as 192.0.2.0/24"""
    fetch_mb: Annotated[float, Field(gt=0)] = 10.0
    """Largest JSON input fetched by reference"""
    fetch_seconds: Annotated[float, Field(gt=0)] = 20.0


class LimitSettings(Section):
    body_mb: Annotated[float, Field(gt=0)] = 10.0
    upload_mb: Annotated[float, Field(gt=0)] = 4096.0
    area_km2: Annotated[float, Field(gt=0)] = 100_000.0
    scenes: Annotated[int, Field(ge=1)] = 5_000
    """Scenes of one job"""
    pixels: Annotated[int, Field(ge=1)] = 20_000_000_000
    """Pixels of one job's result"""
    tasks: Annotated[int, Field(ge=1, le=1000)] = 200
    """Tasks that one job may be divided into"""
    cpus: Annotated[int, Field(ge=1)] = 64
    """What one task may be given at most: CPUs, memory, time and GPUs"""
    memory_gb: Annotated[float, Field(gt=0)] = 256.0
    minutes: Annotated[float, Field(gt=0)] = 2880.0
    gpus: Annotated[int, Field(ge=0)] = 8
    running_jobs_per_user: Annotated[int, Field(ge=1)] = 100
    queued_jobs_per_user: Annotated[int, Field(ge=1)] = 1000
    pinned_jobs_per_user: Annotated[int, Field(ge=0)] = 100
    """Jobs that a user may keep beyond their time"""
    disk_gb_per_user: Annotated[float, Field(gt=0)] = 1000.0
    """What a user's results and uploads may take before no new job and no upload is accepted"""
    min_free_gb: Annotated[float, Field(ge=0)] = 1.0
    plan_seconds: Annotated[float, Field(gt=0)] = 120.0
    """Longest time for planning a job (finding its scenes) before it is submitted"""
    sync_seconds: Annotated[float, Field(gt=0)] = 30.0
    retention_days: Annotated[float, Field(gt=0)] = 30.0
    """How long a job is kept after its end, and an upload after its last use"""


class AccessSettings(Section):
    token_days: Annotated[float, Field(gt=0, le=36_500)] = 90.0
    """Lifetime of a new token"""
    link_seconds: Annotated[int, Field(gt=0)] = 86_400
    """Lifetime of a signed result link"""


class CatalogueSettings(Section):
    """What the catalogue of results, `/stac`, says about all of them."""

    licence: Annotated[str, Field(pattern=r"^[A-Za-z0-9.+-]{2,64}$")] = "other"
    """An SPDX identifier; `other` where no one licence fits all results"""
    provider: Annotated[str, Field(min_length=1, max_length=200)] = "PHIDIAS"
    """Who runs the gateway"""
    provider_url: str | None = None
    """None: the gateway's own address"""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="PHIDIAS_", env_nested_delimiter="__", extra="forbid", frozen=True, env_ignore_empty=True
    )

    store: StoreSettings = StoreSettings()
    server: ServerSettings = ServerSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    slurm: SlurmSettings = SlurmSettings()
    environments: dict[str, Environment] = {}
    references: ReferenceSettings = ReferenceSettings()
    archives: tuple[Archive, ...] = ()
    credentials: tuple[Credential, ...] = ()
    limits: LimitSettings = LimitSettings()
    access: AccessSettings = AccessSettings()
    catalogue: CatalogueSettings = CatalogueSettings()

    @property
    def site(self) -> Site:
        return Site(
            archives=self.archives,
            allow_hosts=self.references.allow_hosts,
            internal_networks=self.references.internal_networks,
            credentials=self.credentials,
        )

    def environment(self, name: str) -> Environment:
        """The software stack of that name, else the one named `default`, else this Python."""
        return self.environments.get(name) or self.environments.get("default") or Environment()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=_configuration_file())

    @classmethod
    def load(cls) -> Settings:
        """The settings of this process. Raises SettingsError, naming the setting, for what cannot be used."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            variable = "PHIDIAS_" + "__".join(str(part) for part in first["loc"]).upper()
            raise SettingsError(
                f"{name}: {first['msg']}", remedy=f"Correct {name} in gateway.toml, or {variable} in the environment."
            ) from None
        except ValueError as error:  # a file that is no TOML, a variable that is no JSON
            raise SettingsError(str(error), remedy="Correct gateway.toml or the environment variable.") from None


def _configuration_file() -> Path | None:
    """PHIDIAS_CONFIG, else ./gateway.toml, else the one in the default root."""
    named = os.environ.get("PHIDIAS_CONFIG")
    if named:
        if not Path(named).is_file():
            raise SettingsError(f"{named} is no file.", remedy="Correct PHIDIAS_CONFIG in the environment.")
        return Path(named)
    default = Path("~/.local/share/phidias/gateway.toml").expanduser()
    return next((path for path in (Path("gateway.toml"), default) if path.is_file()), None)
