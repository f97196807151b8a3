"""Artefacts of SR models: weights and everything that the model is built from."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from shared.artefacts import WEIGHTS_FILE, Artefact, serialise
from shared.bounds import check_bounds
from shared.encoders import EncoderConfig
from sr.conditioning import EncoderInput
from sr.fusion import FUSIONS
from sr.fusion.base import SourceConfig
from sr.model import ModelConfig, SRModel, build_model, count_fewest_weights
from sr.networks import NETWORKS
from sr.networks.base import RGB_MEAN
from sr.networks.swin2sr import Swin2SRConfig


class ModelArtefact(Artefact):
    """An SR model on disk: `ModelArtefact.open(path)`."""

    name: ClassVar[str] = "model"
    format: ClassVar[str] = "unblind-sr-model"
    object_keys: ClassVar[tuple[str, ...]] = ("model", "metadata")
    tags: ClassVar[str] = "[super-resolution, blind-super-resolution]"

    @property
    def model_config(self) -> ModelConfig:
        """The configuration that the model is built from.

        Raises:
            ValueError: The configuration on disk does not describe a model.
        """
        values = dict(self.config["model"])
        tables: tuple[tuple[str, Any], ...] = (("network", NETWORKS), ("fusion", FUSIONS))
        for choice, entries in tables:
            name, key = values.get(choice), f"{choice}_options"
            if not isinstance(name, str) or name not in entries:
                raise self.corrupt_error(f'"model" has the unknown {choice} {name!r} (valid: {", ".join(entries)})')
            if not isinstance(values.get(key), dict):
                raise self.corrupt_error(f'"model" must hold "{key}"')
            if issubclass(entries[name].config, SourceConfig):
                values[key] = {"source": "map"} | values[key]  # earlier versions had no choice
            if issubclass(entries[name].config, Swin2SRConfig):
                values[key] = {"padding": Swin2SRConfig.padding} | values[key]  # nor here
            values[key] = self.read_options(key, values[key], entries[name].config)
        if not isinstance(values.get("encoder"), dict):
            raise self.corrupt_error('"model" must hold "encoder"')
        values["encoder"] = self.read_options("encoder", values["encoder"], EncoderConfig)
        encoder_input = values.get("encoder_input", asdict(EncoderInput()))  # missing in models of earlier versions
        values["encoder_input"] = self.read_options("encoder_input", encoder_input, EncoderInput)
        for name in ("scale", "width", "shared_blocks"):
            if type(values.get(name)) is not int:
                raise self.corrupt_error(f'"model" has {name} {values.get(name)!r}, not a whole number')
        if not isinstance(values.get("conditioning"), str) or not isinstance(values.get("r2", 1.0), int | float):
            raise self.corrupt_error('"model" must hold a name as "conditioning" and a number as "r2"')
        values["rgb_mean"] = self._read_rgb_mean(values.get("rgb_mean", RGB_MEAN))  # missing in earlier versions
        try:
            config = ModelConfig(**values)
            check_bounds(config, "model")
        except (TypeError, ValueError) as error:
            raise self.corrupt_error(f'"model" {error}') from error
        return config

    def _read_rgb_mean(self, values: Any) -> tuple[float, float, float]:
        if not isinstance(values, list | tuple) or [type(value) for value in values] != [float] * 3:
            raise self.corrupt_error(f'"model" has rgb_mean {values!r}, not three numbers')
        return (values[0], values[1], values[2])

    def load(self) -> SRModel:
        """Reads the model; executes and downloads nothing, and does not change torch's global generator.

        Returns:
            The model in evaluation mode, on the CPU, see `SRModel.forward`.

        Raises:
            FileNotFoundError: The weights are missing.
            ValueError: A file is corrupt, or the weights do not fit.
        """
        config, state = self.model_config, self.read_state()
        self._check_size(config, state)
        with self.building():
            model = build_model(replace(config, encoder=replace(config.encoder, pretrained=False)))
        model.config = config
        self.load_state(model, state, f"the network {config.network}")
        return model.eval()

    def _check_size(self, config: ModelConfig, state: dict[str, Tensor]) -> None:
        """Refuses a configuration of a network that has more weights than the file, before memory is full of them."""
        least = count_fewest_weights(config)
        stored = sum(tensor.numel() for tensor in state.values())
        if least > stored:
            raise self.corrupt_error(
                f"it describes a network of more than {least:,} weights, but {WEIGHTS_FILE} holds {stored:,}"
            )


def save_model(folder: Path, model: SRModel, *, card: str, metadata: dict[str, Any]) -> None:
    """Writes a model with its encoder, see `Artefact.write`.

    Args:
        folder: The artefact's folder, created if missing; other files in it stay.
        model: The model, on any device.
        card: The model card in Markdown.
        metadata: Plain JSON values, such as recipe, degradation space and scores.

    Raises:
        ValueError: The metadata is not plain JSON.
        OSError: The folder cannot be written, or the disk is full.
    """
    config = asdict(model.config)
    for options in (config["network_options"], config["fusion_options"]):
        options.pop("name", None)  # options read from a command line hold the name of the choice too
    weights = {WEIGHTS_FILE: serialise(model.state_dict())}
    ModelArtefact.write(folder, weights, {"model": config, "metadata": metadata}, card)


def load_model(path: str | Path) -> SRModel:
    """Reads a model in evaluation mode, on the CPU.

    Args:
        path: The artefact's folder, or the folder of a run that holds it as `model/`.

    Raises:
        FileNotFoundError: There is no such folder, or no complete model in it.
        ValueError: A file is corrupt, or of another format or version, or the weights do not fit.
    """
    return ModelArtefact.open(path).load()
