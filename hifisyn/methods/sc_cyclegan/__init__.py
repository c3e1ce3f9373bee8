"""SC-CycleGAN.

Yang et al., "Unsupervised MR-to-CT synthesis using structure-constrained CycleGAN", IEEE TMI 39(12), 2020; workshop
version DLMIA 2018, arXiv 1809.04536.

Where the terms of the paper are, by symbol:

| equation | what | function |
|---|---|---|
| F | modality independent neighbourhood descriptor (MIND) | `mind.py:mind` |
| K | Gaussian weights of a patch | `mind.py:patch_weights` |
| L_structure | structure consistency loss | `mind.py:structure_loss` |
| SA | self-attention | `self_attention.py:SelfAttention` |
| objective | the whole | `trainer.py:SCCycleGAN.objective` |
"""
