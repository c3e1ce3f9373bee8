"""StarGAN v2.

Choi, Uh, Yoo and Ha, "StarGAN v2: Diverse Image Synthesis for Multiple Domains", CVPR 2020, arXiv 1912.01865.

Where the equations of the paper are, by number, and other terms, by symbol:

| equation | what | function |
|---|---|---|
| 1 | L_adv, of D with the R1 penalty | `trainer.py:StarGANv2.discriminator_losses` |
| 2 | L_sty, `style` of the objective | `trainer.py:StarGANv2.objective` |
| 3 | L_ds, diversity | `trainer.py:StarGANv2.diversity` |
| 4 | L_cyc, `cycle` of the objective | `trainer.py:StarGANv2.objective` |
| 5 | the whole objective | `trainer.py:StarGANv2.objective` |
| R1 | gradient penalty on real images | `r1.py:r1_penalty` |
"""
