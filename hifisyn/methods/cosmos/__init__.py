"""COSMOS.

Shin et al., "COSMOS: Cross-Modality Unsupervised Domain Adaptation for 3D Medical Image Segmentation based on
Target-Aware Domain Translation and Iterative Self-Training", arXiv 2203.16557 (2022).

Where the terms of the paper are, by symbol:

| equation | what | function |
|---|---|---|
| L_seg | soft Dice | `soft_dice.py:soft_dice` |
| L_seg | cross-entropy | `soft_dice.py:cross_entropy` |
| objective | the whole | `trainer.py:COSMOS.objective` |
"""
