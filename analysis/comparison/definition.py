"""The definition of a study: its question, its arms, what they share, and what they may differ in."""

import re
import shlex
from dataclasses import dataclass, field

from omegaconf import MISSING

from shared.bounds import bounded

STAGES = {"pretrain": "pretrain.train", "sr": "sr.train"}  # stage -> program
CURRENCIES = ("steps", "degradations", "patches", "pixels", "forward_passes", "restored_patches")
CONTROLS = {"pretrain": ("untrained", "statistics"), "sr": ("bicubic",)}  # rows that each run scores beside its own
CLUSTERS = ("local", "slurm")
MAX_RUNS = 500


@dataclass
class StudyConfig:
    """Options of a study.

    Attributes:
        question: The question in a sentence.
        stage: `pretrain` or `sr`.
        recipe: Recipe of the stage that all arms start from.
        common: Options of all arms, as on the command line of the stage.
        arms: Options of each arm by its name, as on the command line of the stage; empty for those of all.
        reference: Arm from which the others' distance is measured.
        budget: What each arm spends, such as `{patches: 19200}`: its steps are computed from what a step sees. One of
            steps, degradations, patches, pixels, forward_passes and, of sr, restored_patches.
        seeds: Seeds of each arm.
        measures: Scores of the answer, such as `knn_accuracy`, `nmi`, `content_knn`, `r2/log_sigma` or, of sr,
            `psnr_y` and `share`.
        share: Of sr, the arms between which a share is measured, such as `[constant, oracle]`.
        controls: Rows that the runs score beside their own: `untrained`, `statistics`; of sr, `bicubic`.
        varies: Options and quantities (degradations, patches, pixels, forward_passes, negative_degradations,
            target_lag, ...) that the question is about; with a final `*`, all that begin so.
        allow: Other differences between the arms that are accepted, each with its reason; the table lists them.
        name: Name of the folder under `runs_dir/studies/`; by default that of the study.
        runs_dir: Root folder of all runs.
        images: Folder of photographs for all runs; empty for those of the definition, or built-in ones.
        same_images: Whether `images` are those that the study came with, so that the records that it came with count
            too; refused as soon as a new run shows that they are not.
        further: Further options of all runs, as on the command line of the stage.
        only: Arms to train, to divide a study among machines; empty for all. The answer has all that are there.
        jobs: Number of runs at once, each with its share of the cores; on a cluster, of jobs in its queue.
        cluster: `local`, or `slurm`, where each run is a job, requeued when its time is over.
        job_minutes: Minutes after which a cluster ends a job, which then goes on from its checkpoint.
        partition: Partition of the cluster; empty for its default.
        train: Whether to train what is missing; false answers with what is there.
        page: Whether to draw a page with the maps of the arms' encoders of the first seed.
        dry_run: Whether to check everything, print the number of runs, their time and their size, and train nothing.
    """

    question: str = MISSING
    stage: str = "pretrain"
    recipe: str = "quick"
    common: str = ""
    arms: dict[str, str] = field(default_factory=dict)
    reference: str = MISSING
    budget: dict[str, float] = field(default_factory=dict)
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    measures: list[str] = field(default_factory=lambda: ["knn_accuracy", "nmi", "content_knn"])
    share: list[str] = field(default_factory=list)
    controls: list[str] = field(default_factory=list)
    varies: list[str] = field(default_factory=list)
    allow: dict[str, str] = field(default_factory=dict)
    name: str = ""
    runs_dir: str = "runs"
    images: str = ""
    same_images: bool = False
    further: str = ""
    only: list[str] = field(default_factory=list)
    jobs: int = bounded(1, 1, 1000)
    cluster: str = "local"
    job_minutes: int = bounded(240, 1, 100_000)
    partition: str = ""
    train: bool = True
    page: bool = True
    dry_run: bool = False

    def check(self) -> None:
        """Refuses a definition that is incomplete or contradicts itself.

        Raises:
            ValueError: The message names the option, and what would be right.
        """
        for option, allowed in (("stage", STAGES), ("cluster", CLUSTERS)):
            if getattr(self, option) not in allowed:
                raise ValueError(f"{option}={getattr(self, option)!r} must be one of {', '.join(allowed)}")
        if len(self.arms) < 2:
            raise ValueError(f"arms: a study compares at least two arms, got {len(self.arms)}")
        for arm in self.arms:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", arm):
                raise ValueError(f"arms: {arm!r} must be a name of letters, digits and _ . + -")
        for option, arms in (("reference", [self.reference]), ("only", self.only), ("share", self.share)):
            if unknown := [arm for arm in arms if arm not in self.arms]:
                raise ValueError(f"{option}: {unknown[0]!r} is not an arm (there are {', '.join(self.arms)})")
        if len(self.share) not in (0, 2) or len(set(self.share)) != len(self.share):
            raise ValueError("share: give the two arms that are its 0 and its 1, such as [constant, oracle]")
        if ("share" in self.measures) != bool(self.share):
            raise ValueError("the measure `share` and the option `share` go together: give both or none")
        if len(self.budget) != 1 or next(iter(self.budget)) not in CURRENCIES or min(self.budget.values()) < 1:
            raise ValueError(f"budget: give one of {', '.join(CURRENCIES)}, such as {{patches: 19200}}")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds={self.seeds} must be different numbers of at least 0")
        if len(self.seeds) * len(self.arms) > MAX_RUNS:
            raise ValueError(f"{len(self.arms)} arms of {len(self.seeds)} seeds are more than {MAX_RUNS} runs")
        if unknown := [control for control in self.controls if control not in CONTROLS[self.stage]]:
            raise ValueError(f"controls: {unknown[0]!r} is none of {', '.join(CONTROLS[self.stage])}")

    @property
    def currency(self) -> str:
        """What the arms spend equally."""
        return next(iter(self.budget))

    def arguments(self, arm: str) -> list[str]:
        """Returns the arguments of an arm for the program of its stage, without seed, steps and folder."""
        images = [f"data.root={self.images}"] if self.images else []
        images = ["data=folder", *images] if images else []
        texts = (self.common, self.arms[arm], self.further)
        own, arms, further = (shlex.split(text) for text in texts)
        return [f"--config-name={self.recipe}", *own, *images, *arms, *further]
