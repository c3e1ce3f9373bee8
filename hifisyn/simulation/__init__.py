"""Simulated heads: anatomy, lesions, relaxation and the scan, from the ICBM152 tissue maps."""
