"""Damaged images of every format in one folder, through all programs that read images."""

import random
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.images.header import FORMATS, SUFFIXES
from tests.attack.programs import Program, make_programs
from tests.mutations import damaged_bytes
from tests.test_mutated_input import encode_picture


def attack(scratch: Path, count: int) -> list[str]:
    """Makes `count` damaged images and starts four programs on them; returns a sentence on each that went wrong."""
    make_programs(scratch)
    folder = scratch / "damaged" / "Set"
    folder.mkdir(parents=True)
    originals = {name: encode_picture(name) for name in FORMATS}

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def make(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(FORMATS))
        number = len(list(folder.iterdir()))
        if number < count:
            content = data.draw(damaged_bytes(originals[name]))
            (folder / f"{number:05}{random.choice(SUFFIXES[name])}").write_bytes(content)

    make()
    for number, name in enumerate(FORMATS * 2):  # some that can be used, or nothing could be trained on
        (folder / f"whole{number}{SUFFIXES[name][0]}").write_bytes(encode_picture(name, 96))
    cache = f"data.cache_dir={scratch / 'cache'}"
    read = {
        "upscale": Program("sr.upscale", lambda out: [f"{folder}", f"{out}", f"{scratch / 'model'}"], ()),
        "embed": Program(
            "analysis.embed",
            lambda out: [
                f"{folder}",
                f"runs_dir={out}",
                "patch=16",
                "map=pca",
                cache,
            ],
            (),
        ),
        "pretrain": Program(
            "pretrain.train",
            lambda out: (
                ["encoder=dasr", "views=2x16", "batch_size=2", "dry_run=true", "data=folder", cache]
                + [f"data.root={folder}", f"runs_dir={out}"]
            ),
            (),
        ),
        "sr-eval": Program(
            "sr.evaluate",
            lambda out: [f"{scratch / 'model'}", "protocol=real", f"data.root={folder.parent}", f"runs_dir={out}"],
            (),
        ),
    }
    allowed = {"upscale": (1,), "embed": (0,), "pretrain": (0,), "sr-eval": (1,)}  # 1: some failed, the others are done
    faults = ((name, program.run(scratch / "out" / name).find_fault(allowed[name])) for name, program in read.items())
    return [f"{name}: {fault}" for name, fault in faults if fault]
