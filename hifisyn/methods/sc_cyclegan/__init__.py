"""SC-CycleGAN (Yang et al., 2020)."""
