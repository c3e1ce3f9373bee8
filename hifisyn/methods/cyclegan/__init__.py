"""CycleGAN.

Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", ICCV 2017,
arXiv 1703.10593.

Where the equations of the paper are, by number, and other terms, by symbol:

| equation | what | function |
|---|---|---|
| 1 | L_GAN, as least squares | `hifisyn/losses/adversarial.py:least_squares` |
| 2 | L_cyc: what returns from both generators | `trainer.py:CycleGAN.round_trip` |
| 3 | the whole objective | `trainer.py:CycleGAN.objective` |
| L_identity | images of the target, `identity` of the objective | `trainer.py:CycleGAN.objective` |
"""
