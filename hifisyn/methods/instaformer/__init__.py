"""InstaFormer (Kim et al., 2022)."""
