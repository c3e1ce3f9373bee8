"""What synthesis is worth: image metrics, rivals, downstream tasks."""
