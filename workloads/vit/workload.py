"""The workload `vit`: a small vision transformer classifies stroke glyphs."""

from pathlib import Path

from torch import nn

from harness.errors import UserError
from harness.workload import Role, WorkloadConfig
from workloads.image_classification import DataConfig, ImageClassification
from workloads.vit.model import ModelConfig, VisionTransformer


class ViTWorkload(ImageClassification):
    """A three-block ViT on stroke glyphs; see README.md."""

    def __init__(self, config: WorkloadConfig) -> None:
        super().__init__(config)
        try:
            self.model_config, self.data_config = ModelConfig(**config.model), DataConfig(**config.data)
        except TypeError as error:
            raise UserError(f"the settings of {config.id} do not fit: {error}") from None

    def make_data(self, folder: Path, salt: bytes | None = None) -> None:
        """Draws the glyphs."""
        from workloads.vit.data import make

        make(folder, self.data_config, salt)

    def build_model(self) -> VisionTransformer:
        """Returns the transformer; its head starts at zero."""
        return VisionTransformer(self.model_config, self.data_config.pixels)

    def roles(self, model: nn.Module) -> dict[str, Role]:
        """The patch embedding, which maps pixels to the width, is `embedding`; the matrices inside the blocks are `hidden`."""
        roles: dict[str, Role] = {}
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                roles[name] = "bias"
            elif parameter.ndim == 1:
                roles[name] = "norm"
            elif name == "patch_embedding.weight":
                roles[name] = "embedding"
            else:
                roles[name] = "head" if name == "head.weight" else "hidden"
        return roles


WORKLOAD = ViTWorkload
