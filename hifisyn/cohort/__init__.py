"""Preparing a data set: verified, aligned, split, planned, cut into slices, pictured."""
