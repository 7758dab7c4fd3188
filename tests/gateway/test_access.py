"""Tokens: who may use the gateway."""

from __future__ import annotations

import base64
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from phidias_gateway.access import FAILURES, WINDOW, Access, NotAuthenticated, Tokens, TooManyFailures


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
    assert tokens.user(token) == "ada"
    monkeypatch.setattr(time, "time", lambda: later)
    assert tokens.user(token) is None


def test_it_is_revoked_at_once_also_by_another_process(tokens: Tokens, tmp_path: Path) -> None:
    token = tokens.create("ada", label="laptop")
    [listed] = tokens.list()
    assert (listed.user, listed.label, listed.revoked) == ("ada", "laptop", None)
    other = Tokens(tmp_path / "tokens.sqlite3")
    assert other.revoke(listed.id)
    assert not other.revoke(listed.id)
    other.close()
    assert tokens.user(token) is None


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
