"""Reader of photographs: an encoder, and the predictor of what it tells."""

from torch import Tensor

from shared.data import ImageStore
from shared.data.sampling import make_generator
from shared.encoders import Encoder
from shared.inference import embed_batches
from shared.progress_bar import ProgressBar
from shared.readings.predictor import Predictor
from shared.readings.reading import Reading
from shared.readings.samples import PATCH, Samples
from shared.readings.windows import SUMMARIES, WINDOWS, cut_windows, draw_places, measure_texture, pool

MIN_TEXTURE = 1.0  # 8-bit levels; where the windows have less contrast, nothing can be read


class PhotographReader:
    """Reads what happened to photographs.

    Args:
        encoder: Encoder on the device that is to compute.
        samples: Photographs under known degradations, as it sees them.

    Raises:
        ValueError: The samples are not of this encoder, or fit no predictor, see `Predictor`.
    """

    def __init__(self, encoder: Encoder, samples: Samples) -> None:
        if samples.features.shape[1] != encoder.dim + SUMMARIES:
            raise ValueError(f"samples with {samples.features.shape[1]} features are not of {encoder.dim} dimensions")
        self._encoder = encoder
        self._predictor = Predictor(samples)

    def read_store(self, store: ImageStore) -> list[Reading]:
        """Reads all photographs of a store."""
        rows = ProgressBar(range(len(store)), desc="readings", unit="image", leave=False)
        return [self.read(store.image(row).permute(2, 0, 1)) for row in rows]

    def read(self, image: Tensor) -> Reading:
        """Reads an RGB photograph (3, H, W) uint8, in float32, so that every program reads it alike."""
        height, width = image.shape[1:]
        if min(height, width) < PATCH:
            return Reading.without(f"too small, {width}x{height} pixels: a window has {PATCH}")
        places = draw_places(height, width, PATCH, WINDOWS, make_generator(height, width))
        windows = cut_windows(image, places, PATCH)
        texture = measure_texture(windows).numpy()
        if texture.mean() < MIN_TEXTURE:
            return Reading.without("too flat, nothing is to be seen")
        (vectors,) = embed_batches(
            self._encoder, [windows], bf16=False, vector_of=lambda representation: representation.vector
        )
        return self._predictor.read(pool(vectors, texture))
