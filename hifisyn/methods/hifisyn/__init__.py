"""HiFi-Syn (Yu et al., 2024)."""
