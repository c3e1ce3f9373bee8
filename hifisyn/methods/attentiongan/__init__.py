"""AttentionGAN.

Tang et al., "AttentionGAN: Unpaired Image-to-Image Translation using Attention-Guided Generative Adversarial Networks",
IEEE TNNLS 2021, arXiv 1911.11897.

Where the terms of the paper are, by symbol:

| equation | what | function |
|---|---|---|
| G(x) | contents times attention masks, and the source | `generator.py:Mixture.image` |
| objective | the whole, that of CycleGAN | `hifisyn/methods/cyclegan/trainer.py:CycleGAN.objective` |
"""
