"""DRIT++.

Lee et al., "DRIT++: Diverse Image-to-Image Translation via Disentangled Representations", IJCV 2020, arXiv 1905.01270,
and Lee et al., ECCV 2018, arXiv 1808.00948.

Where the terms of the paper are, by symbol:

| equation | what | function |
|---|---|---|
| L_adv^content | of E^c | `hifisyn/losses/adversarial.py:content_adversarial_loss` |
| L_adv^content | of D^c | `hifisyn/losses/adversarial.py:content_discriminator_loss` |
| u, v | forward and backward translation, and self-reconstruction | `passes.py:Passes.render` |
| L_adv^domain | of G | `hifisyn/losses/adversarial.py:generator_loss` |
| L_KL | attribute codes like N(0, I) | `kl.py:kl_to_standard_normal` |
| L_1^latent | codes of translations with random codes | `passes.py:Passes.mean_by_fixed_encoder` |
| L_ms | mode seeking | `mode_seeking.py:mode_seeking` |
| objective | the whole, with L_1^cc and L_1^recon | `trainer.py:DRIT.objective` |
"""
