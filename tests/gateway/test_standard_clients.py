"""Clients that others wrote for the standard, through the whole life of a job. pystac-client: see test_stac.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ogc_api_processes_client
import pytest
import rasterio
from ogc_api_processes_client.api_client_wrapper import ApiClientWrapper
from ogc_api_processes_client.exceptions import NotFoundException
from ogc_api_processes_client.models.execute import Execute
from ogc_api_processes_client.models.status_code import StatusCode
from owslib.ogcapi.processes import Processes

from tests.gateway.running import Running

PAUSE = {"inputs": {"pause": 600}}


@pytest.fixture(scope="module")
def owslib(gateway: Running) -> Processes:
    return Processes(gateway.url, headers={"Authorization": f"Bearer {gateway.token}"})


@pytest.fixture(scope="module")
def generated(gateway: Running) -> ApiClientWrapper:
    """The client generated from OGC's own OpenAPI document, so that its models check every answer."""
    configuration = ogc_api_processes_client.Configuration(host=gateway.url)
    return ApiClientWrapper(configuration, "Authorization", f"Bearer {gateway.token}")


def ended(gateway: Running, ask: Callable[[], Any], job: str) -> Any:
    """What the client says of a job that has ended."""
    gateway.finished(job)
    return ask()


# --- OWSLib ----------------------------------------------------------------------------------------------------------


def test_owslib_finds_the_processes(owslib: Processes) -> None:
    assert owslib.api()["openapi"].startswith("3.0.")
    assert any(name.endswith("/conf/core") for name in owslib.conformance()["conformsTo"])
    assert "echo" in [process["id"] for process in owslib.processes()]
    for process in owslib.processes():
        assert owslib.process(process["id"])["inputs"]


def test_owslib_runs_a_process_and_waits(owslib: Processes) -> None:
    """It sends `Prefer: respond-sync`, and `response` in the body."""
    inputs = {"string": "é", "bbox": {"bbox": [1, 2, 3, 4]}, "object": {"value": {"a": 1}}}
    answer = owslib.execute("echo", inputs)
    assert (answer["string"], answer["bbox"]["bbox"], answer["object"]) == ("é", [1, 2, 3, 4], {"value": {"a": 1}})
    assert owslib.execute("echo", {"number": 2.5}, outputs={"number": {}}, response="raw") == 2.5
    with pytest.raises(RuntimeError, match="invalid-parameter-value"):
        owslib.execute("echo", {"nothing": 1})
    with pytest.raises(RuntimeError, match="The process was asked to fail"):
        owslib.execute("echo", {"fail": True})


def test_owslib_follows_a_job_to_its_file(owslib: Processes, gateway: Running) -> None:
    job = owslib.execute("lab-scene", {}, async_=True)["jobID"]
    assert owslib.response_headers["Location"] == f"{gateway.url}/jobs/{job}"
    assert ended(gateway, lambda: owslib._request(path=f"jobs/{job}"), job)["status"] == "successful"
    results = owslib._request(path=f"jobs/{job}/results")
    with rasterio.open(results["image"]["href"]) as image:
        assert image.shape == (8, 16)
    assert job in [entry["jobID"] for entry in owslib._request(path="jobs")["jobs"]]
    assert owslib._request("DELETE", f"jobs/{job}")["status"] == "dismissed"


def test_owslib_asking_to_wait_for_what_cannot_be_waited_for(owslib: Processes, gateway: Running) -> None:
    job = owslib.execute("lab-scene", {})
    assert job["status"] in ("accepted", "running")
    assert ended(gateway, lambda: owslib._request(path=f"jobs/{job['jobID']}"), job["jobID"])["status"] == "successful"


# --- ogc-api-processes-client ----------------------------------------------------------------------------------------


def test_the_generated_client_finds_the_processes(generated: ApiClientWrapper) -> None:
    assert {link.rel for link in generated.get_landing_page().links} >= {"self", "service-desc"}
    assert any(name.endswith("/conf/job-list") for name in generated.get_conformance_classes().conforms_to)
    for process in generated.get_processes().processes:
        described = generated.get_process_description(process.id)
        assert (described.id, described.version) == (process.id, process.version)
        assert all(given.var_schema is not None for given in described.inputs.values())
    with pytest.raises(NotFoundException):
        generated.get_process_description("nothing")


def test_the_generated_client_runs_a_process_and_waits(generated: ApiClientWrapper) -> None:
    request = Execute.from_dict({"inputs": {"boolean": True}, "outputs": {"boolean": {}}, "response": "document"})
    assert generated.execute("echo", request).actual_instance == {"boolean": True}
    request.response = "raw"
    assert generated.execute("echo", request).actual_instance is True


def test_the_generated_client_follows_a_job(generated: ApiClientWrapper, gateway: Running) -> None:
    headers = {"Authorization": f"Bearer {gateway.token}", "Content-Type": "application/json"}
    job = generated.execute_simple("lab-scene", {"inputs": {}}, _headers=headers)
    assert ended(gateway, lambda: generated.get_status(job.job_id), job.job_id).status is StatusCode.SUCCESSFUL
    image = generated.get_result(job.job_id)["image"].actual_instance
    with rasterio.open(image.href) as opened:
        assert (opened.shape, image.type) == ((8, 16), "image/tiff; application=geotiff; profile=cloud-optimized")
    assert job.job_id in [entry.job_id for entry in generated.get_jobs().jobs]


def test_the_generated_client_dismisses_a_job(generated: ApiClientWrapper, gateway: Running) -> None:
    headers = {"Authorization": f"Bearer {gateway.token}", "Content-Type": "application/json"}
    job = generated.execute_simple("echo", PAUSE, _headers={**headers, "Prefer": "respond-async"})
    assert generated.dismiss(job.job_id).status is StatusCode.DISMISSED
    with pytest.raises(NotFoundException):
        generated.get_result(job.job_id)
    with pytest.raises(NotFoundException):
        generated.dismiss("nothing")
