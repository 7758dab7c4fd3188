"""Signed links: one file each, until they expire."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from phidias_gateway.links import Signer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def check(signer: Signer, query: dict[str, str], job: str = "job", file: str = "index.tif") -> str:
    return signer.check(job, file, query["expires"], query["signature"])


def test_a_link_opens_exactly_its_file(path: Path) -> None:
    signer = Signer(path, lifetime=3600)
    query = signer.sign("job", "index.tif")
    assert check(signer, query) == "valid"
    assert check(signer, query, file="item.json") == "forged"
    assert check(signer, query, job="other") == "forged"
    assert check(signer, {**query, "expires": str(int(query["expires"]) + 1)}) == "forged"
    assert check(signer, {**query, "signature": query["signature"][:-1]}) == "forged"


@pytest.mark.parametrize("expires", ["", "-1", "1e9", "²", "9" * 13, "0x10", " 1"])
@pytest.mark.parametrize("signature", ["", ".", "é", "a.b.c"])
def test_nonsense_is_forged(path: Path, expires: str, signature: str) -> None:
    assert Signer(path, lifetime=3600).check("job", "file", expires, signature) == "forged"


def test_an_old_link_has_expired(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = Signer(path, lifetime=3600)
    query = signer.sign("job", "index.tif")
    later = time.time() + 2 * 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert check(signer, query) == "expired"


def test_the_same_file_keeps_its_link_for_a_while(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = Signer(path, lifetime=2400)
    start = 1_000_000 * 100.0  # on a step of 100 s
    monkeypatch.setattr(time, "time", lambda: start + 1)
    first = signer.url("http://g", "job", "index.tif")
    monkeypatch.setattr(time, "time", lambda: start + 99)
    assert signer.url("http://g", "job", "index.tif") == first
    assert int(parse_qs(urlsplit(first).query)["expires"][0]) - (start + 99) >= 2400
    monkeypatch.setattr(time, "time", lambda: start + 101)
    assert signer.url("http://g", "job", "index.tif") != first


def test_two_gateways_of_one_store_honour_each_other(path: Path) -> None:
    assert check(Signer(path, lifetime=3600), Signer(path, lifetime=3600).sign("job", "index.tif")) == "valid"


def test_keys_rotate_and_old_links_live_on_until_they_expire(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    signer = Signer(path, lifetime=1000, rotation=10_000)
    monkeypatch.setattr(time, "time", lambda: now + 9_900)
    old = signer.sign("job", "index.tif")
    monkeypatch.setattr(time, "time", lambda: now + 10_100)
    new = signer.sign("job", "index.tif")
    assert new["signature"].partition(".")[0] != old["signature"].partition(".")[0]
    assert check(signer, old) == check(signer, new) == "valid"
    monkeypatch.setattr(time, "time", lambda: now + 20_300)
    signer.sign("job", "index.tif")
    assert len(json.loads(path.read_text())) == 2  # the first key can have no valid link any more
    assert check(signer, old) == "forged"


def test_only_the_owner_can_read_the_keys(path: Path) -> None:
    Signer(path, lifetime=3600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_names_are_quoted(path: Path) -> None:
    url = Signer(path, lifetime=3600).url("http://g", "job", "a b?&é.tif")
    assert urlsplit(url).path == "/jobs/job/results/a%20b%3F%26%C3%A9.tif"


def test_a_new_key_spares_the_links_that_are_out_and_counts_at_once_in_another_process(path: Path) -> None:
    serving, command = Signer(path, lifetime=3600), Signer(path, lifetime=3600)
    old = serving.sign("job", "index.tif")
    command.rotate()
    new = serving.sign("job", "index.tif")
    assert new["signature"].partition(".")[0] != old["signature"].partition(".")[0]
    assert check(serving, old) == check(serving, new) == "valid"


def test_revoked_links_end_at_once_in_another_process(path: Path) -> None:
    serving, command = Signer(path, lifetime=3600), Signer(path, lifetime=3600)
    old = serving.sign("job", "index.tif")
    command.revoke()
    assert check(serving, old) == "forged"
    assert check(serving, serving.sign("job", "index.tif")) == "valid"
    assert len(json.loads(path.read_text())) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    assert check(serving, serving.sign("job", "index.tif")) == "valid"
