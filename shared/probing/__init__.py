"""How much an embedding encodes of a degradation: probe sets, measures, scores, linear probes, intervals."""

from shared.probing.bootstrap import bootstrap_over_images, image_weights, percentile_interval, recentre
from shared.probing.cluster_agreement import adjusted_rand_index, chance_purity, purity
from shared.probing.measures import chance_accuracy, nearest_outside, spherical_kmeans, unit_rows
from shared.probing.network_scores import NetworkScorer
from shared.probing.probe_builders import build_probe_set, build_run_probe, listed_degradations, source_side
from shared.probing.probe_set import UNLISTED, ProbeSet
from shared.probing.ridge import ridge_predictions
from shared.probing.run_scores import image_sums_to_json, score_table, scores_to_json, scores_to_scalars
from shared.probing.scores import EmbeddingScorer, EmbeddingScores, ImageSums, finite_mean, score_embedding

__all__ = [
    "UNLISTED",
    "EmbeddingScorer",
    "EmbeddingScores",
    "ImageSums",
    "NetworkScorer",
    "ProbeSet",
    "adjusted_rand_index",
    "bootstrap_over_images",
    "build_probe_set",
    "build_run_probe",
    "chance_accuracy",
    "chance_purity",
    "finite_mean",
    "image_sums_to_json",
    "image_weights",
    "listed_degradations",
    "nearest_outside",
    "percentile_interval",
    "purity",
    "recentre",
    "ridge_predictions",
    "score_embedding",
    "score_table",
    "scores_to_json",
    "scores_to_scalars",
    "source_side",
    "spherical_kmeans",
    "unit_rows",
]
