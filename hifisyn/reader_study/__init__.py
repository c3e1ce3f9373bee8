"""What readers think: a blinded study as a page that runs offline, and its analysis."""
