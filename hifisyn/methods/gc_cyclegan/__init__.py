"""GC-CycleGAN (Hiasa et al., 2018)."""
