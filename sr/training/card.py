"""The model cards of an SR model, and of the encoder that learned in it."""

from sr.training.config import SRConfig


def model_card(config: SRConfig, recipe: str, table: str, *, training_images: int, degradation: str) -> str:
    """Markdown: what it is, how it was trained, what it scores, how to load it."""
    data = "built-in photographs and dead leaves" if config.data.kind == "builtin" else "a folder of images"
    choices = f"{config.network.name}; {config.conditioning.describe()}"
    return f"""# {config.name}: x{config.scale} super-resolution ({choices})

Super-resolves images of unknown degradation. Trained by recipe `{recipe}` on {training_images} images ({data}),
degradation space `{degradation}`, LR patches of {config.patch} px, {config.batch_size} a step, {config.steps} steps,
{config.precision}, seed {config.seed}.

```python
from sr.model import load_model
model = load_model("PATH OF THIS FOLDER")
sr_image = model(lr_image)  # (B, 3, h, w) RGB in [0, 1] -> (B, 3, {config.scale} h, {config.scale} w)
```

## Scores on held-out images

```
{table}
```

The scores hold for degradations like those of its space.
"""


def encoder_card(config: SRConfig, recipe: str, *, degradation: str) -> str:
    """Markdown: where the encoder comes from, how to load it."""
    return f"""# {config.name}: degradation encoder of an SR model ({config.conditioning.name})

Maps an LR image to a vector that describes its degradation. It learned as part of the SR model of the same run: recipe
`{recipe}`, degradation space `{degradation}`, LR patches of {config.patch} px, {config.batch_size} a step,
{config.steps} steps.

```python
from shared import load_encoder
encoder = load_encoder("PATH OF THIS FOLDER")
vector = encoder(images).vector  # images (B, 3, h, w) RGB in [0, 1]
```

`make embed-viz ENCODERS=PATH` measures it; it has no scores yet.
"""
