"""The processes this gateway offers, found by the entry-point group `phidias.processes`.

An entry point names a package, whose modules each hold one process, or a module, or a process class.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType, ModuleType
from typing import Any

from phidias_gateway.process import Process

GROUP = "phidias.processes"


@cache
def processes() -> Mapping[str, Process[Any, Any]]:
    """Every installed process by its id, in the order of the ids. Raises ValueError if two share an id."""
    found: dict[str, Process[Any, Any]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        for kind in _classes(entry.load()):
            known = found.setdefault(kind.id, kind())
            if type(known) is not kind:
                raise ValueError(f"Two processes have the id {kind.id!r}: {type(known)!r} and {kind!r}.")
    return MappingProxyType(dict(sorted(found.items())))


def _classes(target: Any) -> Iterator[type[Process[Any, Any]]]:
    if isinstance(target, type) and issubclass(target, Process):
        yield target
        return
    modules = [target]
    if hasattr(target, "__path__"):
        modules += [
            importlib.import_module(f"{target.__name__}.{module.name}")
            for module in pkgutil.iter_modules(target.__path__)
            if not module.ispkg
        ]
    for module in modules:
        yield from _defined_in(module)


def _defined_in(module: ModuleType) -> Iterator[type[Process[Any, Any]]]:
    for _, kind in inspect.getmembers(module, inspect.isclass):
        own = kind.__module__ == module.__name__ and not inspect.isabstract(kind)
        if own and issubclass(kind, Process):
            yield kind
