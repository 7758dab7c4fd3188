"""QGIS's command line with the plugin of this tree, in profiles of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import processing
import pytest
from qgis.core import QgsProcessing, QgsProject

from phidias_qgis.project_sources import installed
from tests.qgis.conftest import ROOT, RunningGateway, StartGateway

PROGRAM = "qgis_process.bin"
Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile in which the plugin is enabled."""
    folder = tmp_path_factory.mktemp("profile")
    enabled = call(folder, {}, "plugins", "enable", "phidias_qgis")
    assert enabled.returncode == 0, enabled.stdout
    return folder


def call(profile: Path, variables: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PHIDIAS_", "QGIS_"))}
    environment = {
        **inherited,
        "QT_QPA_PLATFORM": "offscreen",
        "QGIS_CUSTOM_CONFIG_PATH": str(profile),
        "QGIS_PLUGINPATH": str(ROOT),
        **variables,
    }
    return subprocess.run(
        [PROGRAM, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
    )


def test_tools_are_listed_with_parameters_and_help_without_a_gateway(profile: Path) -> None:
    listed = call(profile, {}, "list")
    assert "phidias:spectralindex\tSpectral index" in listed.stdout
    assert "Traceback" not in listed.stdout
    told = call(profile, {}, "help", "phidias:spectralindex").stdout
    assert "AREA: Area (extent)" in told
    assert "\t\t- NDVI" in told or "NDVI" in told
    assert "Combine the dates by" in told


def test_running_without_a_connection_says_where_to_set_it(profile: Path) -> None:
    run = call(profile, {}, "run", "phidias:echo", "--STRING=hello")
    assert run.returncode != 0
    assert "PHIDIAS_URL" in run.stdout


def test_running_with_the_gateway_down_says_so_and_what_to_do(profile: Path, start_gateway: StartGateway) -> None:
    stopped = start_gateway()
    stopped.stop()
    listed = call(profile, stopped.connection, "list")
    assert "phidias:spectralindex" in listed.stdout
    run = call(profile, stopped.connection, "run", "phidias:echo", "--STRING=hello")
    assert run.returncode != 0
    assert "cannot be reached" in run.stdout
    assert "that the gateway is running" in run.stdout


def test_a_tool_runs_and_downloads_its_result(profile: Path, gateway: RunningGateway, tmp_path: Path) -> None:
    path = tmp_path / "evi.tif"
    run = call(
        profile,
        gateway.connection,
        "run",
        "phidias:spectralindex",
        "--AREA=-75.62,-75.60,37.66,37.68 [EPSG:4326]",
        "--SCENES=demo",
        "--INDEX=EVI",
        f"--OUTPUT_INDEX={path}",
    )
    assert run.returncode == 0, run.stdout
    assert path.stat().st_size > 1000
    assert f"OUTPUT_INDEX:\t{path}" in run.stdout
    assert "JOB_ID:\t" in run.stdout
    assert gateway.token not in run.stdout
    assert "signature=" not in run.stdout


def test_an_unknown_choice_is_refused_with_what_is_near(profile: Path, gateway: RunningGateway) -> None:
    run = call(
        profile,
        gateway.connection,
        "run",
        "phidias:spectralindex",
        "--AREA=-75.62,-75.60,37.66,37.68 [EPSG:4326]",
        "--SCENES=demo",
        "--INDEX=NDVY",
    )
    assert run.returncode != 0
    assert "Index (INDEX): 'NDVY' is not a choice." in run.stdout
    assert "NDVI" in run.stdout


def test_no_secret_is_left_in_the_profile(profile: Path, gateway: RunningGateway) -> None:
    run = call(profile, gateway.connection, "run", "phidias:echo", "--STRING=hello")
    assert "OUTPUT_STRING:\thello" in run.stdout
    for path in profile.rglob("*"):
        if path.is_file():
            assert gateway.token.encode() not in path.read_bytes(), path


def test_a_project_with_streamed_layers_opens_without_a_window(
    profile: Path, connected: RunningGateway, provider: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHIDIAS_CONNECTION", "cluster")
    project = tmp_path / "project.qgz"
    search = {"AREA": "-75.62,-75.60,37.66,37.68 [EPSG:4326]", "SCENES": "demo"}
    with installed():
        made = processing.run("phidias:spectralindex", {**search, "OUTPUT_INDEX": QgsProcessing.TEMPORARY_OUTPUT})
        layer = QgsProject.instance().addMapLayer(made["OUTPUT_INDEX"])
        width = layer.width()
        QgsProject.instance().write(str(project))
    QgsProject.instance().clear()
    command = ("run", "native:rasterlayerproperties", f"--PROJECT_PATH={project}", "--INPUT=NDVI")
    named = {**connected.connection, "PHIDIAS_CONNECTION": "cluster"}
    run = call(profile, named, *command)
    assert f"WIDTH_IN_PIXELS:\t{width}" in run.stdout, run.stdout
    assert "signature" not in run.stdout
    run = call(profile, {**named, "PHIDIAS_URL": "http://127.0.0.1:9"}, *command)
    assert run.returncode != 0
