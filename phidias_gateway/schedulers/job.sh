#!/bin/sh
# What Slurm runs for every job: the worker, whose command line is this script's arguments, and for a part of a job its
# number. It takes the script's place, so that Slurm's signals reach it.
exec "$@" ${SLURM_ARRAY_TASK_ID:+"$SLURM_ARRAY_TASK_ID"}
