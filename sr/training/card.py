"""The model cards of an SR model, and of the encoder that was trained with it."""

from sr.training.config import SRConfig


def format_model_card(
    config: SRConfig,
    recipe: str,
    table: str,
    *,
    training_images: int,
    degradation: str,
    seen: str,
) -> str:
    """Formats the card of a model in Markdown: what it is, how it was trained and is loaded, and its scores.

    Args:
        config, recipe, degradation: The options, recipe and degradation space of the run.
        table: Scores on held-out images.
        training_images: Number of images that were trained on.
        seen: What the encoder sees of an image, see `Source.describe`.
    """
    data = "built-in photographs and dead leaves" if config.data.kind == "builtin" else "a folder of images"
    choices = f"{config.network.name}; {config.conditioning.describe()}"
    return f"""# {config.name}: x{config.scale} super-resolution ({choices})

Super-resolves images of unknown degradation. Trained with recipe `{recipe}` on {training_images} images ({data}),
degradation space `{degradation}`, {config.steps} steps of {config.batch_size} LR patches of {config.patch} px,
{config.precision}, seed {config.seed}.
{seen}

```python
from sr import load_model
model = load_model("PATH OF THIS FOLDER")
sr_image = model(lr_image)  # (B, 3, h, w) RGB in [0, 1] -> (B, 3, {config.scale} h, {config.scale} w)
```

## Scores on held-out images

```
{table}
```

The scores hold for degradations of this space.
"""


def format_encoder_card(config: SRConfig, recipe: str, *, degradation: str) -> str:
    """Formats the card of an encoder in Markdown: where it comes from, and how it is loaded."""
    return f"""# {config.name}: degradation encoder of an SR model ({config.conditioning.name})

Maps an LR image to a vector that describes its degradation. Trained as part of the SR model of the same run with
recipe `{recipe}`, degradation space `{degradation}`, {config.steps} steps of {config.batch_size} LR patches of
{config.patch} px.

```python
from shared import load_encoder
encoder = load_encoder("PATH OF THIS FOLDER")
vector = encoder(images).vector  # images (B, 3, h, w) RGB in [0, 1]
```

It has not been measured; `make embed-viz ENCODERS=PATH` measures it.
"""
