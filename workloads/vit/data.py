"""Makes the data of `vit/cpu`: glyphs that are bright on a dim background, with faint distractors and little noise."""

from pathlib import Path

from workloads.glyph_data import GlyphStyle, write_splits
from workloads.image_classification import DataConfig

STYLE = GlyphStyle(
    noise=0.1,
    hardness=0.6,
    translation=0.3,
    distractor_opacity=0.5,
    background_brightness=0.5,
    contrast=0.5,
    always_bright=True,
)


def make(folder: Path, config: DataConfig, salt: bytes | None = None) -> None:
    """Writes all splits below `folder`, the held-out ones drawn under the salt."""
    write_splits(folder, STYLE, config.pixels, config.sizes, salt)
