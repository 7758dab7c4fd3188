"""What the documentation says is true: its example runs, its links lead somewhere, every error has its entry."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

sys.path.insert(0, str(ROOT / "tools"))


def test_the_example_for_scientists_runs(tmp_path: Path) -> None:
    import demo_archive

    archive = demo_archive.build(ROOT / ".cache" / "demo-archive").parent
    text = (ROOT / "docs" / "scientists.md").read_text("utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code) == 1
    entry = re.search(r'\[project\.entry-points\."(phidias\.processes)"\]\n(.*?)```', text, re.DOTALL)
    assert entry
    pack = tmp_path / "pack"
    (pack / "laboratory-1.0.dist-info").mkdir(parents=True)
    (pack / "green_season.py").write_text(code[0])
    (pack / "laboratory-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: laboratory\nVersion: 1.0\n"
    )
    (pack / "laboratory-1.0.dist-info" / "entry_points.txt").write_text(
        f"[{entry[1]}]\n{entry[2].replace(chr(34), '')}"
    )
    inputs = {"scenes": {"catalogue": "demo"}, "area": {"bbox": [-75.66, 37.64, -75.64, 37.66]}, "threshold": 0.3}
    (tmp_path / "inputs.json").write_text(json.dumps(inputs))
    environment = {
        **os.environ,
        "PYTHONPATH": str(pack),
        "PHIDIAS_STORE__ROOT": str(tmp_path / "store"),
        "PHIDIAS_SCHEDULER__KIND": "local",
        "PHIDIAS_ARCHIVES": json.dumps(
            [{"name": "demo", "prefix": "https://demo.phidias.invalid/", "path": str(archive)}]
        ),
    }
    command = [sys.executable, "-m", "phidias_gateway.cli", "run", "green-season", str(tmp_path / "inputs.json")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    with rasterio.open(next((tmp_path / "store").rglob("share.tif"))) as image:
        share = image.read(1, masked=True)
    # One date: a pixel was green on all of them, or on none.
    assert set(np.unique(share.compressed())) == {0.0, 1.0}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_settings_for_admins_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from phidias_gateway.settings import Settings

    examples = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "admins.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "gateway.toml").write_text("\n".join(examples), "utf-8")
    monkeypatch.setenv("PHIDIAS_CONFIG", str(tmp_path / "gateway.toml"))
    settings = Settings.load()
    assert settings.slurm.partition == "normal"
    assert [bool(credential.token_url) for credential in settings.credentials] == [False, True]
    assert settings.limits == type(settings.limits)()  # those shown are those in force without any


def test_every_error_type_has_its_entry() -> None:
    import phidias_gateway.access
    import phidias_gateway.links  # noqa: F401  every class of errors is known then
    from phidias_gateway.causes import CAUSES
    from phidias_gateway.errors import PHIDIAS, PhidiasError

    def below(kind: type[PhidiasError]) -> set[str]:
        return {kind.type}.union(*(below(child) for child in kind.__subclasses__()))

    types = {name.removeprefix(PHIDIAS) for name in below(PhidiasError) if name.startswith(PHIDIAS)} | set(CAUSES)
    entries = re.findall(r"^## (.+)$", (ROOT / "docs" / "errors.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(entries) == sorted(types)
