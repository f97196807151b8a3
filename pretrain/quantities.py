"""Quantities of a pretraining run by which runs are matched and compared: what a step sees and what it costs."""

from pretrain.config import PretrainConfig
from pretrain.methods import METHODS
from pretrain.methods.moco import MoCoConfig
from pretrain.positives import Positives
from pretrain.time_constants import count_lag


def count_per_step(config: PretrainConfig) -> dict[str, float]:
    """Counts what an optimiser step sees.

    Args:
        config: Options after `PretrainConfig.fit_time_constants`.

    Returns:
        `degradations`, `patches` and `pixels` that a step sees; its `forward_passes`, patches that pass through the
        encoder or the target network; and, which do not add up over the steps, the `negative_degradations` of a query
        in the batch or in a full queue and the `target_lag` in steps, where the method has them.
    """
    sizes, positives = config.views.sizes(), Positives(config.positives)
    method = METHODS[config.method_name].method
    rows, views = config.batch_size, sum(size.count for size in sizes)
    smaller_views = views - sizes[0].count
    embedded = positives.query_views + smaller_views + positives.key_views if method.has_target else views
    counts: dict[str, float] = {
        "degradations": rows,
        "patches": rows * views,
        "pixels": rows * sum(size.count * size.patch**2 for size in sizes),
        "forward_passes": rows * embedded,
    }
    if method.has_target:
        counts["target_lag"] = round(count_lag(config.pace.key_momentum), 2)
    if isinstance(config.method, MoCoConfig) and config.method.queue_size:
        counts["negative_degradations"] = round(int(config.method.queue_size) / positives.enqueued_keys)
    elif method.compares_rows or isinstance(config.method, MoCoConfig):
        counts["negative_degradations"] = config.micro_batch_size - 1
    return counts
