"""What makes the tables of `involution_utils/results`: experiments that are declared, then run; and sweeps.

python -m lab list
python -m lab run NAME
python -m lab ship NAME LABEL
python -m lab sweep NOTEBOOK -p epochs 2 -p seed 0,1,2 --out FOLDER

`DECLARATION.md` says, by date, what was declared before which runs.
"""
