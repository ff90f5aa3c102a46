#!/bin/sh
# The whole study again: networks, scores, figures, the page.
#
#     studies/amorphous/run.sh WORK/
#
# An interrupted run goes on. With the trajectories as committed about an hour and a half of one core.
set -e
cd "$(dirname "$0")"
work=$1
mkdir -p "$work"
export OMP_NUM_THREADS=1
python networks.py trajectories.npz "$work"
python study.py trajectories.npz "$work"
python figures.py trajectories.npz "$work"
cd ../..
python -m studies.amorphous.tables
