"""AttentionGAN (Tang et al., 2021)."""
