"""From slices back to a volume in the space of the scan."""
