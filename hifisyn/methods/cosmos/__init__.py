"""COSMOS (Shin et al., 2022)."""
