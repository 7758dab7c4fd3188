"""The store: what it keeps, what it refuses, and that its questions stay quick however many jobs there are."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ulid import ULID

from phidias_gateway.errors import DiskFull
from phidias_gateway.job import Job, Status, Step
from phidias_gateway.process import Resources
from phidias_gateway.store import Change, Store, StoreUnusable

START = datetime(2026, 1, 1, tzinfo=UTC)


def job(number: int = 0, **values: object) -> Job:
    created = START + timedelta(minutes=number)
    made = Job(
        id=str(ULID.from_datetime(created)),
        owner="ada",
        process_id="echo",
        process_version="1.0.0",
        status=Status.ACCEPTED,
        step=Step.RECORDED,
        attempt=1,
        retries=0,
        version=1,
        resources=Resources(memory_gb=1.5),
        environment="default",
        created=created,
        updated=created,
    )
    return replace(made, **values)  # type: ignore[arg-type]


def unchecked(_: Store) -> None: ...


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.sqlite3")
    yield made
    made.close()


def test_a_job_comes_back_as_it_was_recorded(store: Store, tmp_path: Path) -> None:
    made = job(problem={"type": "x", "status": 500}, expires=START, estimated_start=START, message="é", summary="NDVI")
    store.record(made, key="k", digest="d", check=unchecked)
    assert store.get(made.id) == made
    assert store.get(made.id, "eve") is None
    again = Store(tmp_path / "store.sqlite3")
    assert again.find_key("ada", "k") == (made, "d")
    again.close()


def test_a_key_is_recorded_once(store: Store) -> None:
    first, second = job(0), job(1)
    assert store.record(first, key="k", digest="a", check=unchecked) == (first, "a")
    assert store.record(second, key="k", digest="b", check=unchecked) == (first, "a")
    assert store.get(second.id) is None
    store.record(second, key=None, digest="b", check=unchecked)
    store.record(job(2), key=None, digest="b", check=unchecked)


def test_a_failing_check_records_nothing(store: Store) -> None:
    def refuse(_: Store) -> None:
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        store.record(job(), key="k", digest="d", check=refuse)
    assert store.find_key("ada", "k") is None


def test_a_change_decided_on_an_old_version_is_not_made(store: Store) -> None:
    made, _ = store.record(job(), key=None, digest="d", check=unchecked)
    (changed,) = store.update([Change(made, {"status": Status.RUNNING})])
    assert (changed.status, changed.version) == (Status.RUNNING, 2)
    assert changed.updated > made.updated
    assert store.update([Change(made, {"status": Status.FAILED})]) == []
    assert not store.delete(made)
    assert store.get(made.id) == changed
    assert store.delete(changed)


def test_pages_hold_every_job_once_whatever_comes_in_meanwhile(store: Store) -> None:
    made = [store.record(job(number), key=None, digest="d", check=unchecked)[0] for number in range(25)]
    store.record(job(7, owner="eve"), key=None, digest="d", check=unchecked)
    seen, after = [], None
    while True:
        page = store.page("ada", after=after, limit=10)
        seen += page.jobs
        if page.next is None:
            break
        after = page.next
        store.record(job(100 + len(seen)), key=None, digest="d", check=unchecked)
    assert seen == made[::-1]


def test_filters(store: Store) -> None:
    def run(minutes: float) -> dict[str, object]:
        return {"started": START, "finished": START + timedelta(minutes=minutes), "step": Step.CLOSED}

    short = job(1, status=Status.SUCCESSFUL, **run(1))
    long = job(2, status=Status.FAILED, process_id="other", **run(60))
    going = job(3, status=Status.RUNNING, step=Step.SUBMITTED, started=datetime.now(UTC) - timedelta(minutes=10))
    waiting = job(4)
    for each in (short, long, going, waiting):
        store.record(each, key=None, digest="d", check=unchecked)
    assert store.page("ada", statuses=[Status.FAILED, Status.RUNNING]).jobs == (going, long)
    assert store.page("ada", processes=["other"]).jobs == (long,)
    assert store.page("ada", since=long.created, until=going.created).jobs == (going, long)
    assert store.page("ada", min_duration=120).jobs == (going, long)
    assert store.page("ada", max_duration=120).jobs == (short,)
    assert store.open_jobs() == [going, waiting]
    assert store.count_open("ada", Status.RUNNING) == 1


def test_a_page_holds_what_all_its_filters_let_through_in_order(store: Store) -> None:
    statuses, names = list(Status), ["echo", "other", "third"]
    made = [
        job(
            number // 2, status=statuses[number % 5], process_id=names[number % 3], owner="ada" if number % 7 else "eve"
        )
        for number in range(200)
    ]
    store.record_all(made)
    for processes in ([], ["echo"], ["third", "echo", "echo"], ["nothing"]):
        for states in ([], [Status.FAILED], [Status.RUNNING, Status.FAILED, Status.RUNNING]):
            for since, until in ((None, None), (20, 70), (70, 70), (None, 30), (90, None)):
                start, end = (None if at is None else START + timedelta(minutes=at) for at in (since, until))
                wanted = [
                    each.id
                    for each in made
                    if each.owner == "ada"
                    and (not processes or each.process_id in processes)
                    and (not states or each.status in states)
                    and (start is None or each.created >= start)
                    and (end is None or each.created <= end)
                ]
                found: list[str] = []
                after = None
                while True:
                    page = store.page(
                        "ada", processes=processes, statuses=states, since=start, until=end, after=after, limit=7
                    )
                    found += [each.id for each in page.jobs]
                    if (after := page.next) is None:
                        break
                assert found == sorted(wanted, reverse=True)


def test_every_question_of_the_daily_round_uses_an_index(store: Store) -> None:
    """Reading 100,000 ended jobs to find the open ones would be felt twice a second."""
    questions = []
    store.record(job(), key=None, digest="d", check=unchecked)
    connection = store._connection()
    connection.set_trace_callback(questions.append)
    store.open_jobs()
    store.page("ada", after="7", limit=10)
    store.page("ada", statuses=[Status.FAILED])
    store.page("ada", processes=["echo"])
    store.page("ada", processes=["echo", "other"], statuses=[Status.FAILED, Status.RUNNING])
    store.page("ada", since=START, until=START)
    store.count_open("ada", Status.RUNNING)
    store.expire(START)
    store.find_key("ada", "k")
    store.count_pinned("ada")
    store.bytes_of("ada")
    store.measured("echo")
    connection.set_trace_callback(None)
    assert len([question for question in questions if question.startswith("SELECT id")]) > 10
    for question in questions:
        plan = " ".join(row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}"))
        assert "SCAN" not in plan.replace("SCAN job USING INDEX open_job", ""), (question, plan)
        assert "TEMP B-TREE" not in plan, (question, plan)


def test_an_upload_belongs_to_those_who_sent_it(store: Store) -> None:
    placed = []
    store.add_upload("ada", "0" * 64, 7, lambda: placed.append(1))
    store.add_upload("ada", "0" * 64, 7, lambda: placed.append(2))
    assert placed == [1, 2]
    assert store.use_upload("ada", "0" * 64)
    assert not store.use_upload("eve", "0" * 64)
    assert store.bytes_of("ada") == 7


def test_an_upload_is_not_recorded_if_its_file_cannot_be_placed(store: Store) -> None:
    def fail() -> None:
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        store.add_upload("ada", "0" * 64, 7, fail)
    assert not store.use_upload("ada", "0" * 64)


def test_unused_uploads_are_forgotten_but_for_those_an_open_job_may_need(store: Store) -> None:
    for owner, letter in (("ada", "a"), ("eve", "a"), ("bob", "b")):
        store.add_upload(owner, letter * 64, 7, lambda: None)
    now = datetime.now(UTC)
    busy = job(owner="eve", created=now)
    store.record(busy, key=None, digest="d", check=unchecked)
    removed: list[str] = []
    store.forget_uploads(now - timedelta(days=1), removed.append)
    assert removed == []
    later = now + timedelta(days=1)
    store.forget_uploads(later, removed.append)
    assert removed == ["b" * 64]  # eve's job may read the other
    assert [store.use_upload(owner, "a" * 64) for owner in ("ada", "eve")] == [False, True]
    store.update([Change(busy, {"step": Step.CLOSED})])
    store.forget_uploads(later, removed.append)
    assert removed == ["b" * 64, "a" * 64]


@pytest.mark.parametrize("version", [-1, 1, 99])
def test_a_store_of_another_version_is_refused(tmp_path: Path, version: int) -> None:
    made = Store(tmp_path / "store.sqlite3")
    made._connection().execute(f"PRAGMA user_version = {version}")
    made.close()
    with pytest.raises(StoreUnusable, match="another version"):
        Store(tmp_path / "store.sqlite3")


def test_the_jobs_of_the_version_before_are_taken_over(tmp_path: Path) -> None:
    made, old, new = Store(tmp_path / "store.sqlite3"), job(), job(1, summary="NDVI")
    made.record(old, key="k", digest="d", check=unchecked)
    made._connection().execute("ALTER TABLE job DROP COLUMN summary")
    made._connection().execute("PRAGMA user_version = 2")
    made.close()
    again = Store(tmp_path / "store.sqlite3")
    assert again.find_key("ada", "k") == (old, "d")
    again.record(new, key=None, digest="d", check=unchecked)
    assert again.get(new.id) == new
    again.close()
    Store(tmp_path / "store.sqlite3").close()  # and now it is one of this version


def test_a_store_closes_while_other_threads_read(tmp_path: Path) -> None:
    """Closing a connection that another thread is using would end the process."""
    made = Store(tmp_path / "store.sqlite3")
    for number in range(200):
        made.record(job(number), key=None, digest="d", check=unchecked)
    reading = threading.Barrier(5)

    def read_on() -> None:
        while True:
            made.open_jobs()

    def read() -> None:
        made.open_jobs()
        reading.wait()
        with pytest.raises(sqlite3.ProgrammingError):
            read_on()

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        reading.wait()
        made.close()
        for reader in readers:
            reader.result()


def test_a_full_disk_is_said_and_does_no_lasting_harm(store: Store) -> None:
    connection = store._connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull):
        store.record(job(message="x" * 1_000_000), key=None, digest="d", check=unchecked)
    connection.execute("PRAGMA max_page_count = 100000")
    made = job(1000)
    store.record(made, key=None, digest="d", check=unchecked)
    assert store.get(made.id) == made
