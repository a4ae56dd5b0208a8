"""Makes the data of `resnet/cpu`: glyphs that are dark or bright on a colourful background, with strong distractors and noise."""

from pathlib import Path

from workloads.glyph_data import GlyphStyle, write_splits
from workloads.image_classification import DataConfig

STYLE = GlyphStyle(
    noise=0.25,
    hardness=1.0,
    translation=0.5,
    distractor_opacity=0.8,
    background_brightness=1.0,
    contrast=0.7,
    always_bright=False,
)


def make(folder: Path, config: DataConfig, salt: bytes | None = None) -> None:
    """Writes all splits below `folder`, the held-out ones drawn under the salt."""
    write_splits(folder, STYLE, config.pixels, config.sizes, salt)
