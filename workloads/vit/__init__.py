"""Image classification with a small vision transformer."""
