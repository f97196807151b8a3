"""Which precision `auto` stands for."""

import pytest
import torch

from shared.devices import precision_of

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, "fp32"),
        ({"avx512_bf16": True}, "bf16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bf16"),
        ({"neon": True, "bf16": True}, "bf16"),
    ],
)
def test_a_cpu_computes_in_bf16_where_it_has_units_for_it(units, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units, raising=False)
    assert precision_of("auto", CPU) == expected


def test_a_torch_that_does_not_name_the_units_gives_fp32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert precision_of("auto", CPU) == "fp32"


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16"), (False, "fp32")])
def test_a_gpu_is_asked_without_emulation(native, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native or including_emulation)
    assert precision_of("auto", GPU) == expected


@pytest.mark.parametrize("said", ["fp32", "bf16"])
def test_what_is_said_is_taken(said, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": said == "fp32"}, raising=False)
    assert precision_of(said, CPU) == said
