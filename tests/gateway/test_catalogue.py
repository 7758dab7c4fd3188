"""The index of results: what it keeps of an Item, and that it is whole, whatever came before it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely

from phidias_gateway import item_index
from phidias_gateway.catalogue import Catalogue
from phidias_gateway.item_index import Entry, ItemQuery
from phidias_gateway.items import index_entry
from phidias_gateway.job import Status, Step
from phidias_gateway.job_folder import JobFolder, to_json
from phidias_gateway.settings import Settings
from phidias_gateway.store import Change, Store
from tests.gateway.jobs_of import until
from tests.gateway.test_store import job, unchecked

MAY = datetime(2018, 5, 6, 10, tzinfo=UTC)
ITEM: dict[str, Any] = {
    "type": "Feature",
    "stac_version": "1.1.0",
    "id": "x",
    "geometry": {"type": "Polygon", "coordinates": [[[3, 50], [4, 50], [4, 51], [3, 51], [3, 50]]]},
    "bbox": [3, 50, 4, 51],
    "properties": {"datetime": "2018-05-06T10:00:00Z"},
    "assets": {},
    "links": [],
}


def entry(west: float = 3, south: float = 50, east: float = 4, north: float = 51) -> Entry:
    box = shapely.to_wkb(shapely.box(west, south, east, north))
    return Entry(MAY.timestamp(), MAY.timestamp(), west, south, east, north, box)


def folder_with(path: Path, item: Mapping[str, Any], **others: Any) -> tuple[JobFolder, dict[str, Any]]:
    """A job's folder with such an Item and other outputs, and its outcome."""
    folder = JobFolder(path)
    folder.create({"requested": {"outputs": None, "response": None}, "parts": 1}, {})
    folder.results(1).mkdir()
    content = to_json(item)
    (folder.results(1) / "item.json").write_bytes(content)
    file = {"file": "item.json", "media_type": "application/geo+json", "size": len(content), "sha256": "0"}
    result = {"status": "successful", "outputs": {**others, "item": file}, "attempt": 1}
    (folder.path / "result.json").write_bytes(to_json(result))
    return folder, result


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "gateway.sqlite3")
    yield made
    made.close()


# --- from an Item to its entry ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (3, 50, 4, 51)),
        ({"bbox": [3, 50, 0, 4, 51, 100]}, (3, 50, 4, 51)),
        ({"bbox": None}, (3, 50, 4, 51)),
        ({"bbox": [179, -18, -179, -17]}, (179, -18, 181, -17)),
        ({"geometry": None}, (None, None, None, None)),
    ],
)
def test_the_place_of_an_item(tmp_path: Path, changes: dict[str, Any], expected: tuple[float | None, ...]) -> None:
    found = index_entry(*folder_with(tmp_path / "job", {**ITEM, **changes}))
    assert found is not None
    assert (found.west, found.south, found.east, found.north) == expected
    assert (found.since, found.until) == (MAY.timestamp(), MAY.timestamp())


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "FeatureCollection"},
        {"stac_version": None},
        {"properties": {"datetime": None}},
        {"properties": {"datetime": "yesterday"}},
        {"properties": {"datetime": None, "start_datetime": "2018-05-06T10:00:00Z"}},
        {"properties": {"start_datetime": "2018-05-06T10:00:00Z", "end_datetime": "2018-05-05T10:00:00Z"}},
        {"geometry": {"type": "Polygon", "coordinates": [[0, 1]]}},
        {"geometry": {"type": "Circle"}},
        {"bbox": [0, 10, 1, 0]},
        {"bbox": [0, 10, 1]},
        {"bbox": ["a", "b", "c", "d"]},
        {"assets": {"image": {}}},
        {"links": [{"href": "x"}]},
    ],
)
def test_what_breaks_the_rules_is_no_item(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert index_entry(*folder_with(tmp_path / "job", {**ITEM, **changes})) == Entry()


@pytest.mark.parametrize("value", [b"NaN", b"1e999", b'"\\ud800"'])
def test_what_no_json_can_hold_is_no_item(tmp_path: Path, value: bytes) -> None:
    folder, result = folder_with(tmp_path / "job", {**ITEM, "extra": "VALUE"})
    path = folder.results(1) / "item.json"
    path.write_bytes(path.read_bytes().replace(b'"VALUE"', value))
    assert index_entry(folder, result) == Entry()


def test_an_item_among_other_outputs_is_found(tmp_path: Path) -> None:
    folder, result = folder_with(tmp_path / "job", ITEM, count={"value": 3})
    (folder.results(1) / "features.json").write_text('{"type": "FeatureCollection", "features": []}')
    features = {"file": "features.json", "media_type": "application/geo+json", "size": 10, "sha256": "0"}
    result["outputs"] = {"vectors": {"files": [features]}, **result["outputs"]}
    assert index_entry(folder, result) != Entry()


def test_a_file_that_cannot_be_read_now_is_looked_at_again(tmp_path: Path) -> None:
    folder, result = folder_with(tmp_path / "job", ITEM)
    (folder.results(1) / "item.json").rename(tmp_path / "elsewhere")
    assert index_entry(folder, result) is None


# --- the index -------------------------------------------------------------------------------------------------------


def test_a_job_and_its_entry_are_written_and_deleted_together(store: Store) -> None:
    made, _ = store.record(job(), key=None, digest="d", check=unchecked)
    (ended,) = store.update([Change(made, {"status": Status.SUCCESSFUL, "step": Step.CLOSED}, entry())])
    assert store.items.search("ada", ItemQuery(), after=None, limit=9).jobs == (made.id,)
    assert store.items.search("eve", ItemQuery(), after=None, limit=9).jobs == ()
    assert store.update([Change(made, {"message": "late"}, Entry())]) == [], "it was decided on an old version"
    assert store.items.search("ada", ItemQuery(), after=None, limit=9).jobs == (made.id,)
    assert store.delete(ended)
    store.items.add({made.id: entry()})
    assert store.items.search("ada", ItemQuery(), after=None, limit=9).jobs == ()


def test_pages_of_a_search_by_geometry(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than are read at a time, of which the geometry leaves every third."""
    monkeypatch.setattr(item_index, "_PIECE", 4)
    made = [store.record(job(number), key=None, digest="d", check=unchecked)[0] for number in range(30)]
    store.items.add({each.id: entry(west=3 + number % 3, east=3.5 + number % 3) for number, each in enumerate(made)})
    area = shapely.from_wkt("POLYGON ((2 49, 3.9 49, 3.9 52, 6 52, 6 53, 2 53, 2 49))")
    seen: list[str] = []
    after = None
    while True:
        page = store.items.search("ada", ItemQuery(area=area), after=after, limit=3)
        assert len(page.jobs) <= 3
        seen += page.jobs
        if page.next is None:
            break
        after = page.next
    assert seen == [each.id for each in made[::3]][::-1]
    assert store.items.search("ada", ItemQuery(box=area.bounds), after=None, limit=3).matched == 30


def test_a_search_reads_the_owners_rows_only(store: Store) -> None:
    questions: list[str] = []
    connection = store._connection()
    connection.set_trace_callback(questions.append)
    everything = ItemQuery(processes=["echo"], box=(0, 0, 1, 1), since=MAY, until=MAY)
    store.items.search("ada", everything, after="7", limit=10)
    store.items.search("ada", ItemQuery(area=shapely.Point(3, 50)), after="7", limit=10)
    connection.set_trace_callback(None)
    assert len(questions) == 3
    for question in questions:
        plan = " ".join(row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}"))
        assert plan.startswith("SEARCH item USING PRIMARY KEY (owner=?"), plan
        assert "TEMP B-TREE" not in plan


def test_what_ended_before_there_was_an_index_is_taken_up(store: Store, tmp_path: Path) -> None:
    settings = Settings(store={"root": tmp_path})
    old = [store.record(job(number), key=None, digest="d", check=unchecked)[0] for number in range(3)]
    store.update([Change(each, {"status": Status.SUCCESSFUL, "step": Step.CLOSED}) for each in old])
    folder_with(settings.store.jobs / old[0].id, ITEM)
    folder_with(settings.store.jobs / old[1].id, {"type": "nothing"})
    broken, _ = folder_with(settings.store.jobs / old[2].id, ITEM)
    (broken.results(1) / "item.json").unlink()

    async def start() -> None:
        catalogue = Catalogue(settings, store)
        await catalogue.start()
        await until(lambda: store.items.missing("", 10) == [old[2].id])
        await catalogue.stop()
        found = catalogue.search("ada", ItemQuery())
        assert [(each.job.id, each.item) for each in found.items] == [(old[0].id, json.loads(to_json(ITEM)))]
        (settings.store.jobs / old[0].id / "result.json").write_text("damaged")
        assert catalogue.search("ada", ItemQuery()).items == ()

    asyncio.run(start())
