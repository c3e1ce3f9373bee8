"""Paired tests, intervals, effect sizes, corrections and agreement: pure functions of arrays."""
