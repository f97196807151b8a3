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
    try:
        space = load_space(str(artefact.metadata.get("degradation", "")))
    except ValueError:
        return  # the file of its space no longer exists
    if space.scale not in (1, scale):
        raise ValueError(
            f"encoder={path} was trained on images down-sampled by {space.scale} (space {space.name}), but "
            f"scale={scale}: use an encoder of that scale, or of a space that does not down-sample"
        )
