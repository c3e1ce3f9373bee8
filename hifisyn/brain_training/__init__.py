"""Training of the network that finds a brain in a whole head, on simulated heads."""
