"""UVCGAN.

Torbunov et al., "UVCGAN: UNet Vision Transformer cycle-consistent GAN for unpaired image-to-image translation",
WACV 2023, arXiv 2203.02557.

Where the terms of the paper are, by symbol:

| equation | what | function |
|---|---|---|
| alpha | transformer block with a learnt share (ReZero) | `pixel_vit.py:ReZeroBlock` |
| L_GP | gradient penalty | `gradient_penalty.py:gradient_penalty` |
| L_inpainting | pre-training on masked images | `trainer.py:UVCGAN.inpainting` |
| objective | the whole, that of CycleGAN | `hifisyn/methods/cyclegan/trainer.py:CycleGAN.objective` |
"""
