"""Model card of an encoder."""

from pretrain.config import PretrainConfig
from shared.probing import EmbeddingScores, score_table


def model_card(config: PretrainConfig, recipe: str, scores: dict[str, EmbeddingScores], *, training_images: int) -> str:
    """Writes the model card in Markdown: what the encoder is, how it was trained, its scores, how to load it."""
    data = "built-in photographs and dead leaves" if config.data.kind == "builtin" else "a folder of images"
    return f"""# {config.name}: degradation encoder ({config.encoder.name}, input {config.encoder.input})

Maps an image to a vector that describes its degradation. Trained by `{config.method_name}` (recipe `{recipe}`)
on {training_images} images ({data}), degradation space `{config.degradation}`, views `{config.views.crops}`,
{config.batch_size} degradations per step, {config.steps} steps, {config.precision}, seed {config.seed}.

```python
from shared import load_encoder
encoder = load_encoder("PATH OF THIS FOLDER")
vector = encoder(images).vector  # images (B, 3, H, W) RGB in [0, 1]
```

## Scores on held-out images

```
{score_table(scores)}
```

The scores hold for degradations like those of its space; it was not trained on others.
"""
