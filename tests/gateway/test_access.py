"""Tokens: who may use the gateway."""

from __future__ import annotations

import base64
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from phidias_gateway.access import (
    FAILURES,
    USED_SECONDS,
    WINDOW,
    Access,
    Checked,
    NotAuthenticated,
    Tokens,
    TooManyFailures,
)


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Tokens]:
    opened = Tokens(tmp_path / "tokens.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def access(tokens: Tokens) -> Access:
    return Access(tokens)


def basic(user: str, token: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_token_opens_as_bearer_and_as_password(tokens: Tokens, access: Access) -> None:
    token = tokens.create("ada", lifetime=60)
    assert access.user(bearer(token), "::1") == "ada"
    assert access.user({"authorization": f"bearer  {token} "}, "::1") == "ada"
    assert access.user(basic("ada", token), "::1") == "ada"


def test_a_token_is_of_one_user(tokens: Tokens, access: Access) -> None:
    token = tokens.create("ada")
    tokens.create("eve")
    with pytest.raises(NotAuthenticated):
        access.user(basic("eve", token), "::1")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "Basic",
        "Basic !!!",
        "Basic YWJj",
        "Digest a",
        "Bearer phidias_",
        "Bearer phidias__",
        "é",
    ],
)
def test_anything_else_does_not(access: Access, header: str) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        access.user({"authorization": header}, "::1")
    assert "Bearer" in refused.value.headers["WWW-Authenticate"]
    assert "Basic" in refused.value.headers["WWW-Authenticate"]


def test_a_wrong_secret_does_not(tokens: Tokens, access: Access) -> None:
    token = tokens.create("ada")
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    with pytest.raises(NotAuthenticated):
        access.user(bearer(wrong), "::1")


def test_it_expires(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tokens.create("ada", lifetime=60)
    later = time.time() + 61
    assert tokens.check(token) == Checked(True, "ada")
    monkeypatch.setattr(time, "time", lambda: later)
    assert tokens.check(token) == Checked(True, None)


def test_it_is_revoked_at_once_also_by_another_process(tokens: Tokens, tmp_path: Path) -> None:
    token = tokens.create("ada", label="laptop")
    [listed] = tokens.list()
    assert (listed.user, listed.label, listed.revoked) == ("ada", "laptop", None)
    other = Tokens(tmp_path / "tokens.sqlite3")
    assert other.revoke(listed.id)
    assert not other.revoke(listed.id)
    other.close()
    assert tokens.check(token).user is None


def test_all_tokens_of_a_user_end_at_once(tokens: Tokens) -> None:
    mine, other = [tokens.create("ada"), tokens.create("ada")], tokens.create("eve")
    assert tokens.revoke_all("ada") == 2
    assert tokens.revoke_all("ada") == 0
    assert [tokens.check(token).user for token in (*mine, other)] == [None, None, "eve"]


def test_the_last_use_is_noted_to_the_hour(tokens: Tokens, access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tokens.create("ada")
    access_of = bearer(token)
    assert tokens.list()[0].used is None
    start = time.time()
    for later, noted in ((0.0, 0.0), (USED_SECONDS - 1, 0.0), (USED_SECONDS + 1, USED_SECONDS + 1)):
        monkeypatch.setattr(time, "time", lambda later=later: start + later)
        for _ in range(3):
            access.user(access_of, "::1")
        assert tokens.list()[0].used == start + noted
    with pytest.raises(NotAuthenticated):
        access.user(bearer(token + "x"), "::1")


def test_a_request_writes_nothing(tokens: Tokens, access: Access) -> None:
    token = tokens.create("ada")
    access.user(bearer(token), "::1")
    written = tokens._database.total_changes
    for _ in range(10):
        access.user(bearer(token), "::1")
    assert tokens._database.total_changes == written


def test_a_table_made_before_is_taken_over_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "tokens.sqlite3"
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE token (id TEXT PRIMARY KEY, user TEXT NOT NULL, salt BLOB NOT NULL, hash BLOB NOT NULL, "
            "label TEXT NOT NULL, created REAL NOT NULL, expires REAL, revoked REAL) STRICT"
        )
    database.close()
    path.chmod(0o644)
    tokens = Tokens(path)
    assert tokens.check(tokens.create("ada")).user == "ada"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    tokens.close()


def test_the_file_is_private_and_holds_no_token(tokens: Tokens, tmp_path: Path) -> None:
    token = tokens.create("ada")
    path = tmp_path / "tokens.sqlite3"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token.rpartition("_")[2].encode() not in path.read_bytes()
    with sqlite3.connect(path) as database:
        [(salt, digest)] = database.execute("SELECT salt, hash FROM token")
    database.close()
    assert len(salt) == 16
    assert len(digest) == 32


@pytest.mark.parametrize("name", ["", "a b", "../x", ".hidden", "a" * 65, "a\n", "ä"])
def test_a_bad_user_name_is_refused(tokens: Tokens, name: str) -> None:
    with pytest.raises(ValueError, match="no user name"):
        tokens.create(name)


def test_guessing_is_slowed_down_and_harms_nobody_else(
    tokens: Tokens, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = tokens.create("ada"), tokens.create("bob")
    guess = bearer(ada[:-4] + "AAAA")
    for _ in range(FAILURES):
        with pytest.raises(NotAuthenticated):
            access.user(guess, "10.0.0.1")
    with pytest.raises(TooManyFailures) as refused:
        access.user(guess, "10.0.0.1")
    assert 0 < int(refused.value.headers["Retry-After"]) <= WINDOW
    assert access.user(bearer(bob), "10.0.0.1") == "bob"
    assert access.user(bearer(ada), "10.0.0.2") == "ada"
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + WINDOW + 1)
    assert access.user(bearer(ada), "10.0.0.1") == "ada"
