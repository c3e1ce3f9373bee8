"""Run the same work on every subject, in processes, on a cluster or in shards, and never twice."""
