"""Image classification with a small residual network."""
