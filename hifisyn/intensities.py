"""The intensities of slices as networks see them: from -1 to 1, and -1 wherever there is no brain."""

OUTSIDE = -1.0
