"""DRIT++ (Lee et al., 2020)."""
