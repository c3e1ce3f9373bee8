"""RegGAN.

Kong et al., "Breaking the Dilemma of Medical Image-to-image Translation", NeurIPS 2021, arXiv 2110.06465.

Where the terms of the paper are, by symbol:

| equation | what | function |
|---|---|---|
| R | registration network | `registration.py:RegistrationNet` |
| T | resampling by a deformation field | `warp.py:warp` |
| L_smooth | smoothness of the field | `smoothness.py:smoothness` |
| objective | the whole, with the correction loss | `trainer.py:RegGAN.objective` |
"""
