"""Prediction with the base model that comes with the package."""
