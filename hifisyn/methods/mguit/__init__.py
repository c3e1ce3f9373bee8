"""MGUIT.

Jeong et al., "Memory-guided Unsupervised Image-to-image Translation", CVPR 2021, arXiv 2104.05170.

Where the terms of the paper are, by symbol:

| equation | what | function |
|---|---|---|
| alpha | weights of a read, and what is read | `class_memory.py:ClassMemory.read` |
| beta | weights of an update, and the update of keys and values | `class_memory.py:ClassMemory.update` |
| L_key | feature contrastive loss of keys | `contrast.py:key_contrast` |
| L_value | feature contrastive loss of values | `contrast.py:value_contrast` |
| objective | the whole | `trainer.py:MGUIT.objective` |
"""
