"""A training set for nnU-Net of real scans and synthetic copies with their labels (HiFi-Syn, section 5.5.2)."""
