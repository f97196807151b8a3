"""What each score of a report means, in a sentence, and the few that matter most."""

from analysis.measures.scores import ReportScores

KEY_SCORES = ("knn_accuracy", "content_knn", "r2/log_sigma", "r2/noise_sigma", "r2/jpeg_quality", "rank_correlation")
MAX_KEY_SCORES = 4
MEANINGS = {
    "knn_accuracy": "Share of the patches whose degradation the ten nearest patches of other images tell by a vote.",
    "separation": "How often a patch of the same degradation in another image is nearer than one of another "
    "degradation in another image (AUC).",
    "silhouette": "How compact the patches of a degradation are, from -1 to 1; below 0 other degradations are nearer.",
    "nmi": "Agreement of k-means clusters with the degradations, from 0 to 1 (normalised mutual information).",
    "map": "Mean average precision of retrieving, from other images, the patches of the same degradation.",
    "family_accuracy": "Accuracy of a linear probe of the kind of degradation, on images left out of its fit.",
    "rank_correlation": "How well the order of the other patches by distance agrees with that by the parameters of "
    "their degradations (Spearman).",
    "r2/log_sigma": "How well a linear probe reads the width of the blur, on images left out of its fit; 1 is perfect, "
    "0 is no better than the mean.",
    "r2/anisotropy": "How well a linear probe reads how oblong the blur is, on images left out of its fit.",
    "r2/angle": "How well a linear probe reads the direction of oblong blurs, on images left out of its fit.",
    "r2/noise_sigma": "How well a linear probe reads the level of the noise, on images left out of its fit.",
    "r2/jpeg_quality": "How well a linear probe reads the JPEG quality, on images left out of its fit.",
    "information": "What two patches of one degradation have in common, as far as linear probes of the parameters read "
    "it: the mutual information in nats.",
    "content_knn": "Share of the patches whose image their nearest patches under other degradations tell by a vote: "
    "how much of the content leaks. Lower is better.",
    "degradation_share": "Part of the variance of the embedding that the degradation explains.",
    "content_share": "Part of the variance of the embedding that the content explains. Lower is better.",
    "degradation_first": "How often a patch of the same degradation and another image is nearer than one of the same "
    "image and another degradation (AUC).",
    "ari": "Agreement of k-means clusters with the degradations on pairs of patches (adjusted Rand index).",
    "purity": "Share of the patches that have the most frequent degradation of their cluster.",
    "interaction_share": "Part of the variance of the embedding that neither degradation nor content alone explains.",
    "alignment": "Mean squared distance of patches of one degradation in different images. Lower is better.",
    "uniformity": "How evenly the patches cover the sphere, from -8 to 0. Lower is more even.",
    "effective_rank": "Number of directions that the embedding uses.",
    "norm_mean": "Mean length of the vectors before they are normalised.",
    "norm_spread": "Standard deviation of the lengths of the vectors over their mean.",
}


def select_key_scores(scores: ReportScores) -> list[str]:
    """Selects the names of the few scores that matter most, of those that a report has."""
    return [name for name in KEY_SCORES if name in scores.values][:MAX_KEY_SCORES]
