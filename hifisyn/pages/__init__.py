"""How all pages are written: templates with autoescape, one base, one style, shared parts."""
