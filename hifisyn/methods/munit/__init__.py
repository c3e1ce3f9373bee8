"""MUNIT.

Huang et al., "Multimodal Unsupervised Image-to-Image Translation", ECCV 2018, arXiv 1804.04732.

Where the equations of the paper are, by number, and other terms, by symbol:

| equation | what | function |
|---|---|---|
| 1 | image reconstruction | `trainer.py:MUNIT.restore` |
| 2 | content of the translation | `trainer.py:MUNIT.render_batch` |
| 3 | style of the translation | `trainer.py:MUNIT.encode_style` |
| 4 | L_GAN, as least squares | `hifisyn/losses/adversarial.py:least_squares` |
| 5 | the whole objective | `trainer.py:MUNIT.objective` |
| AdaIN | norm whose affine the style gives | `decoder.py:StyledBlock` |
"""
