"""The base model, Adapted, Paired and HiFi-Syn on one's own cohort: folds of gliomas, MS patients, and by subjects.

usage: python -m benchmarks.own_cohort folds|ms|curve|tables -o OUT --prepared FOLDER [FOLDER ...] [--heads FOLDER]

`benchmarks/base_model/prepare.py` cuts the slices. One CPU thread; what is there is not done again, and a training
that was killed goes on. `tables` prints what was found, and draws the curve.
"""
