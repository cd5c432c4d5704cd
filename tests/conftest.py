import pytest
import torch

# Tests run side by side; each worker gets by with one core.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


# They need further packages, and are no tests.
collect_ignore_glob = ["benchmarks/*"]
