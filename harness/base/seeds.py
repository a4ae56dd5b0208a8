"""One seed per trial, from which the seed of each component that draws at random is derived.

The components are `model` (initial weights), `data` (order and augmentation), `dropout` (torch's global generator while training) and
`submission` (`self.generator`), so that two submissions with the same seed start from the same weights and see the same data in the same
order (a paired comparison), whatever either of them draws.
"""

import hashlib


def component_seed(seed: int, component: str) -> int:
    """Returns the 63-bit seed of a component of a trial."""
    return derive(str(seed), component)


def derive(*parts: str) -> int:
    """Returns a 63-bit integer that depends on all `parts` and on nothing else."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
