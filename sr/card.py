"""The model card of an SR model."""

from sr.config import SRConfig


def model_card(config: SRConfig, recipe: str, table: str, *, training_images: int, degradation: str) -> str:
    """Markdown: what it is, how it was trained, what it scores, how to load it."""
    data = "built-in photographs and dead leaves" if config.data.kind == "builtin" else "a folder of images"
    choices = f"{config.network.name}, {config.fusion.name}, {config.conditioning}"
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
