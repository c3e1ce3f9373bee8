"""What synthesis is worth: image metrics, baselines, downstream tasks."""
