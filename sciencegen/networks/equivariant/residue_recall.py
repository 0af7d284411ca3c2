"""What a network of residues sees of an earlier estimate: its residues' surroundings and its pairs, as in a stage."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn

from sciencegen.networks.equivariant.graph import exactly
from sciencegen.networks.equivariant.residue_frames import LOCAL_FEATURES, Frames, local_features
from sciencegen.networks.equivariant.residue_pairs import pair_features, seen_pairs


class Recall(nn.Module):
    """Additions to the features of residues, and to those of pairs in each stage; zero before training.

    Parameters
    ----------
    width, pair_width, stages : int
        Features of residues and of pairs, and number of stages.
    radial, reach : int, float
        As of the stages.
    """

    def __init__(self, width: int, pair_width: int, stages: int, radial: int, reach: float) -> None:
        super().__init__()
        self.stages, self.radial, self.reach = stages, radial, reach
        self.local = nn.Linear(LOCAL_FEATURES, width, bias=False)
        self.pair = nn.Linear(pair_features(radial), stages * pair_width, bias=False)
        for layer in (self.local, self.pair):
            nn.init.zeros_(layer.weight)

    def forward(
        self, earlier: Frames, real: Float[Tensor, "batch residue 1"], index: Int[Tensor, "_ residue"]
    ) -> tuple[Float[Tensor, "batch residue width"], tuple[Float[Tensor, "batch residue residue pair"], ...]]:
        local = self.local(exactly(local_features, *earlier, real, index).to(self.local.weight))
        seen = exactly(seen_pairs, earlier.positions, earlier.rotations, self.radial, self.reach)
        return local, self.pair(seen.to(self.pair.weight)).chunk(self.stages, -1)
