"""The walls between the four houses, read from the import statements of the tree (docs/architecture.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSES = ("backend_client", "phidias_gateway", "phidias_processes", "phidias_qgis")

MAY_IMPORT = {
    "backend_client": {"backend_client"},
    "phidias_gateway": {"phidias_gateway"},
    "phidias_processes": {"phidias_processes", "phidias_gateway"},
    "phidias_qgis": {"phidias_qgis", "backend_client"},
}
# A pack of processes uses no private door: what PHIDIAS's own pack may use is what any laboratory may use.
PUBLIC_DOOR = {"process", "inputs", "outputs", "errors", "references", "guard"}
HEAVY = {"dask", "numba", "numpy", "odc", "onnxruntime", "osgeo", "pandas", "pyogrio", "pyproj", "pystac"}
HEAVY |= {"pystac_client", "rasterio", "scipy", "shapely", "skimage", "sklearn", "spyndex", "xarray"}


def modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def imports(path: Path, *, at_top_only: bool = False) -> Iterator[str]:
    """Full dotted names that a module imports, its own relative imports resolved."""
    package = ".".join(path.relative_to(ROOT).with_suffix("").parts[:-1])
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in at_top(tree) if at_top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base]).rstrip(".")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def at_top(node: ast.AST) -> Iterator[ast.AST]:
    """The statements that run when the module is imported; those for type checkers do not."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from at_top(child)


@pytest.mark.parametrize("house", HOUSES)
def test_a_house_imports_only_what_its_walls_allow(house: str) -> None:
    for path in modules(house):
        for name in imports(path):
            top = name.split(".")[0]
            if top in HOUSES:
                assert top in MAY_IMPORT[house], f"{path.relative_to(ROOT)} imports {name}"
            if top in ("qgis", "PyQt5", "PyQt6"):
                assert house == "phidias_qgis", f"{path.relative_to(ROOT)} imports {name}"
                assert top == "qgis", f"{path.relative_to(ROOT)} imports {name}: use qgis.PyQt"


def test_processes_use_no_private_door_of_the_gateway() -> None:
    for path in modules("phidias_processes"):
        for name in imports(path):
            if name.startswith("phidias_gateway."):
                assert name.split(".")[1] in PUBLIC_DOOR, f"{path.relative_to(ROOT)} imports {name}"


def test_only_the_factory_names_a_scheduler() -> None:
    for path in modules("phidias_gateway"):
        for name in imports(path):
            if name.startswith("phidias_gateway.schedulers.") and name.split(".")[2] in ("slurm", "local"):
                assert path.parent.name == "schedulers", f"{path.relative_to(ROOT)} imports {name}"
            if path.parent.name == "routes":
                assert "schedulers" not in name, f"{path.relative_to(ROOT)} imports {name}"


def test_no_import_circles() -> None:
    names = {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in modules(*HOUSES)}
    graph = {}
    for name, path in names.items():
        targets = set()
        for target in imports(path, at_top_only=True):
            module = target if target in names else target.rpartition(".")[0]
            if module in names and module != name:
                targets.add(module)
        graph[name] = targets

    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above[above.index(name) :], name])
        if name in done:
            return
        for target in sorted(graph[name]):
            visit(target, (*above, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def test_listing_every_process_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from phidias_gateway.description import describe\n"
        "from phidias_gateway.registry import processes\n"
        "described = [describe(process) for process in processes().values()]\n"
        "assert len(described) >= 4, described\n"
        f"print(sorted({HEAVY!r} & {{name.split('.')[0] for name in sys.modules}}))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"


def test_the_plugin_needs_nothing_that_qgis_does_not_ship() -> None:
    optional = {"paramiko": ("ssh.py", "tunnel.py")}
    shipped = {"backend_client", "phidias_qgis", "qgis", "processing", "osgeo", "requests", "urllib3"}
    for path in modules("backend_client", "phidias_qgis"):
        for name in imports(path):
            top = name.split(".")[0]
            if top in optional:
                assert path.name in optional[top], f"{path.relative_to(ROOT)} imports {name}"
            else:
                assert top in shipped or top in sys.stdlib_module_names, f"{path.relative_to(ROOT)} imports {name}"
