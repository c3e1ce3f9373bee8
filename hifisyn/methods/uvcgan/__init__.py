"""UVCGAN (Torbunov et al., 2023)."""
