"""Translation methods, one paper a file."""
