"""How alike two images or two label maps are: pure functions of arrays."""
