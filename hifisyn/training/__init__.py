"""The loop that trains every method, and what it needs: batches, checkpoints, logbook."""
