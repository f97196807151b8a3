"""Which encoder a run uses: a network by its name, a trained encoder by its path, or the newest one."""

from pathlib import Path

from shared.artefacts import EncoderArtefact
from shared.degradations import load_space
from shared.run_folders import find_newest_run


def is_network_name(encoder: str) -> bool:
    """Whether the text is the name of a network instead of the path of a trained encoder."""
    return "/" not in encoder and not Path(encoder).exists()


def find_newest_encoder(runs_dir: str) -> str:
    """Finds the path of the newest finished pretraining run.

    Raises:
        ValueError: There is none.
    """
    newest = find_newest_run(runs_dir, "pretrain")
    if newest is None:
        raise ValueError(
            f"there is no finished encoder in {runs_dir}/pretrain: train one with `make pretrain`, give encoder=PATH, "
            "or choose conditioning=joint, which needs none"
        )
    return str(newest)


def check_scale(path: str, artefact: EncoderArtefact, scale: int) -> None:
    """Refuses an encoder of images of another scale; one of images that are not down-sampled fits every scale.

    Args:
        path: Path of the encoder, for the message.
        artefact: The encoder.
        scale: Scale of the SR network.

    Raises:
        ValueError: The encoder was trained on images of another scale.
    """
    trained_scale = read_scale(artefact)
    if trained_scale not in (None, 1, scale):
        raise ValueError(
            f"encoder={path} was trained on images down-sampled by {trained_scale} (space "
            f"{artefact.metadata.get('degradation')}), but scale={scale}: use an encoder of that scale, or of a space "
            "that does not down-sample"
        )


def read_scale(artefact: EncoderArtefact) -> int | None:
    """Reads by how much the images that an encoder was trained on were down-sampled, 1 = not at all; None if unknown.

    Artefacts of earlier versions only name their degradation space.
    """
    scale = artefact.metadata.get("scale")
    if isinstance(scale, int):
        return scale
    try:
        return load_space(str(artefact.metadata.get("degradation", ""))).scale
    except ValueError:
        return None  # the file of its space no longer exists
