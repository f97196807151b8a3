"""What interrupts the writing of a checkpoint ends the run as itself, and the checkpoint before it stays."""

from types import SimpleNamespace

import pytest
import torch

from shared.training.checkpointing import LastCheckpoint


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_not_replaced_by_an_error_of_the_writer(tmp_path, interruption):
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"the one before")

    class Interrupting:
        def __reduce__(self):
            raise interruption

    trainer = SimpleNamespace(
        global_step=1,
        max_steps=1,
        accumulate_grad_batches=1,
        is_global_zero=True,
        save_checkpoint=lambda partial: torch.save([torch.zeros(9), Interrupting()], partial),
    )
    with pytest.raises(interruption):
        LastCheckpoint(path, every=1).on_train_batch_end(trainer, None, None, None, 0)
    assert path.read_bytes() == b"the one before"
