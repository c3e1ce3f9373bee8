"""Trainings that belong together: the rows of an ablation."""
