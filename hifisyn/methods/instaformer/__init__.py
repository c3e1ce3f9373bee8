"""InstaFormer.

Kim et al., "InstaFormer: Instance-Aware Image-to-Image Translation with Transformer", CVPR 2022, arXiv 2203.16248.

Where the terms of the paper are, by symbol:

| equation | what | function |
|---|---|---|
| AdaIN | norm of tokens by style | `layer.py:token_norm` |
| RoIAlign | content of an instance's box | `roi.py:roi_align` |
| L_NCE | global contrastive loss | `trainer.py:InstaFormer.position_loss` |
| L_NCE^ins | instance-level contrastive loss | `trainer.py:InstaFormer.box_loss` |
| l | the contrastive term of both | `patch_nce.py:patch_nce` |
| objective | the whole | `trainer.py:InstaFormer.objective` |
"""
