"""A thin gateway between OGC API - Processes and a Slurm cluster."""

__version__ = "0.1.0"
