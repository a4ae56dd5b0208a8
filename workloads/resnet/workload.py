"""The workload `resnet`: a convolutional network classifies stroke glyphs on cluttered backgrounds."""

from pathlib import Path

from torch import nn

from harness.errors import UserError
from harness.workload import Role, WorkloadConfig
from workloads.image_classification import DataConfig, ImageClassification
from workloads.resnet.model import ModelConfig, ResNet


class ResNetWorkload(ImageClassification):
    """ResNet-8 on stroke glyphs; see README.md."""

    def __init__(self, config: WorkloadConfig) -> None:
        super().__init__(config)
        try:
            self.model_config, self.data_config = ModelConfig(**config.model), DataConfig(**config.data)
        except TypeError as error:
            raise UserError(f"the settings of {config.id} do not fit: {error}") from None

    def make_data(self, folder: Path, salt: bytes | None = None) -> None:
        """Draws the glyphs."""
        from workloads.resnet.data import make

        make(folder, self.data_config, salt)

    def build_model(self) -> ResNet:
        """Returns the network; it runs in channels_last memory order because its inputs do."""
        return ResNet(self.model_config)

    def roles(self, model: nn.Module) -> dict[str, Role]:
        """All convolutions, the stem's too, are `conv`; the scales of BatchNorm are `norm`, its offsets `bias`."""
        roles: dict[str, Role] = {}
        for name, parameter in model.named_parameters():
            if name == "head.weight":
                roles[name] = "head"
            elif name.endswith("bias"):
                roles[name] = "bias"
            else:
                roles[name] = "conv" if parameter.ndim == 4 else "norm"
        return roles


WORKLOAD = ResNetWorkload
