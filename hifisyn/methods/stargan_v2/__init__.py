"""StarGAN v2 (Choi et al., 2020)."""
