# Every target sets up what it needs; a second run starts at once. See tools/setup.sh for what is installed.
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
QGIS_PYTHON := QT_QPA_PLATFORM=offscreen .venv-qgis/bin/python

.PHONY: help setup demo test faults bench package lint format translations screenshots snapshot clean

help:  ## Show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup:  ## Install QGIS, Orfeo ToolBox, Slurm and both Python environments
	@tools/setup.sh

demo: setup  ## Run the main job on a real Sentinel-2 scene, through QGIS, and draw the map
	@$(PYTHON) tools/demo.py

test: setup  ## Run every test: unit, contract, headless QGIS, Orfeo ToolBox, a private two-node Slurm
	@tools/test.sh

faults: setup  ## Break everything around a job, at every step, and print what became of it (about a quarter of an hour)
	@$(PYTHON) tools/faults.py

bench: setup  ## Measure
	@tools/setup.sh bench
	@$(PYTHON) tools/bench.py
	@$(PYTHON) tools/bench_nodes.py
	@$(PYTHON) tools/bench_gateway.py
	@$(QGIS_PYTHON) tools/startup.py

package: setup  ## Build the plugin's zip
	@$(PYTHON) tools/package.py

lint: setup  ## Check style and types
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

format: setup  ## Bring the code into shape
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

translations: setup  ## Bring the translations up to date with the code; LANGUAGE=de begins one
	@$(PYTHON) tools/translations.py update $(LANGUAGE)

screenshots:  ## Take the pictures of QGIS for the docs
	@tools/setup.sh screenshots
	@$(PYTHON) tools/screenshots.py

snapshot: setup  ## Write the process descriptions that the plugin ships
	.venv/bin/phidias-gateway describe > resources/processes.json

clean:  ## Delete what was built, but not the environments
	rm -rf build dist .cache i18n/*.qm
