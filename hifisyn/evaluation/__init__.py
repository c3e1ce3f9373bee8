"""Evaluation of synthesis by image metrics, against baselines."""
