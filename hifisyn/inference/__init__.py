"""From a model folder to synthetic volumes."""
