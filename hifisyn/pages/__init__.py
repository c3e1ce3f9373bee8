"""The one way to write a page: templates with autoescape, one base, one style; the parts of a page lie beside it."""
