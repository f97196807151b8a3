"""Options and images that do not fit, or would be ignored, are refused in one sentence before any work."""

import errno
from dataclasses import replace

import numpy as np
import pytest
import torch

from shared.artefacts import save_encoder
from shared.command import load_config
from shared.encoders import EncoderConfig, build_encoder
from shared.images import write_image
from sr.evaluation.benchmarks import open_benchmarks
from sr.fusion import FUSIONS
from sr.model import build_model
from sr.networks import NETWORKS
from sr.train import RECIPES, main
from sr.training.config import ALIASES, GROUPS, SHORTHANDS, SRConfig
from tests.sr.small_models import small_config


def load_options(*options: str):
    return load_config(SRConfig, RECIPES, list(options), groups=GROUPS, shorthands=SHORTHANDS, aliases=ALIASES)[1]


def save_trained_encoder(folder, degradation: str, **options):
    torch.manual_seed(0)
    encoder = build_encoder(EncoderConfig(name="dasr"))
    encoder.config = EncoderConfig(name="dasr", **options)
    save_encoder(folder / "encoder", encoder, card="", metadata={"degradation": degradation})
    return folder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("scale=4", "conditioning=none", "validation_size=48"), "validation_size=48 must be at least 64 for scale=4"),
        (
            ("conditioning=oracle", "encoder=/no/such"),
            "encoder=/no/such: unknown option 'conditioning.encoder' (valid with conditioning=oracle",
        ),
        (
            ("conditioning=none", "encoder_input=bands"),
            "encoder_input=bands: unknown option 'conditioning.input' (valid with conditioning=none",
        ),
        (
            ("conditioning=joint", "encoder=dasr", "shared_blocks=7"),
            "shared_blocks=7: unknown option 'conditioning.blocks'",
        ),
        (("conditioning=constant", "positives=5"), "positives=5: unknown option 'conditioning.positives"),
        (
            ("conditioning=oracle", "loss.contrastive=3"),
            "loss.contrastive=3: unknown option 'conditioning.contrastive'",
        ),
        (("conditioning=oracle", "key_momentum=0.5"), "key_momentum=0.5: unknown option 'conditioning.key_momentum'"),
        (
            ("conditioning=frozen", "encoder_lr=1e-4"),
            "encoder_lr=1e-4: unknown option 'conditioning.lr' (valid with conditioning=frozen",
        ),
        (
            ("conditioning=none", "method=byol"),
            "method=byol: unknown option 'conditioning.method' (valid with conditioning=none",
        ),
        (("conditioning=none", "fusion=mutual"), "fusion=mutual: unknown option 'conditioning.fusion'"),
        (("conditioning=none", "width=9"), "width=9: unknown option 'conditioning.width'"),
        (
            ("conditioning=oracle", "views.other_images=0.5"),
            "conditioning=oracle uses one LR patch",
        ),
        (
            ("conditioning=joint", "positives=center3", "conditioning.patches=5", "views=4x48"),
            "views=4x48: conditioning=joint uses 5 LR patches of one image for each degradation; give more views",
        ),
        (
            ("conditioning=random", "encoder=dasr", "conditioning.patches=2", "views.other_images=0.5"),
            "views.other_images=0.5: conditioning=random uses 2 LR patches of one image",
        ),
        (("conditioning=joint", "loss.contrastive=-1"), "conditioning.contrastive=-1.0 must be within 0..1000000"),
        (("conditioning=joint", "conditioning.lr=-1"), "conditioning.lr=-1.0 must be within 0..1000"),
        (("conditioning=oracle", "width=0"), "conditioning.width=0 must be within 1..4096"),
        (("conditioning=shared", "shared_blocks=-1"), "conditioning.blocks=-1 must be within 0..512"),
        (("conditioning=none", "probe_every=3"), "unknown option 'probe_every'"),
        (("conditioning=none", "augmentation.mixup=0.5", "devices=2"), "augmentation.mixup blends rows of one device"),
        (("conditioning=none", "network.blocks=-3"), "network.blocks=-3 must be within 1..512"),
        (("conditioning=oracle", "fusion=attention3x3", "fusion.heads=0"), "fusion.heads=0 must be within 1..4096"),
        (("conditioning=oracle", "fusion=da_conv", "width=4"), "fusion.reduction=8 must be at most width=4"),
        (
            ("conditioning=none", "network=rcan_small", "network.reduction=64"),
            "network.reduction=64 must be at most network.features=32",
        ),
    ],
)
def test_an_option_that_is_invalid_or_not_read(options, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*options, f"runs_dir={tmp_path}", "dry_run=true", "data.dead_leaves=2"])
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.strip().splitlines()) == 1


def test_an_encoder_of_another_scale(tmp_path, capsys):
    four = save_trained_encoder(tmp_path / "four", "dasr_iso")
    with pytest.raises(SystemExit):
        main([f"encoder={four}", f"runs_dir={tmp_path}", "dry_run=true", "data.dead_leaves=2"])
    assert "was trained on images down-sampled by 4 (space dasr_iso), but scale=2" in capsys.readouterr().err
    for fits, name in (("blur", "any"), ("dasr_iso_x2", "two"), ("gone.yaml", "gone")):
        conditioning = load_options(f"encoder={save_trained_encoder(tmp_path / name, fits)}").conditioning
        assert conditioning.open_encoder(2)[0] is not None, fits


def test_controls_never_have_trained_weights(tmp_path):
    folder = save_trained_encoder(tmp_path, "blur", pretrained=True)
    for conditioning in ("random", "constant"):
        options = load_options(f"encoder={folder}", f"conditioning={conditioning}").conditioning
        assert not options.open_encoder(2)[1].pretrained


def test_a_run_of_the_other_stage_is_refused(tmp_path, capsys):
    run = save_trained_encoder(tmp_path / "it", "blur")
    (run / "metrics.json").write_text("{}")
    (run / "encoder").rename(run / "model")
    with pytest.raises(SystemExit):
        main([f"encoder={run}", f"runs_dir={tmp_path}", "dry_run=true"])
    assert "it is a run of another kind: it holds no encoder/" in capsys.readouterr().err


@pytest.mark.parametrize(
    "images",
    [torch.zeros(1, 3, 20, 20, dtype=torch.uint8), torch.rand(3, 20, 20), torch.rand(1, 1, 20, 20)],
    ids=["uint8", "no batch", "gray"],
)
@pytest.mark.parametrize("conditioning", ["none", "joint"])
def test_images_of_another_kind(images, conditioning):
    model = build_model(small_config(conditioning=conditioning, bicubic_skip=True))
    with pytest.raises(ValueError, match=r"images must be \(B, 3, h, w\), floating point in \[0, 1\], not torch"):
        model(images)


def test_benchmark_images_that_are_too_large(tmp_path):
    (tmp_path / "Set").mkdir()
    write_image(tmp_path / "Set" / "large.png", np.zeros((10_000, 12_000, 3), np.uint8))
    with pytest.raises(
        ValueError,
        match=r"1 of 1 .* an image of 12000x10000 pixels, more than 100 megapixels; fix or remove them: scores are",
    ):
        open_benchmarks(str(tmp_path), [], 16)


def test_a_full_memory_is_one_sentence(capsys, tmp_path, monkeypatch):
    def no_memory(*_, **__):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr("sr.training.run.build", no_memory)
    with pytest.raises(SystemExit) as stopped:
        main(["conditioning=none", f"runs_dir={tmp_path}", "dry_run=true"])
    assert stopped.value.code == 2
    assert "sr-train: out of memory:" in capsys.readouterr().err


def test_a_full_disk_is_one_sentence(capsys, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sr.training.run.build", full)
    with pytest.raises(SystemExit) as stopped:
        main(["conditioning=none", f"runs_dir={tmp_path}", "dry_run=true"])
    assert stopped.value.code == 2
    message = "sr-train: the disk is full (No space left on device): free some space and repeat the command"
    assert capsys.readouterr().err.strip() == message


def test_an_error_in_the_code_is_not_reported_as_a_full_memory(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr("sr.training.run.build", broken)
    with pytest.raises(RuntimeError, match="mat1"):
        main(["conditioning=none", f"runs_dir={tmp_path}", "dry_run=true"])


OPTIONS = [
    (what, name, option)
    for what, known in (("network", NETWORKS), ("fusion", FUSIONS))
    for name, entry in known.items()
    for option, value in vars(entry.config()).items()
    if not isinstance(value, bool | str)
]


@pytest.mark.parametrize(("what", "name", "option"), OPTIONS)
def test_a_size_of_nothing_is_refused_by_name(what, name, option):
    config = small_config(conditioning="oracle")
    known = NETWORKS if what == "network" else FUSIONS
    options = known[name].config(**{option: 0})
    with pytest.raises(ValueError, match=f"{what}_options.{option}=0 must be (above 0|within 1)"):
        build_model(replace(config, **{what: name, f"{what}_options": options}))
