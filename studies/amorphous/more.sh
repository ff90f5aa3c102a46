#!/bin/sh
# More trajectories than those committed: raise COUNTS in protocols.py, then
#
#     studies/amorphous/more.sh FOLDER/
#
# A slow cooling takes about 60 s of one core, a fast one 8 s, a held liquid 6 s.
set -e
cd "$(dirname "$0")"
export OMP_NUM_THREADS=1
python generate.py "$1"
python generate.py "$1" --pack trajectories.npz
