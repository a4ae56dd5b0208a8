"""The kinds of values that options and fields have, and how they are declared."""
