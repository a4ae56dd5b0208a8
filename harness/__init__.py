"""finishline: a race between training algorithms. The referee's house: everything that must be trusted."""

__version__ = "0.1.0"
