#!/bin/sh
# What Slurm runs for every job: the worker, whose command line is this script's arguments. It takes the script's place,
# so that Slurm's signals reach it.
exec "$@"
