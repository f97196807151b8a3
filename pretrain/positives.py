"""Which views are queries, which are keys, and how several positives become the terms of a loss."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from shared.command import ConfigError

SIDES = ("key", "query", "both")
AGGREGATES = ("pair", "all_pairs", "center", "logit_mean", "combination")
ENQUEUED = ("first", "center", "all")

Group = tuple[int, ...]


@dataclass
class PositivesConfig:
    """How many positives a row has and what is made of them.

    Attributes:
        count: Positives per row, at least 1.
        side: Which side has `count` views: `key`, `query` or `both`. With `symmetric` it says which side is
            aggregated.
        aggregate: `pair` (i-th query with i-th key), `all_pairs` (every query with every key), `center`
            (mean, re-normalised), `logit_mean` (mean, not re-normalised) or `combination` (mean of every
            pair, re-normalised).
        symmetric: Every large view is query and key at once, never its own positive; asks for `count + 1`
            large views.
        enqueue: What a queue stores of a row: its `first` key, the `center` of its keys or `all` of them.
    """

    count: int = 1  # one positive: the published MoCo and DASR
    side: str = "key"  # several keys make a steadier target
    aggregate: str = "pair"
    symmetric: bool = False
    enqueue: str = "first"  # one key per row: the queue holds as many degradations as keys


def positives_overrides(key: str, value: str) -> list[str]:
    """Gives what `positives=5` or `positives=center5` stands for: the count and the aggregate.

    Args:
        key: The dotted key of the positives, such as `positives`.
        value: A count, or an aggregate and a count.

    Raises:
        ConfigError: the value is of another form.
    """
    match = re.fullmatch(rf"({'|'.join(AGGREGATES)})?(\d+)", value)
    if not match:
        raise ConfigError(f"{key}={value!r} is not a count such as 5, or an aggregate and a count such as center5")
    aggregate = [f"{key}.aggregate={match[1]}"] if match[1] else []
    return [f"{key}.count={match[2]}", *aggregate]


@dataclass(frozen=True)
class Terms:
    """The T terms of every row's loss: term t compares `queries[:, t]` with `candidates[:, slots[t]]`.

    Attributes:
        queries: (B, T, D).
        candidates: (B, C, D), the distinct keys, C <= T; those of other rows are the in-batch negatives.
        slots: (T,) int64, the candidate that is the positive of each term.
    """

    queries: Tensor
    candidates: Tensor
    slots: Tensor

    @property
    def keys(self) -> Tensor:
        """The positive of each term, (B, T, D)."""
        return self.candidates[:, self.slots]


class Positives:
    """Policy of positives: roles of the views, terms of the loss, keys for the queue.

    Without `symmetric` the first large views are queries and the next ones keys; smaller crops are always
    queries.

    Args:
        config: The policy.

    Raises:
        ValueError: If an option has an unknown value or two options exclude each other.
    """

    def __init__(self, config: PositivesConfig) -> None:
        for option, value, choices in (
            ("side", config.side, SIDES),
            ("aggregate", config.aggregate, AGGREGATES),
            ("enqueue", config.enqueue, ENQUEUED),
        ):
            if value not in choices:
                listed = ", ".join(choices)
                raise ValueError(f"positives.{option}={value!r} is unknown, choose one of {listed}")
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
        """Whether each term compares one view with one view, not with a mean of several."""
        return self.config.aggregate in ("pair", "all_pairs") or self.config.count == 1

    def views_needed(self) -> int:
        """Number of large views of a row that the policy uses."""
        return self.query_views if self.config.symmetric else self.query_views + self.key_views

    def check(self, large_views: int) -> None:
        """Refuses views that do not fit the policy.

        Args:
            large_views: Views of the largest crop size per row; smaller crops are queries in any number.

        Raises:
            ValueError: If there are more or fewer large views than the policy uses.
        """
        needed = self.views_needed()
        if large_views != needed:
            c = self.config
            raise ValueError(
                f"positives.count={c.count} side={c.side} symmetric={str(c.symmetric).lower()} uses {needed} "
                f"large views per row, the views give {large_views}: ask for {needed} crops of the largest "
                "size, or change the positives"
            )

    def split(self, crops: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Tensor]:
        """Deals the crops out to the query and the key encoder.

        Args:
            crops: Per crop size, largest first, (B, V_s, ...).

        Returns:
            The queries' crops per size, large ones first, and the keys' crops (B, K, ...).
        """
        large, small = crops[0], crops[1:]
        if self.config.symmetric:
            return crops, large
        return (large[:, : self.query_views], *small), large[:, self.query_views :]

    def roles(self, projections: Tensor) -> tuple[Tensor, Tensor]:
        """Splits the projections of all views where one network embeds queries and keys.

        Args:
            projections: (B, V, D), large views first.

        Returns:
            Queries (B, Q + S, D) with S smaller crops, and keys (B, K, D).
        """
        large = self.views_needed()
        if self.config.symmetric:
            return projections, projections[:, :large]
        small = projections[:, large:]
        queries = torch.cat([projections[:, : self.query_views], small], dim=1)  # (B, Q + S, D)
        return queries, projections[:, self.query_views : large]

    def terms(self, queries: Tensor, keys: Tensor) -> Terms:
        """Makes the terms of the loss; gradients flow through means.

        Args:
            queries: (B, Q + S, D), large views first, of unit length unless the method compares raw
                projections.
            keys: (B, K, D), as `queries`.
        """
        config = self.config
        small = queries.shape[1] - self.query_views
        query_groups, key_groups, slots = _plan(
            config.aggregate, config.side, config.symmetric, self.query_views, small, self.key_views
        )
        rescale = config.aggregate in ("center", "combination")
        return Terms(
            queries=_means(queries, query_groups, rescale),  # (B, T, D)
            candidates=_means(keys, key_groups, rescale),  # (B, C, D)
            slots=_index(slots, queries.device),
        )

    def keys_to_enqueue(self, keys: Tensor) -> Tensor:
        """What a queue stores.

        Args:
            keys: (B, K, D) of unit length.

        Returns:
            (B, D) for `first` and `center`, (B * K, D) for `all`, row after row.
        """
        if self.config.enqueue == "first":
            return keys[:, 0]
        if self.config.enqueue == "center":
            return normalize(keys.mean(dim=1), dim=-1)
        return keys.flatten(0, 1)  # (B * K, D)


def _subsets(aggregate: str) -> Callable[[Sequence[int]], list[Group]]:
    """How an aggregate groups the views that it may use."""
    if aggregate == "all_pairs":
        return lambda members: [(m,) for m in members]
    if aggregate == "combination":
        return lambda members: list(combinations(members, 2))
    return lambda members: [tuple(members)]


@lru_cache(maxsize=64)
def _plan(
    aggregate: str, side: str, symmetric: bool, large: int, small: int, keys: int
) -> tuple[tuple[Group, ...], tuple[Group, ...], Group]:
    """Lists the terms by view indices: a query group per term, the distinct key groups, a slot per term."""
    all_queries, all_keys = range(large + small), range(keys)

    def positive(query: int, key: int) -> bool:
        return not (symmetric and query == key)

    pairs: list[tuple[Group, Group]] = []
    if aggregate == "pair":
        if symmetric:
            pairs = [((i,), ((i + 1) % keys,)) for i in range(large)]
        else:
            pairs = [((t % large,), (t % keys,)) for t in range(max(large, keys))]
        pairs += [((large + s,), (s % keys,)) for s in range(small)]
    else:
        subsets = _subsets(aggregate)
        if side == "both" and not symmetric:
            pairs = [(q, k) for q in subsets(all_queries) for k in subsets(all_keys)]
        elif side == "query":
            for j in all_keys:
                pairs += [(q, (j,)) for q in subsets([i for i in all_queries if positive(i, j)])]
        else:
            for i in all_queries:
                pairs += [((i,), k) for k in subsets([j for j in all_keys if positive(i, j)])]
    key_groups = tuple(dict.fromkeys(k for _, k in pairs))
    return tuple(q for q, _ in pairs), key_groups, tuple(key_groups.index(k) for _, k in pairs)


def _means(views: Tensor, groups: tuple[Group, ...], rescale: bool) -> Tensor:
    """Means of groups of views, (B, N, D) -> (B, len(groups), D); groups may differ in size."""
    longest = max(len(g) for g in groups)
    if longest == 1:
        return views[:, _index(tuple(g[0] for g in groups), views.device)]
    index = _index(tuple(i for g in groups for i in g + (0,) * (longest - len(g))), views.device)
    weights = _weights(tuple(len(g) for g in groups), longest, views.device)[:, :, None]  # (G, longest, 1)
    members = views[:, index].unflatten(1, (len(groups), longest))  # (B, G, longest, D)
    means = (members * weights.to(views.dtype)).sum(dim=2)  # (B, G, D)
    return normalize(means, dim=-1) if rescale else means


@lru_cache(maxsize=256)
def _index(values: tuple[int, ...], device: torch.device) -> Tensor:
    """A constant index on a device, copied there once."""
    with torch.inference_mode(False):  # the first call may come from validation, the next one needs gradients
        return torch.tensor(values, device=device)


@lru_cache(maxsize=64)
def _weights(sizes: tuple[int, ...], longest: int, device: torch.device) -> Tensor:
    """Weights 1/size of the members of each group, 0 where it is filled up, (len(sizes), longest)."""
    with torch.inference_mode(False):
        return torch.tensor([[1 / n] * n + [0.0] * (longest - n) for n in sizes], device=device)
