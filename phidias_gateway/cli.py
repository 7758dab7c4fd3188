"""The command `phidias-gateway`. What a subcommand needs is imported when it runs, so that each starts quickly."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phidias_gateway.errors import PhidiasError

if TYPE_CHECKING:
    from phidias_gateway.access import Tokens
    from phidias_gateway.links import Signer
    from phidias_gateway.settings import Settings

_MOST_DAYS = 36_500


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit code: 0, or 1 with cause and remedy on stderr."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except PhidiasError as error:
        print(error.detail, error.remedy, sep="\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="phidias-gateway",
        description="OGC API - Processes in front of Slurm. Settings: gateway.toml, or PHIDIAS_<SECTION>__<KEY>.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        return added

    serve = add("serve", _serve, "Serve until stopped")
    serve.add_argument("--port", type=int, help="0 takes any free one; overrides server.port")
    add("up", _up, "Start a gateway in the background and print how to reach it, as one line of JSON")
    add("down", _down, "Stop the gateway in the background; jobs run on")
    add("status", _status, "Say as JSON whether a gateway runs in the background")
    add("describe", _describe, "Print the descriptions of all processes as JSON")
    add("check", _check, "Say what this site lacks, and the remedies")
    run = add("run", _run, "Run one job without a server and print its results as JSON")
    run.add_argument("process", metavar="PROCESS")
    run.add_argument("inputs", metavar="inputs.json", help="a JSON object of inputs; - reads standard input")

    token = commands.add_parser("token", help="Create, list and revoke the users' tokens")
    tokens = token.add_subparsers(required=True, metavar="ACTION")
    create = tokens.add_parser("create", help="Print a new token as JSON: it is shown only once")
    create.add_argument("user", metavar="USER")
    create.add_argument("--days", type=_days, help="lifetime; default: access.token_days")
    create.add_argument("--label", default="", help="a note, shown by list")
    create.set_defaults(command=_token_create)
    tokens.add_parser("list", help="All tokens as JSON, without their secrets").set_defaults(command=_token_list)
    revoke = tokens.add_parser("revoke", help="End a token, or all of a user, at once")
    which = revoke.add_mutually_exclusive_group(required=True)
    which.add_argument("id", metavar="ID", nargs="?", help="as listed")
    which.add_argument("--user", help="end all tokens of this user")
    revoke.set_defaults(command=_token_revoke)

    link = commands.add_parser("links", help="Change the key of the signed result links")
    links = link.add_subparsers(required=True, metavar="ACTION")
    rotate = links.add_parser("rotate", help="Sign with a new key; links already given out live until they expire")
    rotate.set_defaults(command=_links_rotate)
    end = links.add_parser("revoke", help="End all links given out so far at once")
    end.set_defaults(command=_links_revoke)
    return parser


def _serve(options: argparse.Namespace) -> int:
    import logging

    from phidias_gateway import server

    code = server.serve(_settings(), port=options.port)
    # All is closed by now. Python would wait for threads that still plan a job nobody will hear of.
    logging.shutdown()
    os._exit(code)


def _up(options: argparse.Namespace) -> int:
    from phidias_gateway import personal

    return _print(personal.up(_settings()))


def _down(options: argparse.Namespace) -> int:
    from phidias_gateway import personal

    return _print(personal.down(_settings()))


def _status(options: argparse.Namespace) -> int:
    from phidias_gateway import personal

    return _print(personal.status(_settings()))


def _describe(options: argparse.Namespace) -> int:
    from phidias_gateway.description import describe
    from phidias_gateway.registry import processes

    return _print({"processes": [describe(process) for process in processes().values()]}, indent=1)


def _check(options: argparse.Namespace) -> int:
    from phidias_gateway import site_check

    missing = 0
    for finding in site_check.findings(_settings()):
        missing += finding.state == "missing"
        print(f"{finding.state:8} {finding.about}: {finding.text}")
        if finding.remedy:
            print(f"{'':8} -> {finding.remedy}")
    return 1 if missing else 0


def _run(options: argparse.Namespace) -> int:
    import asyncio

    from phidias_gateway import single_run

    try:
        content = sys.stdin.buffer.read() if options.inputs == "-" else Path(options.inputs).read_bytes()
    except OSError as error:
        raise PhidiasError(f"{options.inputs} cannot be read: {error.strerror}.", remedy="Check the path.") from None
    outcome = asyncio.run(single_run.run(_settings(), options.process, content, single_run.to_stderr))
    return _print(outcome, indent=1)


def _token_create(options: argparse.Namespace) -> int:
    settings = _settings()
    days = options.days or settings.access.token_days
    with _tokens(settings) as tokens:
        try:
            token = tokens.create(options.user, lifetime=days * 86400, label=options.label)
        except ValueError as error:
            raise PhidiasError(str(error), remedy="Choose another name.") from None
    return _print({"user": options.user, "token": token})


def _token_list(options: argparse.Namespace) -> int:
    def shown(moment: float | None) -> str | None:
        return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")

    with _tokens(_settings()) as tokens:
        listed = [
            {
                "id": token.id,
                "user": token.user,
                "label": token.label,
                "created": shown(token.created),
                "expires": shown(token.expires),
                "revoked": shown(token.revoked),
                "used": shown(token.used),
            }
            for token in tokens.list()
        ]
    return _print(listed, indent=1)


def _token_revoke(options: argparse.Namespace) -> int:
    with _tokens(_settings()) as tokens:
        ended = tokens.revoke_all(options.user) if options.user else tokens.revoke(options.id)
    if not ended:
        what = f"of {options.user!r}" if options.user else repr(options.id)
        raise PhidiasError(f"There is no valid token {what}.", remedy="See: phidias-gateway token list")
    return 0


def _links_rotate(options: argparse.Namespace) -> int:
    _signer(_settings()).rotate()
    return 0


def _links_revoke(options: argparse.Namespace) -> int:
    _signer(_settings()).revoke()
    return 0


def _tokens(settings: Settings) -> closing[Tokens]:
    from phidias_gateway.access import Tokens

    _check_owner(settings)
    return closing(Tokens(settings.store.tokens))


def _signer(settings: Settings) -> Signer:
    from phidias_gateway.links import Signer

    _check_owner(settings)
    return Signer(settings.store.link_keys, lifetime=settings.access.link_seconds)


def _check_owner(settings: Settings) -> None:
    """Make the store's folder. What another user, such as root, put there could not be read by the gateway."""
    root = settings.store.root
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (owner := root.stat().st_uid) != os.geteuid():
        raise PhidiasError(f"{root} belongs to another user (uid {owner}).", remedy="Run this command as that user.")


def _days(text: str) -> float:
    days = float(text)
    if not 0 < days <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {_MOST_DAYS}")
    return days


def _settings() -> Settings:
    from phidias_gateway.settings import Settings

    return Settings.load()


def _print(document: Any, indent: int | None = None) -> int:
    print(json.dumps(document, indent=indent, ensure_ascii=False), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
