"""Who looks on while trials run: the live display, Weights & Biases, the panel of several workers."""
