"""Export of models as ONNX graphs for any batch size, height and width."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from shared.degradations import SUMMARY_RANGES
from shared.encoders import MIN_IMAGE_SIDE
from shared.files import write_atomically
from shared.inference import eval_mode
from sr.model import SRModel

OPSET = 20
EXAMPLE_SHAPE = (2, 3, MIN_IMAGE_SIDE + 5, MIN_IMAGE_SIDE + 8)  # of the images that the model is traced with


class _PositionalOracle(nn.Module):
    """An oracle whose parameters are a second positional input, as the exporter requires."""

    def __init__(self, model: SRModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, lr_image: Tensor, parameters: Tensor) -> Tensor:
        return self.model(lr_image, parameters=parameters)


def export_onnx(model: SRModel, path: str | Path) -> None:
    """Writes a model as an ONNX graph in float32, from `lr_image` (B, 3, h, w) in [0, 1] to `sr_image`.

    The graph of an oracle has the input `parameters` (B, 6) too.

    Args:
        model: The model, on the CPU.
        path: Path of the file.

    Raises:
        ImportError: The exporter is not installed.
        OSError: The file cannot be written.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(f'{error}: install the exporter with `pip install -e ".[onnx]"`') from error
    batch, height, width = torch.export.Dim.DYNAMIC, torch.export.Dim.DYNAMIC, torch.export.Dim.DYNAMIC
    inputs: tuple[Tensor, ...] = (torch.rand(EXAMPLE_SHAPE),)
    dynamic: dict[str, dict[int, object]] = {"lr_image": {0: batch, 2: height, 3: width}}
    exported: nn.Module = model
    if model.needs_parameters:
        exported, inputs = _PositionalOracle(model), (*inputs, torch.rand(EXAMPLE_SHAPE[0], len(SUMMARY_RANGES)))
        dynamic["parameters"] = {0: batch}
    with eval_mode(exported), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            exported,
            inputs,
            dynamo=True,
            dynamic_shapes=dynamic,
            opset_version=OPSET,
            output_names=["sr_image"],
            verbose=False,
        )
    assert program is not None
    write_atomically(Path(path), program.model_proto.SerializeToString())
