"""From a raw scan to slices, and the record that undoes it."""
