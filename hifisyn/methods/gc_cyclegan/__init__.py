"""GC-CycleGAN.

Hiasa et al., "Cross-modality image synthesis from unpaired data using CycleGAN: Effects of gradient consistency loss
and training data size", SASHIMI 2018, arXiv 1803.06629.

Where the terms of the paper are, by symbol:

| equation | what | function |
|---|---|---|
| GC | gradient correlation | `gradient_correlation.py:gradient_correlation` |
| L_GC | gradient consistency loss | `gradient_correlation.py:gradient_loss` |
| objective | the whole | `trainer.py:GCCycleGAN.objective` |
"""
