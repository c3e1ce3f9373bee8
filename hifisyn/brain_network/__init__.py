"""The network that finds a brain in a whole head of any contrast."""
