"""Paired: the base model's network, trained on scans of one person that lie on each other; what pairs could reach.

The loss with a scale that is learnt is that of Kendall and Gal, "What Uncertainties Do We Need in Bayesian Deep
Learning for Computer Vision?", NeurIPS 2017, arXiv 1703.04977, with Laplace's distribution instead of the normal one.

Where its parts are; an equation of that paper by its number:

| equation | what | function |
|---|---|---|
| 8 | L1 and the likelihood with a learnt scale | `hifisyn/base/loss.py:losses` |
| shift | the target where it fits best, within a pixel | `displacement.py:best_fit` |
| U-Net | images and logarithms of errors, told what is given | `hifisyn/base/unet.py:BaseNetwork` |
"""
