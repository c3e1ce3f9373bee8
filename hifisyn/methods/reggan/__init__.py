"""RegGAN (Kong et al., 2021)."""
