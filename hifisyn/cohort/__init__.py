"""Prepare a data set for training: verify, align, split, plan, extract slices, draw."""
