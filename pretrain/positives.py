"""Policy of positives: which views are queries or keys, and how several positives form the terms of a loss."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from shared.bounds import bounded
from shared.command import ConfigError

SIDES = ("key", "query", "both")
AGGREGATES = ("pair", "all_pairs", "center", "logit_mean", "combination")
ENQUEUE_CHOICES = ("first", "center", "all")

Group = tuple[int, ...]


@dataclass
class PositivesConfig:
    """Options of the positives: their number per row and their aggregation.

    Attributes:
        count: Number of positives per row, at least 1.
        side: Side with `count` views: `key`, `query` or `both`. With `symmetric`, the side that is aggregated.
        aggregate: `pair` (i-th query with i-th key), `all_pairs` (each query with each key), `center` (mean,
            re-normalised), `logit_mean` (mean, not re-normalised) or `combination` (mean of each pair, re-normalised).
        symmetric: Whether each large view is both query and key, though never its own positive; requires `count + 1`
            large views.
        enqueue: Keys of a row that a queue stores: its `first` key, the `center` of its keys or `all` of them.
    """

    count: int = bounded(1, 1, 1024)  # one positive: the published MoCo and DASR
    side: str = "key"  # several keys give a less noisy target
    aggregate: str = "pair"
    symmetric: bool = False
    enqueue: str = "first"  # one key per row: the queue holds as many degradations as keys


def positives_overrides(key: str, value: str) -> list[str]:
    """Expands `positives=5` or `positives=center5` into overrides of the count and the aggregate.

    Args:
        key: Dotted key of the positives, such as `positives`.
        value: A count, or an aggregate followed by a count.

    Raises:
        ConfigError: The value has another form.
    """
    match = re.fullmatch(rf"({'|'.join(AGGREGATES)})?(\d+)", value)
    if not match:
        raise ConfigError(f"{key}={value!r} is not a count such as 5, or an aggregate and a count such as center5")
    aggregate = [f"{key}.aggregate={match[1]}"] if match[1] else []
    return [f"{key}.count={match[2]}", *aggregate]


@dataclass(frozen=True)
class Terms:
    """The T terms of the loss of each row: term t compares `queries[:, t]` with `candidates[:, slots[t]]`.

    Attributes:
        queries: Query of each term, (B, T, D).
        candidates: Distinct keys, (B, C, D), C <= T; those of other rows are the in-batch negatives.
        slots: Index of the candidate that is the positive of each term, (T,) int64.
    """

    queries: Tensor
    candidates: Tensor
    slots: Tensor

    @property
    def keys(self) -> Tensor:
        """Positive of each term, (B, T, D)."""
        return self.candidates[:, self.slots]


class Positives:
    """Policy of positives: roles of the views, terms of the loss, keys for the queue.

    Without `symmetric` the first large views are queries and the next ones keys; smaller crops are always queries.

    Args:
        config: Options of the policy.

    Raises:
        ValueError: An option has an unknown value, or two options exclude each other.
    """

    def __init__(self, config: PositivesConfig) -> None:
        for option, value, choices in (
            ("side", config.side, SIDES),
            ("aggregate", config.aggregate, AGGREGATES),
            ("enqueue", config.enqueue, ENQUEUE_CHOICES),
        ):
            if value not in choices:
                listed = ", ".join(choices)
                raise ValueError(f"positives.{option}={value!r} must be one of {listed}")
        if config.count < 1:
            raise ValueError(f"positives.count={config.count} must be at least 1")
        if config.aggregate == "combination" and config.count < 2:
            raise ValueError("positives.aggregate=combination needs pairs: positives.count >= 2, got 1")
        averages = config.aggregate not in ("pair", "all_pairs")
        if config.symmetric and averages and config.side == "both":
            raise ValueError(
                f"positives.side=both aggregate={config.aggregate} symmetric=true would put a view into both "
                "means: choose side=key or side=query, or symmetric=false"
            )
        self.config = config
        if config.symmetric:
            self.query_views = self.key_views = config.count + 1
        else:
            self.query_views = 1 if config.side == "key" else config.count
            self.key_views = 1 if config.side == "query" else config.count

    @property
    def compares_single_views(self) -> bool:
        """Whether each term compares a single view with a single view, not with a mean of several."""
        return self.config.aggregate in ("pair", "all_pairs") or self.config.count == 1

    @property
    def enqueued_keys(self) -> int:
        """Number of keys of a row that a queue stores."""
        return self.key_views if self.config.enqueue == "all" else 1

    def views_needed(self) -> int:
        """Returns the number of large views per row that the policy uses."""
        return self.query_views if self.config.symmetric else self.query_views + self.key_views

    def check(self, large_views: int) -> None:
        """Refuses views that do not fit the policy.

        Args:
            large_views: Number of views of the largest crop size per row; the number of smaller crops is free.

        Raises:
            ValueError: There are more or fewer large views than the policy uses.
        """
        needed = self.views_needed()
        if large_views != needed:
            c = self.config
            raise ValueError(
                f"positives.count={c.count} side={c.side} symmetric={str(c.symmetric).lower()} uses {needed} "
                f"large views per row, the views give {large_views}: set views to {needed} crops of the largest "
                "size, or change the positives"
            )

    def split(self, crops: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Tensor]:
        """Splits the crops into those of the query encoder and those of the key encoder.

        Args:
            crops: Crops per size, largest first, (B, V_s, ...).

        Returns:
            The query crops per size, largest first, and the key crops (B, K, ...).
        """
        large, small = crops[0], crops[1:]
        if self.config.symmetric:
            return crops, large
        return (large[:, : self.query_views], *small), large[:, self.query_views :]

    def roles(self, projections: Tensor) -> tuple[Tensor, Tensor]:
        """Splits the projections of all views into queries and keys, for methods that embed both by one network.

        Args:
            projections: Projections of all views, large ones first, (B, V, D).

        Returns:
            Queries (B, Q + S, D), where S counts the smaller crops, and keys (B, K, D).
        """
        large = self.views_needed()
        if self.config.symmetric:
            return projections, projections[:, :large]
        small = projections[:, large:]
        queries = torch.cat([projections[:, : self.query_views], small], dim=1)  # (B, Q + S, D)
        return queries, projections[:, self.query_views : large]

    def terms(self, queries: Tensor, keys: Tensor) -> Terms:
        """Builds the terms of the loss; gradients flow through the means.

        Args:
            queries: Queries, large views first, (B, Q + S, D), of unit length unless the method compares raw
                projections.
            keys: Keys, (B, K, D), normalised like the queries.
        """
        config = self.config
        small = queries.shape[1] - self.query_views
        query_groups, key_groups, slots = _pair_groups(
            config.aggregate, config.side, config.symmetric, self.query_views, small, self.key_views
        )
        rescale = config.aggregate in ("center", "combination")
        return Terms(
            queries=_average_groups(queries, query_groups, rescale),  # (B, T, D)
            candidates=_average_groups(keys, key_groups, rescale),  # (B, C, D)
            slots=_constant_index(slots, queries.device),
        )

    def keys_to_enqueue(self, keys: Tensor) -> Tensor:
        """Selects or averages the keys that a queue stores.

        Args:
            keys: Keys of unit length, (B, K, D).

        Returns:
            Keys to enqueue, (B, D) for `first` and `center`, (B * K, D) row by row for `all`.
        """
        if self.config.enqueue == "first":
            return keys[:, 0]
        if self.config.enqueue == "center":
            return normalize(keys.mean(dim=1), dim=-1)
        return keys.flatten(0, 1)  # (B * K, D)


def _group(aggregate: str, views: Sequence[int]) -> list[Group]:
    """Groups the views that an aggregate averages."""
    if aggregate == "all_pairs":
        return [(view,) for view in views]
    if aggregate == "combination":
        return list(combinations(views, 2))
    return [tuple(views)]


@lru_cache(maxsize=64)
def _pair_groups(
    aggregate: str, side: str, symmetric: bool, large: int, small: int, keys: int
) -> tuple[tuple[Group, ...], tuple[Group, ...], Group]:
    """Pairs groups of query views with groups of key views.

    Returns:
        A group of query views per term, the distinct groups of key views, and the index of the key group per term.
    """
    all_queries, all_keys = range(large + small), range(keys)

    def is_positive(query: int, key: int) -> bool:
        return not (symmetric and query == key)

    pairs: list[tuple[Group, Group]] = []
    if aggregate == "pair":
        if symmetric:
            pairs = [((i,), ((i + 1) % keys,)) for i in range(large)]
        else:
            pairs = [((t % large,), (t % keys,)) for t in range(max(large, keys))]
        pairs += [((large + s,), (s % keys,)) for s in range(small)]
    elif side == "both" and not symmetric:
        pairs = [(q, k) for q in _group(aggregate, all_queries) for k in _group(aggregate, all_keys)]
    elif side == "query":
        for j in all_keys:
            pairs += [(q, (j,)) for q in _group(aggregate, [i for i in all_queries if is_positive(i, j)])]
    else:
        for i in all_queries:
            pairs += [((i,), k) for k in _group(aggregate, [j for j in all_keys if is_positive(i, j)])]
    key_groups = tuple(dict.fromkeys(k for _, k in pairs))
    return tuple(q for q, _ in pairs), key_groups, tuple(key_groups.index(k) for _, k in pairs)


def _average_groups(views: Tensor, groups: tuple[Group, ...], rescale: bool) -> Tensor:
    """Averages groups of views, (B, N, D) -> (B, len(groups), D); groups may differ in size."""
    longest = max(len(g) for g in groups)
    if longest == 1:
        return views[:, _constant_index(tuple(g[0] for g in groups), views.device)]
    index = _constant_index(tuple(i for g in groups for i in g + (0,) * (longest - len(g))), views.device)
    weights = _mean_weights(tuple(len(g) for g in groups), longest, views.device)[:, :, None]  # (G, longest, 1)
    members = views[:, index].unflatten(1, (len(groups), longest))  # (B, G, longest, D)
    means = (members * weights.to(views.dtype)).sum(dim=2)  # (B, G, D)
    return normalize(means, dim=-1) if rescale else means


@lru_cache(maxsize=256)
def _constant_index(values: tuple[int, ...], device: torch.device) -> Tensor:
    """Returns a constant index on a device, copied there once."""
    with torch.inference_mode(False):  # the first call may come from validation, the next one needs gradients
        return torch.tensor(values, device=device)


@lru_cache(maxsize=64)
def _mean_weights(sizes: tuple[int, ...], longest: int, device: torch.device) -> Tensor:
    """Returns the weights 1 / size of the members of each group, 0 for padding, (len(sizes), longest)."""
    with torch.inference_mode(False):
        return torch.tensor([[1 / n] * n + [0.0] * (longest - n) for n in sizes], device=device)
