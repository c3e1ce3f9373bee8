"""One thread everywhere: sums over threads round differently, and tests compare bits between processes."""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import torch

torch.set_num_threads(1)
